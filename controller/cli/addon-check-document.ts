/** What `addon check` answers: which addons of a profile there are for a system. Pure. The document's shape is described in docs/cli.md and stays. */
import type { AddonOrigin, ResolvedAddon } from '../api/addon-set.ts';
import type { AddonOffer } from '../addon/choice.ts';
import type { OsRelease } from '../addon/os-release.ts';
import { type Profile, type ProfileEntry, profileOf } from '../addon/profile.ts';
import { resolveProfile } from '../addon/resolve-profile.ts';
import { setDigest } from '../addon/set-digest.ts';
import type { ProfileReason } from '../addon/profile-reasons.ts';
import type { OsImage } from './os-image.ts';

export interface PlatformCheck {
  platform: string;
  os: OsRelease;
  ok: boolean;
  /** In the order in which they are merged; empty where there are problems. */
  addons: readonly ResolvedAddon[];
  /** Of these. Absent: none. */
  set?: string;
  problems: readonly { name: string; reason: ProfileReason; message: string }[];
}

export interface AddonCheck {
  kind: 'AddonCheck';
  version: 1;
  ok: boolean;
  /** The system's image, by digest. */
  image: string;
  /** Where the profile is from: a file, or SystemPool/NAME. */
  profile: string;
  /** Names that the profile has over that of the image's first platform, who asks for each, and those that it takes away. */
  entries: readonly { name: string; addon: string; from: AddonOrigin }[];
  masked: readonly string[];
  platforms: PlatformCheck[];
}

export interface CheckInput {
  /** Of the pool, or in place of it. */
  asked: readonly ProfileEntry[];
  /** Where they are from. */
  from: string;
  addons: readonly AddonOffer[];
  image: OsImage;
}

export function checkDocument({ asked, from, addons, image }: CheckInput): AddonCheck {
  const offers = new Map(addons.map(offer => [offer.name, offer]));
  const over = (vendor: readonly ProfileEntry[]): Profile =>
    profileOf([
      { from: 'vendor', entries: vendor },
      { from: 'pool', entries: asked },
    ]);
  const profile = over(image.platforms[0]?.profile ?? []);
  const platforms = image.platforms.map(({ platform, os, profile }): PlatformCheck => {
    const resolution = resolveProfile({ profile: over(profile), addons: offers, host: { os, platform } });
    if ('problems' in resolution) return { platform, os, ok: false, addons: [], problems: resolution.problems };
    const set = setDigest(resolution.addons);
    return { platform, os, ok: true, addons: resolution.addons, ...(set === undefined ? {} : { set }), problems: [] };
  });
  return {
    kind: 'AddonCheck',
    version: 1,
    ok: platforms.every(({ ok }) => ok),
    image: image.image,
    profile: from,
    entries: profile.entries.map(({ name, addon, from }) => ({ name, addon, from })),
    masked: profile.masked.map(({ name }) => name),
    platforms,
  };
}
