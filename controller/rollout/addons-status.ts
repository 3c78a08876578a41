/** What the status of a pool says of addons, and what a new process knows from it. Pure. */
import type { AddonOrigin } from '../api/addon-set.ts';
import type { SystemPoolStatusAddons } from '../api/system-pool.ts';
import type { Compared } from '../addon/compare-addons.ts';
import type { ImageSystem } from '../addon/image-system.ts';
import { type MergedEntry, profileOf } from '../addon/profile.ts';
import type { Hold } from './classify.ts';
import type { AddonSet } from './projection.ts';
import type { NamedSet, WantedFound, WantedRequest } from './wanted.ts';

/** What the status of a pool says of addons; undefined where nobody asks for any. */
export function addonsStatus(
  request: Pick<WantedRequest, 'asked'> & { image: string | undefined; systems: ReadonlyMap<string, ImageSystem> },
  { wanted, sets }: WantedFound,
  holds: readonly { hold: Hold; nodes: readonly string[] }[],
): SystemPoolStatusAddons | undefined {
  // Platforms of one image ask for the same, unless somebody put together an index of several.
  const [vendor] = request.systems.values();
  const profile = profileOf([
    { from: 'vendor', entries: vendor?.profile ?? [] },
    { from: 'pool', entries: request.asked },
  ]);
  // What was read of an image is kept also where nobody asks for anything.
  if (profile.entries.length === 0 && wanted.size === 0 && request.systems.size === 0) return undefined;
  const nodesOf = (digest: string): number => [...wanted.values()].filter(w => w.addons?.digest === digest).length;
  return {
    ...(request.image === undefined ? {} : { image: request.image }),
    ...(request.systems.size > 0 ? { systems: [...request.systems].map(inStatus).slice(0, 8) } : {}),
    ...(profile.entries.length > 0 ? { entries: profile.entries.map(inProfile) } : {}),
    ...(sets.length > 0
      ? {
          sets: sets
            .map(set => ({
              set: set.digest,
              nodes: nodesOf(set.digest),
              addons: set.addons.map(of => said(of, set)),
              ...(set.note === undefined ? {} : { note: set.note.slice(0, 1024) }),
            }))
            .toSorted((a, b) => b.nodes - a.nodes || (a.set < b.set ? -1 : 1))
            .slice(0, 16),
        }
      : {}),
    ...(holds.length > 0
      ? {
          problems: holds.slice(0, 16).map(({ hold, nodes }) => ({
            reason: hold.reason.slice(0, 64),
            message: hold.message.slice(0, 1024),
            nodes: nodes.length,
          })),
        }
      : {}),
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
export function recordedComparison(addons: SystemPoolStatusAddons | undefined, { digest }: AddonSet): Compared | undefined {
  const recorded = addons?.sets?.find(({ set }) => set === digest);
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
