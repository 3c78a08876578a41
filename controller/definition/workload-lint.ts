/** What is allowed in workloads but seldom meant. Pure. */
import type { SystemDefinitionSpec } from '../api/system-definition.ts';

const secretName = /PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|API_?KEY|PRIVATE_?KEY|CREDENTIAL/i;
/** Names of such variables that hold where the secret is. */
const pointerName = /_(FILE|PATH|DIR)$/i;
/** `scheme://user:password@` */
const secretUrl = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*:[^/@\s]+@/i;

/** Values that look like secrets: what is in the definition is in Git, in the API and in the image. The values themselves are not repeated. */
export function lintWorkloads(spec: SystemDefinitionSpec): string[] {
  return (spec.workloads ?? []).flatMap(({ containers }, i) =>
    containers.flatMap(({ env = [] }, j) =>
      env.flatMap(({ name, value }, k) => {
        const named = secretName.test(name) && !pointerName.test(name) && value !== '';
        if (!named && !secretUrl.test(value)) return [];
        const field = `spec.workloads[${i}].containers[${j}].env[${k}]`;
        return [
          `${field}: ${name} looks like a secret, which everyone who can pull the image can read; put it into a file of the node and name that in secretRefs`,
        ];
      }),
    ),
  );
}

/**
 * Images of workloads that are not offered for every platform of the system: bootc pulls them for the platform of the node and could not
 * stage there. `offered` has the platforms of an image as its index lists them; an image without an entry is left out.
 */
export function lintWorkloadPlatforms(platforms: readonly string[], offered: ReadonlyMap<string, readonly string[]>): string[] {
  return [...offered]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([image, own]) => {
      const missing = platforms.filter(platform => !own.some(each => runsOn(each, platform)));
      if (missing.length === 0) return [];
      return [
        `spec.workloads: ${image} is offered for ${own.join(', ') || 'no platform'}, but not for ${missing.join(', ')}; nodes of that platform cannot stage the system`,
      ];
    });
}

function runsOn(offered: string, wanted: string): boolean {
  return plain(offered) === plain(wanted);
}

/** linux/arm64 and linux/arm64/v8 are one platform (containerd's platform normalization). */
function plain(platform: string): string {
  return platform === 'linux/arm64/v8' ? 'linux/arm64' : platform;
}
