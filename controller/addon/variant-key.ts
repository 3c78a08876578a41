/** What tells the variants of an addon apart, for programs. Pure. */
import type { SystemAddonStatusVariant } from '../api/system-addon.ts';

/** Of the spec or of the status. */
type Keyed = Pick<SystemAddonStatusVariant, 'platform' | 'os'>;

/** Equal for the same platform and the same hosts, and only then. */
export function variantKey({ platform, os }: Keyed): string {
  return JSON.stringify([platform, os.id, os.versionId ?? null, os.sysextLevel ?? null]);
}
