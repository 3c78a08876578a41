/** What images of addons cost to make: time, memory, and how long the loop stands still meanwhile; and that two runs give the same bytes. */
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { LayerFile } from '../../controller/addon/layer-files.ts';
import { makeAddonImage } from '../../controller/addon/make-image.ts';
import { member } from '../addon/layer-fixture.ts';
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

/** @param directory where the images are left: addon-0.raw to addon-4.raw, of 100 MB each, in the `files` of what comes back */
export async function measureAddonImages(
  directory: string,
  progress: (line: string) => void,
): Promise<{ measures: Measure[]; files: string[] }> {
  const { measures, files } = await measureLarge(directory, progress);
  return { measures: [...measures, ...(await measureMany(directory, progress))], files };
}

async function measureLarge(
  directory: string,
  progress: (line: string) => void,
): Promise<{ measures: Measure[]; files: string[] }> {
  progress(`${images} layers of ${(large.files * large.bytes) / megabyte} MB`);
  const layers: LayerFile[] = [];
  for (let i = 0; i < images; i++) layers.push(await layerFile(join(directory, `large-${i}`), { ...large, seed: i }));
  progress(`${images} images, twice`);
  const first = await figures(() => all(join(directory, 'first'), layers));
  const second = await figures(() => all(join(directory, 'second'), layers));
  const measures = [
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
    await sameBytes(first.result, second.result),
  ];
  for (const file of second.result) await rm(file);
  return { measures, files: first.result };
}

async function measureMany(directory: string, progress: (line: string) => void): Promise<Measure[]> {
  progress(`an image of ${many.files} files, twice`);
  const layer = await layerFile(join(directory, 'many'), { ...many, seed: 99 });
  const { seconds, stallMs, memoryMiB, result } = await figures(() => all(join(directory, 'many-first'), [layer]));
  const again = await all(join(directory, 'many-second'), [layer]);
  return [
    { measure: `an image of ${many.files} files`, value: seconds, unit: 's' },
    { measure: 'its size', value: statSync(result[0] ?? '').size / megabyte, unit: 'MB' },
    { measure: 'memory for it, at most', value: memoryMiB, unit: 'MiB' },
    {
      measure: 'loop stall meanwhile, beyond that of a loop that does nothing',
      value: stallMs,
      unit: 'ms',
      budget: stallBudgetMs,
    },
    await sameBytes(result, again),
  ];
}

/** Makes the images and leaves them in the directory; resolves with their files. */
async function all(directory: string, layers: readonly LayerFile[]): Promise<string[]> {
  const made: string[] = [];
  for (const [i, layer] of layers.entries()) {
    const own = join(directory, `image-${i}`);
    mkdirSync(own, { recursive: true });
    const source = { kind: 'layers' as const, layers: [layer] };
    const request = { name: `addon-${i}`, match: { id: '_any' }, architecture: 'x86-64' as const, allowSetuid: false, source };
    const { file } = await makeAddonImage({ ...request, directory: own });
    const kept = join(directory, `addon-${i}.raw`);
    await rename(file, kept);
    await rm(own, { recursive: true });
    made.push(kept);
  }
  return made;
}

/** Reads both: what the maker says of its digest is not asked. */
async function sameBytes(first: readonly string[], second: readonly string[]): Promise<Measure> {
  let others = 0;
  for (const [i, file] of first.entries()) if ((await digest(file)) !== (await digest(second[i] ?? ''))) others++;
  return { measure: 'raw images of which a second run made other bytes', value: others, unit: '', budget: 0 };
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
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
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  return { file, mediaType, digest: `sha256:${await digest(file)}`, size: statSync(file).size };
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
