/** What pods of builds ask for where a definition says nothing: pure. */
import type { ImageBuildSpecExecutionResources } from '../api/image-build.ts';

/** As apimachinery's resource.Quantity, but for negative ones: a number, with a suffix of powers of ten or two, or an exponent. */
const quantity = /^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?$/;
/** A resource's name, as `memory` or `example.com/gpu`. */
const resource = /^([a-z0-9.-]+\/)?[A-Za-z0-9][-A-Za-z0-9_.]*$/;

/**
 * The resources of lists such as `cpu=500m`; undefined when both are empty.
 * @throws Error naming what is no `RESOURCE=QUANTITY`
 */
export function resourcesOf(
  requests: readonly string[],
  limits: readonly string[],
): ImageBuildSpecExecutionResources | undefined {
  if (requests.length === 0 && limits.length === 0) return undefined;
  return {
    ...(requests.length > 0 ? { requests: quantitiesOf(requests) } : {}),
    ...(limits.length > 0 ? { limits: quantitiesOf(limits) } : {}),
  };
}

function quantitiesOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map(entry => {
      const [name = '', amount = '', ...more] = entry.split('=');
      if (!resource.test(name) || !quantity.test(amount) || more.length > 0)
        throw new Error(`"${entry}" is no resource and quantity, as memory=2Gi`);
      return [name, amount];
    }),
  );
}
