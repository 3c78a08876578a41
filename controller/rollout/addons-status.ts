/** What the status of a pool says of addons, and what a new process knows from it. Pure. */
import type { AddonOrigin } from '../api/addon-set.ts';
import type { SystemPoolStatusAddons } from '../api/system-pool.ts';
import type { Compared } from '../addon/compare-addons.ts';
import type { ImageSystem } from '../addon/image-system.ts';
import { type MergedEntry, profileOf } from '../addon/profile.ts';
import { recordIn, type StatusJudgement } from '../trust/judgement.ts';
import type { Hold } from './classify.ts';
import type { Comparison } from './comparison.ts';
import type { AddonSet } from './projection.ts';
import type { NamedSet, WantedFound, WantedRequest } from './wanted.ts';

/** What is known beside the sets. */
export interface AddonsTold extends Pick<WantedRequest, 'asked'> {
  image: string | undefined;
  systems: ReadonlyMap<string, ImageSystem>;
  /** What the status says so far. */
  last?: SystemPoolStatusAddons | undefined;
  /** Digests of the sets that nodes have, or are about to have. */
  had?: ReadonlySet<string>;
  /** What trust says of artifacts, by their names. */
  trust?: ReadonlyMap<string, StatusJudgement>;
}

const most = { systems: 8, sets: 16, artifacts: 128, problems: 16, named: 16 };

/** What the status of a pool says of addons; undefined where nobody asks for any, and no node has some from before. */
export function addonsStatus(
  { asked, image, systems, last, had = new Set(), trust = new Map() }: AddonsTold,
  { wanted, sets, compared = [] }: WantedFound,
  holds: readonly { hold: Hold; nodes: readonly string[] }[],
): SystemPoolStatusAddons | undefined {
  // Platforms of one image ask for the same, unless somebody put together an index of several.
  const [vendor] = systems.values();
  const profile = profileOf([
    { from: 'vendor', entries: vendor?.profile ?? [] },
    { from: 'pool', entries: asked },
  ]);
  const counts = new Map<string, number>();
  for (const { addons } of wanted.values()) if (addons) counts.set(addons.digest, (counts.get(addons.digest) ?? 0) + 1);
  const present = [
    ...sets.map(set => wantedSet(set, counts.get(set.digest) ?? 0)),
    ...compared.map(set => wantedSet(set, set.nodes)),
  ].toSorted(byNodes);
  const told = [...present, ...former(last, present, had)].slice(0, most.sets);
  // What was read of an image is kept also where nobody asks for anything.
  if (profile.entries.length + wanted.size + systems.size + told.length === 0) return undefined;
  const artifacts = [...new Set(told.flatMap(({ addons }) => addons.map(of => of.image)))].slice(0, most.artifacts);
  return {
    ...(image === undefined ? {} : { image }),
    ...(systems.size > 0 ? { systems: [...systems].map(inStatus).slice(0, most.systems) } : {}),
    ...(profile.entries.length > 0 ? { entries: profile.entries.map(inProfile) } : {}),
    ...(told.length > 0 ? { sets: told, artifacts: artifacts.map(of => judged(of, trust.get(of))) } : {}),
    ...(holds.length > 0 ? { problems: holds.slice(0, most.problems).map(problem) } : {}),
  };
}

type ToldSet = NonNullable<SystemPoolStatusAddons['sets']>[number];

function wantedSet(set: NamedSet, nodes: number): ToldSet {
  return {
    set: set.digest,
    nodes,
    addons: set.addons.map(of => said(of, set)),
    ...(set.note === undefined ? {} : { note: set.note.slice(0, 1024) }),
    ...(set.compared === undefined ? {} : { compared: set.compared }),
  };
}

function byNodes(a: ToldSet, b: ToldSet): number {
  return b.nodes - a.nodes || (a.set < b.set ? -1 : 1);
}

/** By its digest alone nobody could say what is in a set that a node still has. */
function former(last: SystemPoolStatusAddons | undefined, present: readonly ToldSet[], had: ReadonlySet<string>): ToldSet[] {
  const wanted = new Set(present.map(({ set }) => set));
  return (last?.sets ?? []).filter(({ set }) => had.has(set) && !wanted.has(set)).map(set => ({ ...set, nodes: 0 }));
}

function judged(image: string, trust: StatusJudgement | undefined): NonNullable<SystemPoolStatusAddons['artifacts']>[number] {
  return { image, ...(trust ? { trust } : {}) };
}

function problem({
  hold: { reason, message, addons = [] },
  nodes,
}: {
  hold: Hold;
  nodes: readonly string[];
}): NonNullable<SystemPoolStatusAddons['problems']>[number] {
  const named = [...new Set(addons)].slice(0, most.named);
  return {
    reason: reason.slice(0, 64),
    message: message.slice(0, 1024),
    nodes: nodes.length,
    ...(named.length > 0 ? { addons: named } : {}),
  };
}

function said(
  { name, image }: AddonSet['addons'][number],
  { from }: NamedSet,
): { name: string; image: string; from: AddonOrigin } {
  return { name, image, from: from.get(name) ?? 'pool' };
}

/** Nothing of a node is in it. */
function inProfile({ name, addon, from }: MergedEntry): NonNullable<SystemPoolStatusAddons['entries']>[number] {
  return { name, addon, from: from === 'vendor' ? from : 'pool' };
}

type System = NonNullable<SystemPoolStatusAddons['systems']>[number];

function inStatus([platform, { os, profile }]: [string, ImageSystem]): System {
  const { id, idLike, versionId, sysextLevel } = os;
  return {
    platform,
    id,
    ...(idLike.length > 0 ? { idLike: idLike.join(' ') } : {}),
    ...(versionId === undefined ? {} : { versionId }),
    ...(sysextLevel === undefined ? {} : { sysextLevel }),
    ...(profile.length > 0 ? { profile: profile.map(({ name, addon }) => ({ name, addon })) } : {}),
  };
}

/** What a status has recorded of sets that nodes were given, so that a new process does not compare their files again. */
export function recordedComparison(
  addons: SystemPoolStatusAddons | undefined,
  { digest }: Pick<Comparison, 'digest'>,
): Compared | undefined {
  const recorded = addons?.sets?.find(({ compared }) => compared === digest);
  return recorded && { problems: [], ...(recorded.note === undefined ? {} : { note: recorded.note }) };
}

/** What a status has recorded of an image, so that a new process does not read it again. */
export function recordedSystems(addons: SystemPoolStatusAddons | undefined, image: string): Map<string, ImageSystem> {
  if (addons?.image !== image) return new Map();
  return new Map(
    (addons.systems ?? []).map(({ platform, id = 'linux', idLike = '', versionId, sysextLevel, profile = [] }) => [
      platform,
      {
        os: {
          id,
          idLike: idLike.split(' ').filter(Boolean),
          ...(versionId === undefined ? {} : { versionId }),
          ...(sysextLevel === undefined ? {} : { sysextLevel }),
        },
        profile,
      },
    ]),
  );
}

/** What a status has recorded of the trust in an artifact. */
export function recordedTrust(addons: SystemPoolStatusAddons | undefined, image: string): StatusJudgement | undefined {
  return recordIn(addons?.artifacts?.find(of => of.image === image)?.trust);
}
