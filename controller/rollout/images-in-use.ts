/** Every image that a pool has to do with: asked for, had before, named by its NodeTargets, and run by its nodes. Pure. */
import { StallingError } from '../api/errors.ts';
import { isDigest } from '../registry/digest.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import { recordedTrust } from './addons-status.ts';
import type { Target } from './on-host.ts';
import { digestOf } from './digest.ts';
import type { ImageInUse } from './pool-trust.ts';
import type { HostView } from './host-view.ts';
import type { AddonSet, BuiltImageView, DefinitionImageView, NodeTargetView, SystemPoolView } from './projection.ts';
import { recordedTarget, type ResolvedTarget } from './target.ts';

export interface ImageOfPool extends ImageInUse {
  /** Index and platform digests that count as the image. */
  digests: readonly string[];
  /** Only what one platform has of it is known, by what a host runs: signatures may be of an index that nobody can name. */
  alone?: true;
  /** Its digests are known by NodeTargets and hosts alone, which an agent's own words are in: they count for those nodes that name it, and no other. */
  own?: true;
  /** An addon. */
  addon?: true;
  /** Of an addon: digests of the sets that it is in. */
  sets?: readonly string[];
}

interface Scene {
  pool: Pick<SystemPoolView, 'name' | 'status'>;
  asked: ResolvedTarget | undefined;
  definition: Pick<DefinitionImageView, 'image' | 'trust'> | undefined;
  nodeTargets: readonly NodeTargetView[];
  /** What nodes are to have over the image. */
  sets?: readonly AddonSet[];
  /** The builds of whose image this is a digest, of the index or of a platform. */
  buildsOf: (digest: string) => readonly BuiltImageView[];
}

/**
 * What is asked for comes first. What a host runs that no object names is what a build made, or what the host says that it pulled; failing
 * both, what its platform has of it.
 */
export function imagesInUse(scene: Scene): ImageOfPool[] {
  const own = scene.nodeTargets.filter(t => t.pool === scene.pool.name);
  const images = namedImages(scene, own);
  const whole = new Set([...images.values()].flatMap(of => (of.own ? [] : of.digests)));
  for (const nodeTarget of own) {
    const { booted } = nodeTarget.host ?? {};
    if (booted === undefined || whole.has(booted)) continue;
    const isNamed = nodeTarget.digests.includes(booted);
    if (isNamed && nodeTarget.digests.length > 1) continue;
    // It was set back to just what it runs.
    const back = isNamed ? images.get(nodeTarget.image) : undefined;
    if (back) images.set(back.image, { ...back, alone: true });
    const of = builtImage(scene.buildsOf(booted)) ?? (back ? undefined : runBy(nodeTarget.host, booted));
    if (of && !images.has(of.image)) images.set(of.image, of);
  }
  return [...images.values(), ...addonsInUse(scene, own)];
}

/** Artifacts of addons, each once: they come last, so that none of them keeps an image waiting. Sets that nodes have from before are known by the status. */
function addonsInUse({ pool: { status }, sets = [] }: Scene, own: readonly NodeTargetView[]): ImageOfPool[] {
  const named = [...sets, ...own.flatMap(t => t.addons ?? [])];
  const had = setsOf(own);
  const former = (status.addons?.sets ?? []).flatMap(({ set, addons }) => (had.has(set) ? [{ digest: set, addons }] : []));
  const setsWith = new Map<string, Set<string>>();
  for (const { digest, addons } of new Map([...former, ...named].map(set => [set.digest, set])).values())
    for (const { image } of addons) setsWith.set(image, (setsWith.get(image) ?? new Set()).add(digest));
  return [...setsWith].map(([image, digests]) => ({
    image,
    digests: [digestOf(image)],
    recorded: [recordedTrust(status.addons, image)],
    addon: true,
    sets: [...digests],
  }));
}

/** Digests of the sets that nodes have, are about to boot, or are to have. */
export function setsOf(nodeTargets: readonly Pick<NodeTargetView, 'host' | 'addons'>[]): Set<string> {
  const all = nodeTargets.flatMap(({ host, addons }) => [host?.set, host?.prepared?.set, addons?.digest]);
  return new Set(all.flatMap(set => set || []));
}

/** By name, those that objects name. */
function namedImages({ pool, asked, definition, buildsOf }: Scene, own: readonly NodeTargetView[]): Map<string, ImageOfPool> {
  const targets = [asked, recordedTarget(pool.status.target), recordedTarget(pool.status.previous)].filter(t => t !== undefined);
  const built = definition?.image === undefined ? [] : [{ image: definition.image, trust: definition.trust }];
  const records = [...targets, ...built];
  const images = new Map<string, ImageOfPool>();
  for (const { image, digests } of [...targets, ...own]) {
    if (images.has(image)) continue;
    const recorded = records.filter(r => r.image === image).map(r => r.trust);
    // What a build of it has recorded, whoever names the image now.
    const builds = buildsOf(digestOf(image)).filter(build => build.image === image);
    const commit = [...builds.map(build => build.trust), ...recorded].find(r => r?.commit !== undefined)?.commit;
    const isOwn = builds.length === 0 && targets.every(target => target.image !== image);
    images.set(image, { image, digests: builds[0]?.digests ?? digests, commit, recorded, ...(isOwn ? { own: true } : {}) });
  }
  return images;
}

/** What a host runs that it came with, or was given by hand or long ago; undefined when it does not say by what name. */
export function foreignImage({ booted, bootedImage }: Pick<HostView, 'booted' | 'bootedImage'>): Target | undefined {
  if (booted === undefined || bootedImage === undefined || !isDigest(booted)) return undefined;
  try {
    const reference = parseReference(bootedImage);
    // By its digest, an image can be no other than this, whichever platform of it the host has taken.
    const digest = reference.digest ?? booted;
    return { image: `${repositoryOf(reference)}@${digest}`, digests: [...new Set([digest, booted])] };
  } catch (error) {
    if (error instanceof StallingError) return undefined;
    throw error;
  }
}

/** Whether a node runs an image, or an addon: by the image's digests, or where it is known by nodes alone, by what is said of this one. */
export function runsImage(
  nodeTarget: NodeTargetView,
  { image, digests, own, addon, sets = [] }: Pick<ImageOfPool, 'image' | 'digests' | 'own' | 'addon' | 'sets'>,
): boolean {
  const { host, addons } = nodeTarget;
  // Of a set that is merged in part, nobody can say here which part.
  if (addon) return host?.set === '' ? addons?.addons.some(of => of.image === image) === true : sets.includes(host?.set ?? '');
  if (host?.booted === undefined) return false;
  if (!own) return digests.includes(host.booted);
  if (nodeTarget.image === image && nodeTarget.digests.includes(host.booted)) return true;
  return runBy(host, host.booted).image === image;
}

function builtImage([build]: readonly BuiltImageView[]): ImageOfPool | undefined {
  if (!build) return undefined;
  const { image, digests, trust } = build;
  return { image, digests, commit: trust?.commit, recorded: [trust] };
}

function runBy(host: Pick<HostView, 'booted' | 'bootedImage'> | undefined, booted: string): ImageOfPool {
  const foreign = host && foreignImage(host);
  // Under this name nobody can judge it, and says so.
  if (!foreign) return { image: `${host?.bootedImage ?? ''}@${booted}`, digests: [booted], recorded: [], alone: true, own: true };
  return { ...foreign, recorded: [], own: true, ...(digestOf(foreign.image) === booted ? { alone: true } : {}) };
}
