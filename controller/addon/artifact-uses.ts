/** Who uses which artifact of an addon, by the objects as they are. Pure. */
import type { NodeTarget } from '../api/node-target.ts';
import type { SystemAddon } from '../api/system-addon.ts';
import type { SystemPool } from '../api/system-pool.ts';
import type { UseOf } from './history.ts';

/** What one object uses: artifacts by the digests of their manifests, or of the files that nodes merge. */
export interface Using {
  /** As `SystemPool edge`. */
  who: string;
  digests: readonly string[];
  /** Digests of sets that it has, and of those whose artifacts it names. */
  has?: readonly string[];
  names?: readonly string[];
}

export function usedByAddon({ metadata, status }: SystemAddon): Using {
  const digests = (status?.variants ?? []).flatMap(({ image }) => digestsIn(image));
  return { who: `SystemAddon ${metadata.name}`, digests };
}

export function usedByPool({ metadata, status }: SystemPool): Using {
  const { sets = [], artifacts = [] } = status?.addons ?? {};
  const images = [...sets.flatMap(({ addons }) => addons), ...artifacts].map(({ image }) => image);
  return { who: `SystemPool ${metadata.name}`, digests: images.flatMap(digestsIn), names: sets.map(({ set }) => set) };
}

/** What it is to run, and what its host has merged and is about to merge. */
export function usedByNode({ metadata, spec, status }: NodeTarget): Using {
  const { addons, prepared } = status?.host ?? {};
  const entries = addons?.entries ?? [];
  const isListed = entries.length > 0 || addons?.set === undefined;
  return {
    who: `node ${metadata.name}`,
    digests: [
      ...(spec.addons ?? []).flatMap(({ image, digest }) => [...digestsIn(image), digest]),
      ...entries.map(e => e.digest),
    ],
    has: [...(isListed || addons.set === undefined ? [] : [addons.set]), ...(prepared?.set === undefined ? [] : [prepared.set])],
    names: [
      ...(spec.addonSet === undefined ? [] : [spec.addonSet]),
      ...(addons?.set !== undefined && entries.length > 0 ? [addons.set] : []),
    ],
  };
}

/** While a node has a set of which nobody knows what is in it, everything may be in it. */
export function usesOf(all: readonly Using[]): UseOf {
  const by = new Map<string, string>();
  for (const { who, digests } of all) for (const digest of digests) if (!by.has(digest)) by.set(digest, who);
  const named = new Set(all.flatMap(({ names = [] }) => names));
  const unknown = all.find(({ has = [] }) => has.some(set => !named.has(set)));
  return ({ image, digest }) => {
    const who = [...digestsIn(image), digest].flatMap(of => by.get(of) ?? [])[0];
    if (who !== undefined) return `used by ${who}`;
    return unknown && `${unknown.who} has a set of addons of which nobody says what is in it`;
  };
}

function digestsIn(image: string | undefined): string[] {
  const at = image?.lastIndexOf('@') ?? -1;
  return image === undefined || at < 0 ? [] : [image.slice(at + 1)];
}
