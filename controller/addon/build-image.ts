/** Makes an image: files to a tree, the tree to erofs, and the list of what is in it. For a thread of its own; what it does is the same on any machine. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AddonBlob, AddonFile } from '../api/addon-artifact.ts';
import { canonicalJson } from '../api/canonical-json.ts';
import { layOut } from './erofs-layout.ts';
import { writeErofs } from './erofs-write.ts';
import { addExtensionRelease } from './extension-release.ts';
import { listEnd, listStart } from './file-list.ts';
import { LayerMerge } from './layer-merge.ts';
import type { Member } from './layer-merge.ts';
import { readLayers } from './layers.ts';
import type { AddonEntry, AddonImage, AddonImageRequest, ImageLimits } from './make-image.ts';
import { RefusalList } from './refusal-list.ts';
import { refuseContent } from './refusals.ts';
import { Spool } from './spool.ts';
import { newDirectory, walk } from './tree.ts';
import type { Directory, TreeNode } from './tree.ts';

export const imageLimits: ImageLimits = {
  entries: 100_000,
  contentBytes: 4 * 1024 ** 3,
  members: 250_000,
  nameBytes: 32 * 1024 ** 2,
  unpackedBytes: 16 * 1024 ** 3,
  ratio: 200,
};

/**
 * @param told what is being done, for people
 * @throws StallingError `InvalidMatch`, `InvalidLayer`, `AddonTooLarge`, ContentRefusedError; what the file system throws
 */
export async function buildImage(request: AddonImageRequest, told: (what: string) => void): Promise<AddonImage> {
  const limits = { ...imageLimits, ...request.limits };
  const { allowSetuid, directory } = request;
  const contents = join(directory, 'contents');
  const spool = new Spool(contents, limits.contentBytes);
  try {
    const refusals = new RefusalList();
    const root = await treeOf(request, { spool, limits, refusals, told });
    // Before the file that is written for it, which must not be taken for the addon's own.
    refuseContent(root, { allowSetuid, maxEntries: limits.entries }, refusals);
    addExtensionRelease(root, request, spool, refusals);
    refusals.check();
    told('writing the image');
    const file = join(directory, 'image.raw');
    const image = writing(file, fd => writeErofs(layOut(root), spool, fd));
    const list = join(directory, 'files.json');
    return { file, image, list: { file: list, ...writing(list, fd => writeList(root, fd)) } };
  } finally {
    spool.close();
    rmSync(contents);
  }
}

async function treeOf(
  { source }: AddonImageRequest,
  o: { spool: Spool; limits: ImageLimits; refusals: RefusalList; told: (what: string) => void },
): Promise<Directory> {
  const { spool, limits, refusals, told } = o;
  const root =
    source.kind === 'layers'
      ? await readLayers(source, o, layer => told(`reading layer ${layer} of ${source.layers.length}`))
      : newDirectory();
  const { entries = [] } = source;
  if (entries.length > 0) told(`reading ${entries.length} files`);
  const merge = new LayerMerge(refusals, { maxNames: limits.members, root });
  merge.nextLayer();
  for (const entry of entries) merge.put({ path: entry.path, node: nodeOf(entry, spool) });
  return merge.root;
}

function nodeOf(entry: AddonEntry, spool: Spool): Member['node'] {
  if ('target' in entry) return { kind: 'symlink', target: entry.target };
  const mode = entry.mode & 0o7777;
  return 'bytes' in entry ? { kind: 'file', mode, content: spool.addBytes(entry.bytes) } : { kind: 'directory', mode };
}

/** A file that is whole on disk when it is returned of. */
function writing(file: string, write: (fd: number) => AddonBlob): AddonBlob {
  const fd = openSync(file, 'wx', 0o600);
  try {
    const blob = write(fd);
    fsyncSync(fd);
    return blob;
  } finally {
    closeSync(fd);
  }
}

const listPieceBytes = 256 * 1024;

function writeList(root: Directory, fd: number): AddonBlob {
  const hash = createHash('sha256');
  let size = 0;
  const put = (text: string): void => {
    const bytes = Buffer.from(text);
    hash.update(bytes);
    size += bytes.length;
    for (let from = 0; from < bytes.length;) from += writeSync(fd, bytes, from);
  };
  let piece = listStart;
  let separator = '\n';
  for (const { path, node } of walk(root)) {
    piece += separator + canonicalJson({ ...listed(path, node) });
    separator = ',\n';
    if (piece.length < listPieceBytes) continue;
    put(piece);
    piece = '';
  }
  put(piece + listEnd);
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

function listed(path: string, node: TreeNode): AddonFile {
  if (node.kind === 'symlink') return { path, type: 'symlink', mode: 0o777, target: node.target };
  if (node.kind === 'directory') return { path, type: 'directory', mode: node.mode };
  if (node.kind === 'special' || !node.content) throw new TypeError(`${path} is nothing that an image holds`);
  return { path, type: 'file', mode: node.mode, size: node.content.size, digest: node.content.digest };
}
