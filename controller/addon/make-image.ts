/** Makes images of addons in a thread, so that a hundred thousand files hold up nobody; whoever asks for many bounds how many at a time. */
import { Worker } from 'node:worker_threads';
import type { AddonBlob } from '../api/addon-artifact.ts';
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import { isOutOfMemory, maxThreadHeapMiB, threadLimits } from '../api/thread-limits.ts';
import type { Release } from './extension-release.ts';
import type { LayerLimits, LayerSource } from './layers.ts';
import type { AddonReason } from './reasons.ts';
import { ContentRefusedError } from './refusal-list.ts';
import type { Refusal } from './refusal-list.ts';

/** A file, a symbolic link or a directory that is in memory; `path` is absolute, `mode` 0 to 0o7777. Parents need not be named. */
export type AddonEntry =
  | { path: string; mode: number; bytes: Uint8Array }
  | { path: string; target: string }
  | { path: string; mode: number; directory: true };

/** Entries are laid over layers. */
export type AddonSource =
  ({ kind: 'layers'; entries?: readonly AddonEntry[] } & LayerSource) | { kind: 'entries'; entries: readonly AddonEntry[] };

export interface ImageLimits extends LayerLimits {
  /** Names in the image: files, directories and links. */
  entries: number;
  /** Of all contents together, those that upper layers hide included. */
  contentBytes: number;
}

export interface AddonImageRequest extends Release {
  allowSetuid: boolean;
  source: AddonSource;
  /** Empty; everything is written there, and whoever made it removes it. Needs room for all contents twice. */
  directory: string;
  limits?: Partial<ImageLimits>;
}

export interface AddonImage {
  /** The image. */
  file: string;
  image: AddonBlob;
  /** The list of its files (controller/addon/file-list.ts), and where it is. */
  list: AddonBlob & { file: string };
}

export type ThreadMessage =
  | { kind: 'doing'; doing: string }
  | { kind: 'made'; made: AddonImage }
  | { kind: 'refused'; refusals: readonly Refusal[]; more: number }
  | { kind: 'stalling'; reason: string; message: string }
  | { kind: 'failed'; message: string };

export interface MakeOptions {
  /** Ends the thread; the promise is rejected with its reason. What was written stays in the directory. */
  signal?: AbortSignal;
  /** Told what is being done, in words. */
  progress?: (doing: string) => void;
  /** File of the thread; default: the one beside this, or beside the bundle. */
  entry?: URL;
}

/**
 * @throws StallingError `InvalidMatch`, `InvalidLayer`, `AddonTooLarge`, and ContentRefusedError with the paths; TransientError `ImageFailed` when the
 *   disk or the thread fails; the signal's reason
 */
export async function makeAddonImage(request: AddonImageRequest, o: MakeOptions = {}): Promise<AddonImage> {
  const { signal, progress, entry = defaultEntry() } = o;
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<AddonImage>();
  const worker = new Worker(entry, {
    name: 'addon-image',
    workerData: request,
    resourceLimits: threadLimits,
  });
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  worker.on('message', (message: ThreadMessage) => {
    if (message.kind === 'doing') progress?.(message.doing);
    else if (message.kind === 'made') resolve(message.made);
    else reject(errorOf(message, request.name));
  });
  worker.on('error', error => reject(isOutOfMemory(error) ? tooLarge(request.name) : failed(request.name, messageOf(error))));
  worker.on('exit', code => reject(failed(request.name, `its thread ended (${code})`)));
  try {
    return await promise;
  } finally {
    signal?.removeEventListener('abort', abort);
    await worker.terminate();
  }
}

function errorOf(message: Exclude<ThreadMessage, { kind: 'doing' | 'made' }>, name: string): Error {
  if (message.kind === 'refused') return new ContentRefusedError(message.refusals, message.more);
  if (message.kind === 'stalling') return new StallingError(message.reason, message.message);
  return failed(name, message.message);
}

function failed(name: string, why: string): TransientError {
  return new TransientError(
    'ImageFailed' satisfies AddonReason,
    `the image of addon ${name} could not be made: ${why}; it is tried again`,
  );
}

/** The same files would take as much the next time. */
function tooLarge(name: string): StallingError {
  const why = `to make the image of addon ${name} takes more than ${maxThreadHeapMiB} MiB of memory: it has too many files, or too long paths; leave out what it does not need`;
  return new StallingError('AddonTooLarge' satisfies AddonReason, why);
}

function defaultEntry(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? './image-worker.ts' : './image-worker.mjs', import.meta.url);
}
