/** Trees for erofs images, and the images as the kernel of this machine sees them. */
import { execFileSync } from 'node:child_process';
import { closeSync, lstatSync, mkdtempSync, openSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddonBlob } from '../../controller/api/addon-artifact.ts';
import { layOut } from '../../controller/addon/erofs-layout.ts';
import { writeErofs } from '../../controller/addon/erofs-write.ts';
import { Spool } from '../../controller/addon/spool.ts';
import { newDirectory } from '../../controller/addon/tree.ts';
import type { Directory, RegularFile, TreeNode } from '../../controller/addon/tree.ts';

/** A directory is written as the names in it; a file as its content. */
export type Sketch =
  | { directory: Readonly<Record<string, Sketch>>; mode?: number }
  | { content: string | Uint8Array; mode?: number; capability?: Uint8Array; id?: string }
  | { target: string };

export class Scene {
  readonly directory = mkdtempSync(join(tmpdir(), 'scantling-erofs-'));
  readonly #mounted: string[] = [];
  #last = 0;

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes an image of the tree; files with one `id` are one file. */
  image(sketch: Readonly<Record<string, Sketch>>, file = this.path(`image-${++this.#last}.raw`)): AddonBlob & { file: string } {
    const spool = new Spool(`${file}.spool`, 1e9);
    const fd = openSync(file, 'wx');
    try {
      return { file, ...writeErofs(layOut(treeOf(sketch, spool)), spool, fd) };
    } finally {
      closeSync(fd);
      spool.close();
      rmSync(`${file}.spool`);
    }
  }

  /** Where the kernel shows the image. */
  mount(file: string): string {
    const at = mkdtempSync(join(this.directory, 'mount-'));
    execFileSync('mount', ['-t', 'erofs', '-o', 'loop,ro', file, at]);
    this.#mounted.push(at);
    return at;
  }

  remove(): void {
    for (const at of this.#mounted) execFileSync('umount', [at]);
    rmSync(this.directory, { recursive: true });
  }
}

export function treeOf(sketch: Readonly<Record<string, Sketch>>, spool: Spool, mode = 0o755): Directory {
  return grow(sketch, { spool, mode, known: new Map() });
}

function grow(
  sketch: Readonly<Record<string, Sketch>>,
  { spool, mode, known }: { spool: Spool; mode: number; known: Map<string, RegularFile> },
): Directory {
  const directory = newDirectory(mode);
  for (const [name, of] of Object.entries(sketch)) {
    let node: TreeNode;
    if ('directory' in of) node = grow(of.directory, { spool, mode: of.mode ?? 0o755, known });
    else if ('target' in of) node = { kind: 'symlink', target: of.target };
    else {
      const { id, capability } = of;
      const content = spool.addBytes(Buffer.from(of.content));
      node = (id === undefined ? undefined : known.get(id)) ?? { kind: 'file', mode: of.mode ?? 0o644, content, capability };
      if (id !== undefined) known.set(id, node);
    }
    directory.children.set(name, { node, layer: 0 });
  }
  return directory;
}

/** What is at a path, in one line each, in the order of the names' bytes: type, mode, owner, time, links, and content or target. */
export function listing(root: string, at = ''): string[] {
  const path = `${root}${at}`;
  const stat = lstatSync(path);
  const mode = (stat.mode & 0o7777).toString(8);
  const owner = `${stat.uid}:${stat.gid} ${stat.mtimeMs}`;
  if (stat.isSymbolicLink()) return [`${at} -> ${readlinkSync(path)} ${owner}`];
  if (stat.isFile())
    return [`${at} ${mode} ${owner} ${stat.nlink} ${stat.size} ${readFileSync(path).toString('base64').slice(0, 20_000)}`];
  const names = readdirSync(path, 'buffer').toSorted((a, b) => Buffer.compare(a, b));
  return [`${at}/ ${mode} ${owner} ${stat.nlink}`, ...names.flatMap(name => listing(root, `${at}/${name.toString()}`))];
}

/** What listing says of the tree that a sketch describes. */
export function listingOf(sketch: Readonly<Record<string, Sketch>>, at = '', mode = 0o755): string[] {
  const ids = new Map<string, number>();
  count(sketch, ids);
  return lines(sketch, { at, mode, ids });
}

function count(sketch: Readonly<Record<string, Sketch>>, ids: Map<string, number>): void {
  for (const of of Object.values(sketch)) {
    if ('directory' in of) count(of.directory, ids);
    else if ('content' in of && of.id !== undefined) ids.set(of.id, (ids.get(of.id) ?? 0) + 1);
  }
}

function lines(
  sketch: Readonly<Record<string, Sketch>>,
  { at, mode, ids }: { at: string; mode: number; ids: ReadonlyMap<string, number> },
): string[] {
  const names = Object.keys(sketch).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const directories = Object.values(sketch).filter(of => 'directory' in of).length;
  return [
    `${at}/ ${mode.toString(8)} 0:0 0 ${2 + directories}`,
    ...names.flatMap(name => {
      const of = sketch[name];
      const path = `${at}/${name}`;
      if (of === undefined) return [];
      if ('directory' in of) return lines(of.directory, { at: path, mode: of.mode ?? 0o755, ids });
      if ('target' in of) return [`${path} -> ${of.target} 0:0 0`];
      const bytes = Buffer.from(of.content);
      const links = of.id === undefined ? 1 : ids.get(of.id);
      const text = bytes.toString('base64').slice(0, 20_000);
      return [`${path} ${(of.mode ?? 0o644).toString(8)} 0:0 0 ${links} ${bytes.length} ${text}`];
    }),
  ];
}
