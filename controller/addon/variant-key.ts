/** What tells the variants of an addon apart, for programs and for people. Pure. */
import type { SystemAddonStatusVariant } from '../api/system-addon.ts';

/** Of the spec or of the status. */
type Keyed = Pick<SystemAddonStatusVariant, 'platform' | 'os'>;

/** Equal for the same platform and the same hosts, and only then. */
export function variantKey({ platform, os }: Keyed): string {
  return JSON.stringify([platform, os.id, os.versionId ?? null, os.sysextLevel ?? null]);
}

/** As `linux/amd64 for fedora 42`, or `linux/amd64` for every system. */
export function variantName({ platform, os: { id, versionId, sysextLevel } }: Keyed): string {
  const level = sysextLevel === undefined ? undefined : `level ${sysextLevel}`;
  const system = [id === '_any' ? 'any system' : id, versionId, level].filter(part => part !== undefined).join(' ');
  const machine = platform === '_any' ? 'any platform' : platform;
  return system === 'any system' ? machine : `${machine} for ${system}`;
}
