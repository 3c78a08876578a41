/** The files of an image: its layers are read as they are decompressed, contents that an addon may have go into the spool, and nothing else is kept of them. */
import { createReadStream } from 'node:fs';
import { StallingError } from '../api/errors.ts';
import { isReadable, layerStream } from '../trust/layer-stream.ts';
import { TarError, tarMembers } from '../trust/tar-members.ts';
import type { TarMember } from '../trust/tar-members.ts';
import type { LayerFile } from './layer-files.ts';
import { LayerMerge } from './layer-merge.ts';
import type { Member } from './layer-merge.ts';
import type { AddonReason } from './reasons.ts';
import type { RefusalList } from './refusal-list.ts';
import type { Spool } from './spool.ts';
import { nodeAt, segmentsOf } from './tree.ts';
import type { Directory } from './tree.ts';

export interface LayerSource {
  /** Lowest first. */
  layers: readonly LayerFile[];
  /** Directory of the image that is taken for its root. Default: the root. */
  path?: string | undefined;
  /** Absolute paths below that: they and all below them are left out. */
  ignore?: readonly string[] | undefined;
  /** The layers are those above a base: what takes something of that away is refused. */
  overBase?: boolean | undefined;
}

export interface LayerLimits {
  /** Members of all layers together with the directories that they are in, and the bytes of their names. */
  members: number;
  nameBytes: number;
  /** Of all layers together, decompressed. */
  unpackedBytes: number;
  /** How many times larger a layer may be decompressed than it is, beyond its first 64 MiB. */
  ratio: number;
}

const unsuspiciousBytes = 64 * 1024 * 1024;
const readBytes = 1024 * 1024;
const special: Readonly<Record<string, string>> = { 3: 'a character device', 4: 'a block device', 6: 'a named pipe' };

/**
 * Merges the layers.
 * @param told which layer is read, from 1
 * @returns the directory that `path` names
 * @throws StallingError `InvalidLayer`, `AddonTooLarge`; what the file system throws
 */
export async function readLayers(
  { layers, path = '/', ignore = [], overBase }: LayerSource,
  { spool, limits, refusals }: { spool: Spool; limits: LayerLimits; refusals: RefusalList },
  told: (layer: number) => void = () => undefined,
): Promise<Directory> {
  const from = segmentsOf(path);
  const paths = new Paths(from, ignore);
  // What is wrong elsewhere in the image is no matter of the addon.
  const inside = { add: (at: string, why: string): void => void (paths.isInside(at) && refusals.add(at, why)) };
  const merge = new LayerMerge(inside, { maxNames: limits.members, overBase });
  let [members, nameBytes, left] = [0, 0, limits.unpackedBytes];
  for (const [i, layer] of layers.entries()) {
    told(i + 1);
    merge.nextLayer();
    if (!isReadable(layer))
      throw invalid(layer, `it has the type ${JSON.stringify(layer.mediaType.slice(0, 128))}, which cannot be read`);
    const most = Math.min(left, Math.max(unsuspiciousBytes, layer.size * limits.ratio));
    const archive = counted(
      layerStream(layer, createReadStream(layer.file, { highWaterMark: readBytes }), most),
      bytes => (left -= bytes),
    );
    try {
      for await (const member of tarMembers(archive)) {
        members++;
        nameBytes += member.path.length + member.target.length;
        if (members > limits.members || nameBytes > limits.nameBytes) throw tooMany(limits);
        // What is said of all members that follow is nothing that the tree holds.
        if (member.type === 'g' || paths.isIgnored(member.path)) continue;
        const put = await memberOf(member, paths, spool);
        if (typeof put === 'string') inside.add(`/${member.path}`, put);
        else merge.put(put);
      }
    } catch (error) {
      if (error instanceof TarError) throw invalid(layer, error.message);
      throw error;
    }
  }
  const root = nodeAt(merge.root, path);
  if (root?.kind === 'directory' && !from.includes('..')) return root;
  const why = `the image has no directory ${JSON.stringify(path)}; correct source.image.path`;
  throw new StallingError('InvalidLayer' satisfies AddonReason, why);
}

/** Where in the image the addon's files are. */
class Paths {
  readonly #root: string;
  readonly #ignored: readonly string[];

  constructor(root: readonly string[], ignored: readonly string[]) {
    this.#root = root.map(segment => `/${segment}`).join('');
    this.#ignored = ignored.map(
      path =>
        this.#root +
        segmentsOf(path)
          .map(segment => `/${segment}`)
          .join(''),
    );
  }

  /** @param path as archives have it */
  isIgnored(path: string): boolean {
    // What hides a name is where the name is.
    const full = absolute(path).replace(/\/\.wh\.(?!\.wh\.)([^/]+)$/, '/$1');
    return this.#ignored.some(ignored => full === ignored || full.startsWith(`${ignored}/`));
  }

  isInside(path: string): boolean {
    const full = absolute(path);
    return full.includes('/../') || full.startsWith(`${this.#root}/`);
  }

  /** Whether an addon may have its content: what is elsewhere is refused by its name alone. */
  isWanted(path: string): boolean {
    const full = absolute(path);
    return full.startsWith(`${this.#root}/usr/`) || full.startsWith(`${this.#root}/opt/`);
  }
}

function absolute(path: string): string {
  return `/${segmentsOf(path).join('/')}`;
}

/** Or why it cannot be put. */
async function memberOf(member: TarMember, paths: Paths, spool: Spool): Promise<Member | string> {
  const { path, type, mode, capability } = member;
  const owner = foreignOwner(member);
  if (type === '5') return { path, node: { kind: 'directory', mode, owner } };
  if (type === '2') return { path, node: { kind: 'symlink', target: member.target } };
  if (type === '1') return { path, node: { kind: 'name', of: member.link } };
  const what = special[type];
  if (what !== undefined) return { path, node: { kind: 'special', what } };
  if (type !== '0' && type !== '7') return `has the type ${JSON.stringify(type)}, which archives of layers do not have`;
  if (member.isSparse) return 'is a sparse file of GNU tar, which is not read; write the archive without them';
  const content = paths.isWanted(path) ? await spool.add(member.bytes()) : undefined;
  return { path, node: { kind: 'file', mode, content, capability, owner } };
}

/** Whose rights a setuid or setgid bit gives, where that is not root: everything in an image is root's, and it would give those. */
function foreignOwner({ mode, owner: { uid, gid } }: TarMember): string | undefined {
  if ((mode & 0o4000) !== 0 && uid !== 0) return `user ${uid}`;
  return (mode & 0o2000) !== 0 && gid !== 0 ? `group ${gid}` : undefined;
}

async function* counted(source: AsyncIterable<Uint8Array>, told: (bytes: number) => void): AsyncGenerator<Uint8Array, undefined> {
  for await (const chunk of source) {
    told(chunk.length);
    yield chunk;
  }
  return undefined;
}

function tooMany({ members, nameBytes }: LayerLimits): StallingError {
  return new StallingError(
    'AddonTooLarge' satisfies AddonReason,
    `the layers have more than ${members} members, or more than ${nameBytes} bytes of names, which is the most that is read for one addon`,
  );
}

function invalid({ digest }: LayerFile, why: string): StallingError {
  return new StallingError('InvalidLayer' satisfies AddonReason, `the layer ${digest} cannot be read: ${why}`);
}
