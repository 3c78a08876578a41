/** What it costs to list the layers of a system: time, memory, and how long the loop stands still meanwhile; and to do so again when they are known. */
import { createCipheriv, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { LayerLists } from '../../controller/addon/layer-lists.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import { member } from '../addon/layer-fixture.ts';
import { watchIdleLoop, watchLoop } from './loop-stall.ts';
import type { Measure } from './measure.ts';
import { memoryOf } from './process-memory.ts';

const megabyte = 1_000_000;
const layers = 4;
/** As a bootc image has them: 60,000 files, 1 GB compressed and twice that beyond. */
const each = { files: 15_000, bytes: 33_000 };
/** Design: the loop that leases and probes depend on. */
const stallBudgetMs = 50;
const memoryBudgetMiB = 200;

export async function measureAddonLayers(directory: string, progress: (line: string) => void): Promise<Measure[]> {
  progress(`${layers} layers of ${(each.files * each.bytes) / megabyte} MB`);
  const files = Array.from({ length: layers }, (_, i) => join(directory, `layer-of-system-${i}`));
  for (const [i, file] of files.entries())
    await pipeline(Readable.from(archive(i)), createGzip({ level: 1 }), createWriteStream(file));
  const described = files.map((file, i) => ({
    mediaType: mediaTypes.layerGzip,
    digest: `sha256:${String(i).repeat(64)}`,
    size: statSync(file).size,
  }));
  const registry = {
    readBlob: (_: string, { digest }: { digest: string }) => createReadStream(files[Number(digest[7])] ?? ''),
  };
  const lists = new LayerLists({ registry, directory: join(directory, 'lists') });
  progress('listed, twice');
  const { residentMiB } = memoryOf(process.pid);
  // Lets the kernel forget the highest figure so far (proc(5)).
  writeFileSync('/proc/self/clear_refs', '5');
  const idle = await watchIdleLoop();
  const stalled = watchLoop();
  const begun = performance.now();
  await lists.make({ repository: 'r.example/os', layers: described });
  const seconds = (performance.now() - begun) / 1000;
  const stallMs = Math.max(0, stalled() - (await idle()));
  const { peakMiB } = memoryOf(process.pid);
  const again = performance.now();
  await lists.make({ repository: 'r.example/os', layers: described });
  let lines = 0;
  for (const layer of described) for await (const line of lists.read(layer)) lines += 'path' in line ? 1 : 0;
  const secondsAgain = (performance.now() - again) / 1000;
  if (lines < layers * each.files) throw new Error(`the lists have ${lines} paths, fewer than there are files`);
  const size = described.reduce((sum, layer) => sum + layer.size, 0);
  return [
    {
      measure: `layers of a system of ${Math.round(size / megabyte)} MB with ${layers * each.files} files, listed`,
      value: seconds,
      unit: 's',
    },
    { measure: 'memory for it, at most', value: peakMiB - residentMiB, unit: 'MiB', budget: memoryBudgetMiB },
    {
      measure: 'loop stall meanwhile, beyond that of a loop that does nothing',
      value: stallMs,
      unit: 'ms',
      budget: stallBudgetMs,
    },
    { measure: 'the same layers when their lists are there, read', value: secondsAgain, unit: 's' },
  ];
}

/** Of contents of which one half can be made smaller. */
function* archive(seed: number): Generator<Buffer, undefined> {
  const cipher = createCipheriv('aes-128-ctr', randomBytes(16), Buffer.alloc(16));
  for (let i = 0; i < each.files; i++) {
    const content = Buffer.concat([cipher.update(Buffer.alloc(each.bytes / 2)), Buffer.alloc(each.bytes / 2, `${i} `)]);
    yield member(`usr/lib/example-${seed}/${Math.floor(i / 500)}/file-${i}`, content, { mode: 0o755 });
  }
  yield Buffer.alloc(1024);
  return undefined;
}
