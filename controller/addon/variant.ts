/**
 * Which variant of an addon a node gets (pure): the one that its systemd would merge. The rules are those of extension_release_validate in systemd; what its versions
 * do differently is said where it counts.
 */
import type { AddonArchitecture, AddonMatch } from '../api/addon-artifact.ts';
import type { OsRelease } from './os-release.ts';

/** Which nodes a variant is for. */
export interface VariantMatch {
  /** As `linux/amd64`, or `_any`. */
  platform: string;
  os: AddonMatch;
}

/** What of a node decides. */
export interface HostSystem {
  os: OsRelease;
  /** As `linux/amd64`. */
  platform: string;
  /** Version of systemd; absent when it is not known. */
  systemd?: number;
}

/** The first systemd that is sure to take an ID of the host's ID_LIKE as well. Later stable releases of 257 do too, which their number does not tell. */
const idLikeSince = 258;

const architectures: Readonly<Record<string, AddonArchitecture>> = {
  'linux/amd64': 'x86-64',
  'linux/arm64': 'arm64',
  'linux/arm64/v8': 'arm64',
  _any: '_any',
};

/** How systemd writes the architecture of a platform in ARCHITECTURE=; undefined for a platform that addons are not made for. */
export function architectureOf(platform: string): AddonArchitecture | undefined {
  return Object.hasOwn(architectures, platform) ? architectures[platform] : undefined;
}

/**
 * The variant for a node, or why there is none, for people: what the node says of itself, and which variants there are. Of several that fit, one made for the node's own ID comes before
 * one for an ID that it is like, that before `_any`; then one for its SYSEXT_LEVEL before one for its VERSION_ID, and one for its platform before `_any`.
 */
export function variantFor<V extends VariantMatch>(variants: readonly V[], host: HostSystem): { variant: V } | { why: string } {
  let best: { variant: V; rank: number } | undefined;
  for (const variant of variants) {
    const rank = rankOf(variant, host);
    if (rank !== undefined && rank > (best?.rank ?? -1)) best = { variant, rank };
  }
  return best ? { variant: best.variant } : { why: explain(variants, host) };
}

/** How well it fits, undefined when it does not. */
function rankOf({ platform, os }: VariantMatch, host: HostSystem): number | undefined {
  if (platform !== '_any' && !isSamePlatform(platform, host.platform)) return undefined;
  const own = platform === '_any' ? 0 : 1;
  if (os.id === '_any') return own;
  const id = idRank(os.id, host);
  if (id === undefined || !isSameVersion(os, host.os)) return undefined;
  return id * 8 + (os.sysextLevel === undefined ? 0 : 4) + (os.versionId === undefined ? 0 : 2) + own;
}

function isSamePlatform(platform: string, host: string): boolean {
  const architecture = architectureOf(platform);
  return architecture !== undefined && architecture === architectureOf(host);
}

function idRank(id: string, { os, systemd = 0 }: HostSystem): 1 | 2 | undefined {
  if (id === os.id) return 2;
  return systemd >= idLikeSince && os.idLike.includes(id) ? 1 : undefined;
}

/** Levels are compared where both sides have one; otherwise versions, where the host has one. */
function isSameVersion({ versionId, sysextLevel }: AddonMatch, host: OsRelease): boolean {
  if (host.sysextLevel !== undefined && sysextLevel !== undefined) return host.sysextLevel === sysextLevel;
  return host.versionId === undefined || host.versionId === versionId;
}

/** At most so many variants are named in a message. */
const named = 8;

function explain(variants: readonly VariantMatch[], host: HostSystem): string {
  const here = `this is ${host.platform} with ${systemName(host.os)}`;
  if (variants.length === 0) return `it has no variant at all; ${here}`;
  if (architectureOf(host.platform) === undefined) return `addons are made for linux/amd64 and linux/arm64; ${here}`;
  const near = variants.find(v => (v.platform === '_any' || isSamePlatform(v.platform, host.platform) ? isNear(v, host) : false));
  const hint = near ? `; ${nearly(near, host)}` : '';
  const more = variants.length > named ? ` and ${variants.length - named} more` : '';
  return `none of its variants is for this node: ${here}, and there are ${variants.slice(0, named).map(variantName).join(', ')}${more}${hint}`;
}

/** A variant that people take for the right one: the ID is the host's, or one that it is like. */
function isNear({ os }: VariantMatch, { os: host }: HostSystem): boolean {
  const plain = os.versionId === undefined && os.sysextLevel === undefined;
  return os.id === host.id ? plain : host.idLike.includes(os.id) && isSameVersion(os, host);
}

function nearly({ os }: VariantMatch, { os: host, systemd }: HostSystem): string {
  if (os.id === host.id)
    return `one for ${os.id} without versionId is for systems without VERSION_ID only, so give it versionId: "${host.versionId ?? ''}"`;
  const version = systemd === undefined ? 'the version of systemd here is not known' : `systemd is ${systemd} here`;
  return `one for ${os.id}, which this system is like, counts from systemd ${idLikeSince} on, and ${version}`;
}

/** As `linux/amd64 for fedora 42`. */
export function variantName({ platform, os: { id, versionId, sysextLevel } }: VariantMatch): string {
  const where = platform === '_any' ? 'any platform' : platform;
  if (id === '_any') return `${where} for any system`;
  const version = versionId === undefined ? '' : ` ${versionId}`;
  return `${where} for ${id}${version}${sysextLevel === undefined ? '' : ` (SYSEXT_LEVEL ${sysextLevel})`}`;
}

function systemName({ id, idLike, versionId, sysextLevel }: OsRelease): string {
  const version = versionId === undefined ? ' without VERSION_ID' : ` ${versionId}`;
  const level = sysextLevel === undefined ? '' : `SYSEXT_LEVEL ${sysextLevel}`;
  const like = idLike.length === 0 ? '' : `like ${idLike.join(' and ')}`;
  const more = [level, like].filter(part => part !== '').join(', ');
  return `${id}${version}${more === '' ? '' : ` (${more})`}`;
}
