import { sha256 } from '../registry/digest.ts';

/** Pods are named after their Job, and the label that names it holds so many characters. */
const maxLength = 63;

/**
 * `<definition, cut>-<10 hex>-<architecture>-<attempt>`: one name for each build, platform and attempt, so that no two Jobs can ever be made for
 * one. `build` is the ImageBuild's name, whose end has the hash of its inputs; `attempt` counts from 1.
 */
export function jobName(build: string, platform: string, attempt: number): string {
  const end = `-${platformPart(platform)}-${attempt}`;
  const hash = /-[0-9a-f]{10}$/.exec(build)?.[0] ?? `-${sha256(build).slice('sha256:'.length, 'sha256:'.length + 10)}`;
  const definition = build.endsWith(hash) ? build.slice(0, -hash.length) : build;
  // A name of an ImageBuild may have dots, which a Job's may have too, but a label's value cannot end or a pod's host name have.
  const start = definition
    .slice(0, maxLength - hash.length - end.length)
    .replaceAll('.', '-')
    .replace(/-+$/, '');
  return `${start}${hash}${end}`;
}

/** `arm64` or `arm-v7`: the variant only where an architecture has several kinds of machines. */
function platformPart(platform: string): string {
  const [, architecture = 'unknown', variant] = platform.split('/');
  return architecture === 'arm' && variant !== undefined ? `${architecture}-${variant}` : architecture;
}
