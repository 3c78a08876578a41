/** Who uses which image, in words: pure. */
import { StallingError } from '../api/errors.ts';
import { parseReference } from '../registry/reference.ts';
import type { NodeImages, PoolImages, RetainedBuild, RetainingDefinition } from './retention-projection.ts';

/** Everything that may use an image. */
export interface Users {
  builds: readonly RetainedBuild[];
  definitions: readonly RetainingDefinition[];
  nodes: readonly NodeImages[];
  pools: readonly PoolImages[];
}

/** How an image may be used, what binds most first. */
const kinds = [
  'booted by',
  'staged on',
  'rollback of',
  'target of',
  'target of pool',
  'previous target of pool',
  'image of',
  'base of',
];

interface Use {
  kind: number;
  name: string;
  others: boolean;
}

/** The uses of digests, and of what is not known by digest yet. */
export class ImageUses {
  readonly #digests = new Map<string, Use>();
  readonly #unresolved: { pool: string; image: string; path: string | undefined }[] = [];

  constructor({ builds, definitions, nodes, pools }: Users) {
    for (const { name, booted, staged, rollback, target } of nodes) {
      this.#add('booted by', name, [booted]);
      this.#add('staged on', name, [staged]);
      this.#add('rollback of', name, [rollback]);
      this.#add('target of', name, target);
    }
    for (const { name, target, previous, unresolved } of pools) {
      this.#add('target of pool', name, target);
      this.#add('previous target of pool', name, previous);
      if (unresolved !== undefined) this.#unresolved.push({ pool: name, image: unresolved, path: pathOf(unresolved) });
    }
    for (const { name, images, base, availableBase } of definitions) {
      this.#add('image of', name, images);
      this.#add('base of', name, [base, availableBase]);
    }
    for (const { definition, settled, base } of builds) if (!settled) this.#add('base of', definition, [base]);
  }

  /** Who uses any of a build's images, such as "booted by node-3 and others"; undefined when nobody does. */
  of(build: Pick<RetainedBuild, 'images' | 'repository'>): string | undefined {
    const uses = build.images.flatMap(digest => this.#digests.get(digest) ?? []);
    const first = uses.toSorted(compare)[0];
    if (first) {
      // One user has several of a build's images: the index and those of its platforms.
      const others = uses.some(use => use.others || compare(use, first) !== 0);
      return `${kinds[first.kind]} ${first.name}${others ? ' and others' : ''}`;
    }
    if (build.images.length === 0 || this.#unresolved.length === 0) return undefined;
    const path = pathOf(build.repository);
    const asked = this.#unresolved.find(u => u.path === path);
    return asked && `pool ${asked.pool} asks for ${asked.image}, whose digest is not known yet`;
  }

  has(digest: string): boolean {
    return this.#digests.has(digest);
  }

  #add(how: string, name: string, digests: readonly (string | undefined)[]): void {
    const use = { kind: kinds.indexOf(how), name, others: false };
    for (const digest of digests) {
      if (digest === undefined || digest === '') continue;
      const before = this.#digests.get(digest);
      if (!before) this.#digests.set(digest, use);
      else if (before.name !== name || before.kind !== use.kind)
        this.#digests.set(digest, { ...(compare(use, before) < 0 ? use : before), others: true });
    }
  }
}

function compare(a: Use, b: Use): number {
  return a.kind - b.kind || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** The repository without its host: one registry may have several names. Undefined for what is no image name, which nobody can pull. */
function pathOf(image: string): string | undefined {
  try {
    return parseReference(image).repository;
  } catch (error) {
    if (error instanceof StallingError) return undefined;
    throw error;
  }
}
