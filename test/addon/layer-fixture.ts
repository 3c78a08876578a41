/** Layers of images as files, and the trees that come of them. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { imageLimits } from '../../controller/addon/build-image.ts';
import type { LayerFile } from '../../controller/addon/layer-files.ts';
import type { LayerLimits, LayerSource } from '../../controller/addon/layers.ts';
import { readLayers } from '../../controller/addon/layers.ts';
import { RefusalList } from '../../controller/addon/refusal-list.ts';
import { Spool } from '../../controller/addon/spool.ts';
import { walk } from '../../controller/addon/tree.ts';
import type { Directory, TreeNode } from '../../controller/addon/tree.ts';

export interface TarOptions {
  /** Default 0, a file. */
  type?: string;
  mode?: number;
  link?: string;
  /** Default 0. */
  uid?: number;
  gid?: number;
  /** Other than there is. */
  size?: number;
  /** Records of a pax header before it. */
  pax?: Readonly<Record<string, string | Buffer>>;
}

/** One member of an archive, with what comes before it. */
export function member(path: string, content: string | Buffer = '', o: TarOptions = {}): Buffer {
  const { link = '', pax = {} } = o;
  const isLong = Buffer.byteLength(path) > 100 || Buffer.byteLength(link) > 100;
  const records = { ...(isLong ? { path, linkpath: link } : {}), ...pax };
  const before = Object.entries(records).map(([key, value]) => paxRecord(key, value));
  const extended = before.length === 0 ? [] : [raw('PaxHeaders/x', Buffer.concat(before), { type: 'x' })];
  return Buffer.concat([...extended, raw(path, Buffer.from(content), o)]);
}

function raw(path: string, bytes: Buffer, o: TarOptions): Buffer {
  const { type = '0', mode = 0o644, link = '', uid = 0, gid = 0, size = bytes.length } = o;
  const header = Buffer.alloc(512);
  const octal = (value: number, at: number, digits: number): number =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at);
  header.write(path, 0, 100);
  octal(mode, 100, 7);
  octal(uid, 108, 7);
  octal(gid, 116, 7);
  octal(size, 124, 11);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257);
  header.write('        ', 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

export function tar(...members: readonly Buffer[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}

const compressions = {
  tar: { mediaType: 'application/vnd.oci.image.layer.v1.tar', compress: (bytes: Buffer) => bytes },
  gzip: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', compress: (bytes: Buffer) => zlib.gzipSync(bytes) },
  zstd: { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', compress: (bytes: Buffer) => zlib.zstdCompressSync(bytes) },
};

export interface Merged {
  lines: string[];
  refused: string[];
  root: Directory;
}

/** A directory of one test. */
export class Workplace {
  readonly directory = mkdtempSync(join(tmpdir(), 'scantling-layers-'));
  #last = 0;

  /** A path that nothing is at. */
  path(what: string): string {
    return join(this.directory, `${what}-${++this.#last}`);
  }

  layer(archive: Buffer, as: keyof typeof compressions = 'tar'): LayerFile {
    const { mediaType, compress } = compressions[as];
    const bytes = compress(archive);
    const file = this.path('layer');
    writeFileSync(file, bytes);
    return { file, mediaType, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length };
  }

  /** What comes of layers: a line for each file, and what is refused of them while they are read. */
  async merged(
    archives: readonly Buffer[],
    { as, ...o }: Partial<Omit<LayerSource, 'layers'>> & { limits?: Partial<LayerLimits>; as?: keyof typeof compressions } = {},
  ): Promise<Merged> {
    return this.mergedFiles(
      archives.map(archive => this.layer(archive, as)),
      o,
    );
  }

  async mergedFiles(
    layers: readonly LayerFile[],
    o: Partial<Omit<LayerSource, 'layers'>> & { limits?: Partial<LayerLimits> } = {},
  ): Promise<Merged> {
    const spool = new Spool(this.path('spool'), 1e9);
    const refusals = new RefusalList();
    try {
      const root = await readLayers({ layers, ...o }, { spool, limits: { ...imageLimits, ...o.limits }, refusals });
      return { root, lines: [...walk(root)].map(({ path, node }) => lineOf(path, node, spool)), refused: refusedOf(refusals) };
    } finally {
      spool.close();
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

function refusedOf(refusals: RefusalList): string[] {
  try {
    refusals.check();
    return [];
  } catch (error) {
    if (!(error instanceof Error && 'refusals' in error)) throw error;
    return (error.refusals as { path: string; why: string }[]).map(({ path, why }) => `${path} ${why}`);
  }
}

function lineOf(path: string, node: TreeNode, spool: Spool): string {
  if (node.kind === 'directory') return `${path}/`;
  if (node.kind === 'symlink') return `${path} -> ${node.target}`;
  if (node.kind === 'special') return `${path} is ${node.what}`;
  if (!node.content) return `${path} left out`;
  const bytes = Buffer.alloc(node.content.size);
  spool.read(node.content, 0, bytes);
  return `${path} ${bytes.toString()}`;
}
