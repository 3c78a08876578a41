/** What the steps of a foundation can reach besides their inputs: pure. */
import type { ImageBuildSpec } from '../api/image-build.ts';
import { sha256 } from '../registry/digest.ts';
import { canonicalJson } from '../api/canonical-json.ts';
import type { FoundationInputs } from './context.ts';

/**
 * Digest of the proxy, of the name of the authorities, and of which Secrets are mounted: who may say these decides what steps download. They are no input of
 * a foundation, which stays when a proxy changes, but nobody's foundation is taken for one that was made with others. Their values are not in it.
 */
export function foundationEnvironment(
  { execution }: Pick<ImageBuildSpec, 'execution'>,
  { secrets }: Pick<FoundationInputs, 'secrets'>,
): string {
  const { proxy, caBundleRef, secrets: given = [] } = execution;
  const mounted = given.filter(({ id }) => secrets.includes(id)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return sha256(
    canonicalJson({
      ...(proxy ? { proxy: { ...proxy } } : {}),
      ...(caBundleRef ? { authorities: { ...caBundleRef } } : {}),
      secrets: mounted.map(({ id, secretRef }) => ({ id, name: secretRef.name, key: secretRef.key })),
    }),
  );
}
