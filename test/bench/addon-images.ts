/** What images of addons cost to make: time, memory, and how long the loop stands still meanwhile; and that two runs give the same bytes. */
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { LayerFile } from '../../controller/addon/layer-files.ts';
import { makeAddonImage, type AddonImage } from '../../controller/addon/make-image.ts';
import { member } from '../addon/layer-fixture.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { watchIdleLoop, watchLoop } from './loop-stall.ts';
import type { Measure } from './measure.ts';
import { memoryOf } from './process-memory.ts';

const images = 5;
const megabyte = 1_000_000;
const large = { files: 200, bytes: 500_000 };
const many = { files: 99_000, bytes: 300 };
/** Design: the loop that leases and probes depend on. */
const stallBudgetMs = 50;
/** Beside what the process holds anyway. */
const memoryBudgetMiB = 200;

export async function measureAddonImages(progress: (line: string) => void): Promise<Measure[]> {
  const directory = temporaryDirectory('bench-addons');
  try {
    return [...(await measureLarge(directory, progress)), ...(await measureMany(directory, progress))];
  } finally {
    removeDirectory(directory);
  }
}

async function measureLarge(directory: string, progress: (line: string) => void): Promise<Measure[]> {
  progress(`${images} layers of ${(large.files * large.bytes) / megabyte} MB`);
  const layers: LayerFile[] = [];
  for (let i = 0; i < images; i++) layers.push(await layerFile(join(directory, `large-${i}`), { ...large, seed: i }));
  progress(`${images} images, twice`);
  const first = await figures(() => all(directory, layers));
  const second = await figures(() => all(directory, layers));
  for (const [i, { image }] of first.result.entries())
    if (image.digest !== second.result[i]?.image.digest) throw new Error(`two runs made two images: ${image.digest}`);
  return [
    { measure: `${images} images of 100 MB of 200 files, one after the other`, value: first.seconds, unit: 's' },
    {
      measure: 'memory for it, at most',
      value: Math.max(first.memoryMiB, second.memoryMiB),
      unit: 'MiB',
      budget: memoryBudgetMiB,
    },
    {
      measure: 'loop stall meanwhile, beyond that of a loop that does nothing',
      value: Math.max(first.stallMs, second.stallMs),
      unit: 'ms',
      budget: stallBudgetMs,
    },
  ];
}

async function measureMany(directory: string, progress: (line: string) => void): Promise<Measure[]> {
  progress(`an image of ${many.files} files`);
  const layer = await layerFile(join(directory, 'many'), { ...many, seed: 99 });
  const { seconds, stallMs, memoryMiB, result } = await figures(() => all(directory, [layer]));
  return [
    { measure: `an image of ${many.files} files`, value: seconds, unit: 's' },
    { measure: 'its size', value: (result[0]?.image.size ?? 0) / megabyte, unit: 'MB' },
    { measure: 'memory for it, at most', value: memoryMiB, unit: 'MiB' },
    {
      measure: 'loop stall meanwhile, beyond that of a loop that does nothing',
      value: stallMs,
      unit: 'ms',
      budget: stallBudgetMs,
    },
  ];
}

async function all(directory: string, layers: readonly LayerFile[]): Promise<AddonImage[]> {
  const made: AddonImage[] = [];
  for (const [i, layer] of layers.entries()) {
    const own = join(directory, `image-${i}`);
    mkdirSync(own);
    const source = { kind: 'layers' as const, layers: [layer] };
    const match = { id: '_any' };
    made.push(
      await makeAddonImage({ name: `addon-${i}`, match, architecture: 'x86-64', allowSetuid: false, source, directory: own }),
    );
    await rm(own, { recursive: true });
  }
  return made;
}

interface Figures<T> {
  result: T;
  seconds: number;
  /** Beyond what a loop that has nothing to do stood still on this machine. */
  stallMs: number;
  /** The most, beyond what was there before. */
  memoryMiB: number;
}

async function figures<T>(work: () => Promise<T>): Promise<Figures<T>> {
  const { residentMiB } = memoryOf(process.pid);
  // Lets the kernel forget the highest figure so far (proc(5)).
  writeFileSync('/proc/self/clear_refs', '5');
  const idle = await watchIdleLoop();
  const stalled = watchLoop();
  const begun = performance.now();
  const result = await work();
  const seconds = (performance.now() - begun) / 1000;
  const stallMs = Math.max(0, stalled() - (await idle()));
  return { result, seconds, stallMs, memoryMiB: memoryOf(process.pid).peakMiB - residentMiB };
}

/** A layer, compressed, of files of which one half can be made smaller. */
async function layerFile(file: string, o: { files: number; bytes: number; seed: number }): Promise<LayerFile> {
  await pipeline(Readable.from(archive(o)), createGzip({ level: 1 }), createWriteStream(file));
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  return { file, mediaType, digest: `sha256:${hash.digest('hex')}`, size: statSync(file).size };
}

function* archive({ files, bytes, seed }: { files: number; bytes: number; seed: number }): Generator<Buffer, undefined> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  for (let i = 0; i < files; i++) {
    const content = Buffer.concat([cipher.update(Buffer.alloc(bytes / 2)), Buffer.alloc(bytes / 2, `${i} `)]);
    yield member(`usr/lib/example/${Math.floor(i / 500)}/file-${i}`, content, { mode: 0o755 });
  }
  yield Buffer.alloc(1024);
  return undefined;
}
