/** What `addon check` answers: which addons of a profile there are for a system. Pure. The document's shape is described in docs/cli.md and stays. */
import type { AddonOrigin, ResolvedAddon } from '../api/addon-set.ts';
import type { Compared } from '../addon/compare-addons.ts';
import type { AddonOffer } from '../addon/choice.ts';
import type { OsRelease } from '../addon/os-release.ts';
import { type Profile, type ProfileEntry, profileOf } from '../addon/profile.ts';
import { resolveProfile } from '../addon/resolve-profile.ts';
import { setDigest } from '../addon/set-digest.ts';
import type { ProfileReason } from '../addon/profile-reasons.ts';
import type { OsImage, OsPlatform } from './os-image.ts';

export interface PlatformCheck {
  platform: string;
  os: OsRelease;
  ok: boolean;
  /** In the order in which they are merged; empty where there are problems. */
  addons: readonly ResolvedAddon[];
  /** Of these. Absent: none. */
  set?: string;
  problems: readonly { name: string; reason: ProfileReason; message: string }[];
  /** What was not compared, in words. Absent: nothing. */
  note?: string;
}

/** Of a node that asks for something itself; the others are as their platform. */
export interface NodeCheck extends PlatformCheck {
  node: string;
}

export interface AddonCheck {
  kind: 'AddonCheck';
  version: 1;
  ok: boolean;
  /** The system's image, by digest. */
  image: string;
  /** Where the profile is from: a file, SystemPool/NAME, Node/NAME, or `the image`, whose own profile is below all others. */
  profile: string;
  /** Names that the profile has over that of the image's first platform, who asks for each, and those that it takes away. */
  entries: readonly { name: string; addon: string; from: AddonOrigin }[];
  masked: readonly string[];
  platforms: PlatformCheck[];
  nodes: NodeCheck[];
}

export interface CheckInput {
  /** Of the pool, or in place of it. */
  asked: readonly ProfileEntry[];
  /** Where they are from. */
  from: string;
  addons: readonly AddonOffer[];
  image: OsImage;
  nodes?: readonly AskingNode[];
}

export interface AskingNode {
  node: string;
  /** As `linux/amd64`. */
  platform: string;
  entries: readonly ProfileEntry[];
}

export function checkDocument({ asked, from, addons, image, nodes = [] }: CheckInput): AddonCheck {
  const offers = new Map(addons.map(offer => [offer.name, offer]));
  const over = (vendor: readonly ProfileEntry[], own: readonly ProfileEntry[] = []): Profile =>
    profileOf([
      { from: 'vendor', entries: vendor },
      { from: 'pool', entries: asked },
      { from: 'node', entries: own },
    ]);
  const check = ({ platform, os, profile }: OsPlatform, own: readonly ProfileEntry[] = []): PlatformCheck => {
    const resolution = resolveProfile({ profile: over(profile, own), addons: offers, host: { os, platform } });
    if ('problems' in resolution) return { platform, os, ok: false, addons: [], problems: resolution.problems };
    const set = setDigest(resolution.addons);
    return { platform, os, ok: true, addons: resolution.addons, ...(set === undefined ? {} : { set }), problems: [] };
  };
  const profile = over(image.platforms[0]?.profile ?? []);
  const platforms = image.platforms.map(of => check(of));
  const ofNodes = nodes.flatMap(({ node, platform, entries }): NodeCheck[] => {
    const of = image.platforms.find(of => of.platform === platform);
    return of ? [{ node, ...check(of, entries) }] : [];
  });
  return {
    kind: 'AddonCheck',
    version: 1,
    ok: [...platforms, ...ofNodes].every(({ ok }) => ok),
    image: image.image,
    profile: from,
    entries: profile.entries.map(({ name, addon, from }) => ({ name, addon, from })),
    masked: profile.masked.map(({ name }) => name),
    platforms,
    nodes: ofNodes,
  };
}

/** The same with what comparing the files of each set has said; undefined for one that was not compared. */
export function withCompared(document: AddonCheck, compared: (check: PlatformCheck) => Compared | undefined): AddonCheck {
  const told = <C extends PlatformCheck>(check: C): C => {
    const { problems = [], note } = compared(check) ?? {};
    const noted = note === undefined ? check : { ...check, note };
    if (problems.length === 0) return noted;
    const { set: _, ...others } = noted;
    return { ...(others as C), ok: false, addons: [], problems };
  };
  const [platforms, nodes] = [document.platforms.map(told), document.nodes.map(told)];
  return { ...document, ok: [...platforms, ...nodes].every(({ ok }) => ok), platforms, nodes };
}
