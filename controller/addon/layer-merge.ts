/**
 * Lays layers of an image over each other (OCI image specification, "Image Layer Filesystem Changeset"), in a tree and never on a disk, so that a name
 * leads nowhere. What is wrong with a member is noted and the member left out; whoever reads the notes makes no image of the rest.
 */
import { StallingError } from '../api/errors.ts';
import type { AddonReason } from './reasons.ts';
import type { RefusalList } from './refusal-list.ts';
import { newDirectory, nodeAt, segmentsOf } from './tree.ts';
import type { Directory, Entry, TreeNode } from './tree.ts';

/** A member of an archive, as far as the tree needs it; its path is without `./` and slashes at either end. */
export interface Member {
  path: string;
  node:
    Exclude<TreeNode, Directory> | { kind: 'directory'; mode: number; owner?: string | undefined } | { kind: 'name'; of: string };
}

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';
/** What the first builders of layers kept for themselves. */
const ownMark = '.wh..wh.';
const maxNameBytes = 255;
/** The host's kernel follows nothing longer. */
const maxTargetBytes = 4095;

export interface MergeOptions {
  /** Of members and of the directories that they are in, all layers together; what hides them takes none away. */
  maxNames: number;
  /** The layers are above others that are not laid down here: what takes something of those away is refused, as hosts would keep it. */
  overBase?: boolean | undefined;
  /** What they are laid over; default: nothing. */
  root?: Directory;
}

export class LayerMerge {
  readonly root: Directory;
  readonly #refusals: Pick<RefusalList, 'add'>;
  readonly #maxNames: number;
  readonly #overBase: boolean;
  #left: number;
  #layer = -1;

  constructor(refusals: Pick<RefusalList, 'add'>, { maxNames, overBase = false, root = newDirectory() }: MergeOptions) {
    this.root = root;
    this.#refusals = refusals;
    this.#maxNames = maxNames;
    this.#overBase = overBase;
    this.#left = maxNames;
  }

  /** What is put from now on is of the next layer, above all before. */
  nextLayer(): void {
    this.#layer++;
  }

  /** @throws StallingError `AddonTooLarge` */
  put({ path, node }: Member): void {
    this.#count();
    const segments = segmentsOf(path);
    const name = segments.pop();
    // The root itself has no name that could be given to something else.
    if (name === undefined) return;
    const wrong =
      [...segments, name].map(wrongName).find(Boolean) ?? (node.kind === 'symlink' ? wrongTarget(node.target) : undefined);
    if (wrong !== undefined) {
      this.#refusals.add(`/${path}`, wrong);
      return;
    }
    if (name.startsWith(whiteout)) {
      this.#hide(segments, name);
      return;
    }
    const parent = this.#parent(segments, path);
    if (!parent) return;
    const made =
      node.kind === 'name' ? this.#named(node.of, path) : node.kind === 'directory' ? newDirectory(node.mode, node.owner) : node;
    if (!made) return;
    const present = parent.children.get(name);
    // A directory over a directory keeps what is in it.
    if (made.kind === 'directory' && present?.node.kind === 'directory') {
      present.node.mode = made.mode;
      present.node.owner = made.owner;
      present.layer = this.#layer;
      return;
    }
    parent.children.set(name, { node: made, layer: this.#layer });
  }

  #count(): void {
    if (--this.#left >= 0) return;
    const why = `the source has more than ${this.#maxNames} files and directories, which is the most that is read for one addon`;
    throw new StallingError('AddonTooLarge' satisfies AddonReason, why);
  }

  /** The node that another name is for. */
  #named(of: string, path: string): TreeNode | undefined {
    const node = nodeAt(this.root, of);
    if (node && node.kind !== 'directory' && !segmentsOf(of).includes('..')) return node;
    this.#refusals.add(
      `/${path}`,
      `is another name of ${JSON.stringify(`/${of}`)}, which is not in the layers up to there, or left out`,
    );
    return undefined;
  }

  /** Directories on the way that no member describes are made. */
  #parent(segments: readonly string[], path: string): Directory | undefined {
    let at = this.root;
    for (const [i, name] of segments.entries()) {
      let entry = at.children.get(name);
      if (!entry) {
        // One member may be in two thousand of them.
        this.#count();
        entry = { node: newDirectory(), layer: this.#layer };
        at.children.set(name, entry);
      }
      if (entry.node.kind !== 'directory') {
        const through = JSON.stringify(`/${segments.slice(0, i + 1).join('/')}`);
        const what = entry.node.kind === 'symlink' ? 'a symbolic link' : 'no directory';
        this.#refusals.add(`/${path}`, `goes through ${through}, which is ${what}; name the place itself`);
        return undefined;
      }
      at = entry.node;
    }
    return at;
  }

  /** A whiteout: hides what lower layers have; what its own layer has, before or after it, stays. */
  #hide(segments: readonly string[], name: string): void {
    if (name !== opaque && name.startsWith(ownMark)) return;
    const hidden = name === opaque ? segments : [...segments, name.slice(whiteout.length)];
    if (this.#overBase && !this.#isOfLowerLayer(hidden)) this.#refusals.add(`/${hidden.join('/')}`, takenAway(name === opaque));
    const parent = nodeAt(this.root, segments.join('/'));
    if (parent?.kind !== 'directory') return;
    if (name === opaque) this.#hideIn(parent);
    else this.#hideEntry(parent, name.slice(whiteout.length));
  }

  /** Whether one of these layers, below the present one, has it: then it is taken away from that one. */
  #isOfLowerLayer(segments: readonly string[]): boolean {
    const name = segments.at(-1);
    const parent = nodeAt(this.root, segments.slice(0, -1).join('/'));
    const entry = name !== undefined && parent?.kind === 'directory' ? parent.children.get(name) : undefined;
    return entry !== undefined && this.#isLower(entry);
  }

  #hideIn(directory: Directory): void {
    for (const name of directory.children.keys()) this.#hideEntry(directory, name);
  }

  #hideEntry(parent: Directory, name: string): void {
    const entry = parent.children.get(name);
    if (!entry) return;
    if (!this.#isLower(entry)) {
      // What this layer only names may have been in lower ones, and what is in it still is of those.
      if (entry.node.kind === 'directory') this.#hideIn(entry.node);
      return;
    }
    if (entry.node.kind === 'directory') {
      this.#hideIn(entry.node);
      // This layer has put something below it without naming it.
      if (entry.node.children.size > 0) return;
    }
    parent.children.delete(name);
  }

  #isLower({ layer }: Entry): boolean {
    return layer < this.#layer;
  }
}

function takenAway(all: boolean): string {
  const what = all ? 'is put in the place of the directory of the base, with all that is in that' : 'is taken away from the base';
  return `${what}, which an addon cannot do, as hosts keep theirs; keep it, or leave out the place (ignore)`;
}

function wrongName(name: string): string | undefined {
  if (name === '..') return 'leads out of the image';
  if (name.includes('\0') || name.includes('\ufffd') || !name.isWellFormed()) return 'is no name in UTF-8';
  return Buffer.byteLength(name) > maxNameBytes ? `has a name of more than ${maxNameBytes} bytes` : undefined;
}

function wrongTarget(target: string): string | undefined {
  if (target === '' || target.includes('\0') || target.includes('\ufffd') || !target.isWellFormed())
    return 'is a link to nothing that has a name in UTF-8';
  return Buffer.byteLength(target) > maxTargetBytes ? `is a link to a path of more than ${maxTargetBytes} bytes` : undefined;
}
