/**
 * Lists of layers (layer-list.ts) on this machine, by the digests of the layers: images share most of theirs, and a new one of a system has few that are new. What is lost is made again.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { ReadableStream } from 'node:stream/web';
import { Worker } from 'node:worker_threads';
import { messageOf, StallingError, TransientError } from '../api/errors.ts';
import { isOutOfMemory, maxThreadHeapMiB, threadLimits } from '../api/thread-limits.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Descriptor } from '../registry/media-types.ts';
import type { Registry } from '../registry/registry.ts';
import { isReadable } from '../trust/layer-stream.ts';
import { linesOf } from './file-list.ts';
import { type LayerLine, parseLayerList } from './layer-list.ts';
import type { AddonReason } from './reasons.ts';

export interface ListLimits {
  /** Of one layer, that are held at once, and the memory of their texts: with as many, the thread has room left. */
  names: number;
  nameBytes: number;
  /** How many times larger a layer may be decompressed than it is, beyond so many bytes. */
  ratio: number;
  unsuspiciousBytes: number;
  /** Of one image's layers together, as the registry has them. */
  bytes: number;
  /** One image may take so long to be listed, ms. */
  ms: number;
  /** Lists together; beyond it those go that were not used for the longest time, of other images. */
  keptBytes: number;
}

export const listLimits: ListLimits = {
  names: 400_000,
  nameBytes: 64 * 1024 ** 2,
  ratio: 200,
  unsuspiciousBytes: 64 * 1024 ** 2,
  bytes: 8 * 1024 ** 3,
  ms: 1_800_000,
  keptBytes: 256 * 1024 ** 2,
};

export interface ListJob {
  layer: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;
  stream: ReadableStream<Uint8Array>;
  /** That the list is written to; must not exist. */
  file: string;
  limits: Pick<ListLimits, 'names' | 'nameBytes' | 'ratio' | 'unsuspiciousBytes'>;
}

export type ListAnswer =
  { kind: 'listed' } | { kind: 'tooMany' } | { kind: 'invalid'; message: string } | { kind: 'failed'; message: string };

/** The image has more than is listed; nothing is wrong with it. */
export class TooLargeError extends Error {}

/** Of the lists' form: those of another are none. */
const form = 1;

interface Options {
  registry: Pick<Registry, 'readBlob'>;
  /** Made when it is needed; nobody else may write into it. */
  directory: string;
  limits?: Partial<ListLimits>;
  /** File of the thread; default: the one beside this, or beside the bundle. */
  entry?: URL;
}

interface Layers {
  repository: string;
  layers: readonly Descriptor[];
}

/** For one caller at a time. */
export class LayerLists {
  readonly #o: Options;
  readonly #limits: ListLimits;
  #directory: Promise<void> | undefined;

  constructor(options: Options) {
    this.#o = options;
    this.#limits = { ...listLimits, ...options.limits };
  }

  /**
   * Makes the lists that are not there.
   * @throws TooLargeError; StallingError `ImageUnsupported` for a layer that cannot be read; TransientError `ImageFailed` when the disk, the thread or the time is too short; what the registry throws
   */
  async make({ repository, layers }: Layers, auth?: DockerConfig): Promise<void> {
    const missing = await onDisk(this.#o.directory, async () => {
      await this.#prepared();
      return this.#missing(layers);
    });
    if (missing.length === 0) return;
    const bytes = layers.reduce((sum, { size }) => sum + size, 0);
    if (bytes > this.#limits.bytes) throw new TooLargeError(`its layers have ${bytes} bytes, more than ${this.#limits.bytes}`);
    for (const layer of missing)
      if (!isReadable(layer)) throw invalid(layer, `it has the type ${JSON.stringify(layer.mediaType.slice(0, 128))}`);
    const signal = AbortSignal.timeout(this.#limits.ms);
    const thread = new ListThread(this.#o.entry ?? defaultEntry());
    try {
      for (const layer of missing) await this.#list(thread, { repository, layer, signal }, auth);
    } finally {
      await thread.end();
    }
    await onDisk(this.#o.directory, () => this.#prune(layers));
  }

  /**
   * A list that was made.
   * @throws LayerListError or FileListError where it is damaged; what the file system throws
   */
  read({ digest }: Pick<Descriptor, 'digest'>): AsyncGenerator<LayerLine, undefined> {
    return parseLayerList(linesOf(createReadStream(this.#file(digest))));
  }

  /** Forgets them, as they are damaged. */
  async drop(layers: readonly Pick<Descriptor, 'digest'>[]): Promise<void> {
    for (const { digest } of layers) await rm(this.#file(digest), { force: true });
  }

  #file(digest: string): string {
    return join(this.#o.directory, `${form}-${digest.replace(':', '-')}.list`);
  }

  async #prepared(): Promise<void> {
    try {
      await (this.#directory ??= this.#prepare());
    } catch (error) {
      this.#directory = undefined;
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    const { directory } = this.#o;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = await lstat(directory);
    // Below the system's temporary directory anyone may have made it first.
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) throw new Error('it belongs to, or may be written by, someone else');
    for (const name of await readdir(directory)) if (name.endsWith('.part')) await rm(join(directory, name), { force: true });
  }

  async #missing(layers: readonly Descriptor[]): Promise<Descriptor[]> {
    const missing = new Map<string, Descriptor>();
    const now = new Date();
    for (const layer of layers)
      try {
        // What was used last is kept longest.
        await utimes(this.#file(layer.digest), now, now);
      } catch (error) {
        if (!isAbsent(error)) throw error;
        missing.set(layer.digest, layer);
      }
    return [...missing.values()];
  }

  async #list(
    thread: ListThread,
    { repository, layer, signal }: { repository: string; layer: Descriptor; signal: AbortSignal },
    auth: DockerConfig | undefined,
  ): Promise<void> {
    const file = this.#file(layer.digest);
    const part = `${file}-${randomBytes(6).toString('hex')}.part`;
    const blob = new WatchedBlob(this.#o.registry.readBlob(repository, layer, auth), signal);
    try {
      const { mediaType, digest, size } = layer;
      const job = {
        layer: { mediaType, digest, size },
        stream: ReadableStream.from(blob.chunks()),
        file: part,
        limits: this.#limits,
      };
      const answer = await thread.run(job);
      if (blob.failure !== undefined) throw blob.failure;
      if (answer.kind === 'tooMany') throw new TooLargeError(tooMany(this.#limits));
      if (answer.kind === 'invalid') throw invalid(layer, answer.message);
      if (answer.kind === 'failed' || !blob.isWhole)
        throw failed(answer.kind === 'failed' ? answer.message : 'its end was not read');
      await onDisk(file, () => rename(part, file));
    } finally {
      await rm(part, { force: true });
    }
  }

  /** Keeps the directory within its bound; the layers of the image that is looked at stay. */
  async #prune(layers: readonly Descriptor[]): Promise<void> {
    const { directory } = this.#o;
    const kept = new Set(layers.map(({ digest }) => this.#file(digest)));
    const files: { file: string; size: number; mtimeMs: number }[] = [];
    for (const name of await readdir(directory)) {
      const file = join(directory, name);
      const { size, mtimeMs } = await stat(file);
      files.push({ file, size, mtimeMs });
    }
    let bytes = files.reduce((sum, { size }) => sum + size, 0);
    for (const { file, size } of files.toSorted((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (bytes <= this.#limits.keptBytes) return;
      if (kept.has(file)) continue;
      await rm(file, { force: true });
      bytes -= size;
    }
  }
}

/** What became of a blob is known here: another thread is told of an error only that there was one. */
class WatchedBlob {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #signal: AbortSignal;
  failure: unknown;
  isWhole = false;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  async *chunks(): AsyncGenerator<Uint8Array, undefined> {
    try {
      for await (const chunk of this.#source) {
        if (this.#signal.aborted) throw failed('it took too long');
        // A copy, which may be given away: the others are parts of what the transport keeps.
        yield Uint8Array.from(chunk);
      }
      this.isWhole = true;
    } catch (error) {
      this.failure = error;
      throw error;
    }
    return undefined;
  }
}

class ListThread {
  readonly #worker: Worker;
  #job: PromiseWithResolvers<ListAnswer> | undefined;

  constructor(entry: URL) {
    this.#worker = new Worker(entry, {
      name: 'layer-list',
      resourceLimits: threadLimits,
    });
    this.#worker.on('message', (answer: ListAnswer) => this.#job?.resolve(answer));
    this.#worker.on('error', error =>
      this.#job?.reject(
        isOutOfMemory(error)
          ? new TooLargeError(`to list a layer of it takes more than ${maxThreadHeapMiB} MiB`)
          : failed(messageOf(error)),
      ),
    );
    this.#worker.on('exit', code => this.#job?.reject(failed(`the thread ended (${code})`)));
  }

  run(job: ListJob): Promise<ListAnswer> {
    this.#job = Promise.withResolvers();
    this.#worker.postMessage(job, [job.stream]);
    return this.#job.promise;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function tooMany({ names, nameBytes }: ListLimits): string {
  return `a layer of it has more than ${names} names, or more than ${nameBytes} bytes of names`;
}

function invalid({ digest }: Pick<Descriptor, 'digest'>, why: string): StallingError {
  return new StallingError('ImageUnsupported' satisfies AddonReason, `layer ${digest} cannot be read: ${why}`);
}

function failed(why: string): TransientError {
  return new TransientError(
    'ImageFailed' satisfies AddonReason,
    `the files of the system could not be listed: ${why}; it is tried again`,
  );
}

async function onDisk<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failed(`${file}: ${messageOf(error)}`);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function defaultEntry(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? './list-worker.ts' : './list-worker.mjs', import.meta.url);
}
