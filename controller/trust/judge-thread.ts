import { Worker } from 'node:worker_threads';
import { TransientError, messageOf } from '../api/errors.ts';
import { threadLimits } from '../api/thread-limits.ts';
import type { Candidate } from './candidate.ts';
import { CostlyImages } from './costly-images.ts';
import type { ImageToJudge } from './judge-image.ts';
import type { Judgement } from './judgement.ts';
import type { JudgementReason } from './reasons.ts';

export interface Job {
  id: number;
  of: ImageToJudge;
  candidates: readonly Candidate[];
}

export type Answer = { id: number; judgement: Judgement } | { id: number; failure: string };

export interface JudgeThreadOptions {
  /** File of the thread; default: the one beside this, or beside the bundle. */
  entry?: URL;
  /** Milliseconds for one job, after which the thread is replaced. */
  limitMs?: number;
  /** Jobs that wait; more are refused. */
  maxWaiting?: number;
  /** Epoch milliseconds. */
  now?: () => number;
}

const defaults = { limitMs: 30_000, maxWaiting: 1_000 };

interface Waiting {
  job: Job;
  resolve: (judgement: Judgement) => void;
  reject: (error: Error) => void;
}

/**
 * Judges in a thread of its own, so that no signature holds up the loop that leases and probes depend on. The thread starts with the first job, takes one
 * at a time, does not keep the process alive when it has none, and is replaced when it ends or takes too long. An image that cost a thread waits for all
 * others, and longer each time.
 */
export class JudgeThread {
  readonly #entry: URL;
  readonly #limitMs: number;
  readonly #maxWaiting: number;
  readonly #waiting: Waiting[] = [];
  /** They have cost a thread before. */
  readonly #last: Waiting[] = [];
  readonly #costly: CostlyImages;
  #worker: Worker | undefined;
  #current: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastId = 0;
  #closed = false;

  constructor(options: JudgeThreadOptions = {}) {
    this.#entry = options.entry ?? defaultEntry();
    this.#limitMs = options.limitMs ?? defaults.limitMs;
    this.#maxWaiting = options.maxWaiting ?? defaults.maxWaiting;
    this.#costly = new CostlyImages(options.now ?? Date.now);
  }

  /**
   * Before anything is looked up for it.
   * @throws TransientError `SignatureLookupFailed` while an image rests that has cost a thread by these rules
   */
  check(of: Pick<ImageToJudge, 'image' | 'rules'>): void {
    const retryAfterMs = this.#costly.restMs(keyOf(of));
    if (retryAfterMs === 0) return;
    const why = `what is attached to it took too long or too much memory, so it waits for ${Math.ceil(retryAfterMs / 1000)} s; take away what is not yours`;
    throw failed(of, why, retryAfterMs);
  }

  /** @throws TransientError `SignatureLookupFailed` when the thread fails, takes too long, or has too much to do */
  judge(of: ImageToJudge, candidates: readonly Candidate[]): Promise<Judgement> {
    if (this.#closed) return Promise.reject(failed(of, 'the program is stopping'));
    if (this.#waiting.length + this.#last.length >= this.#maxWaiting)
      return Promise.reject(failed(of, `${this.#maxWaiting} images wait to be judged`));
    const job = { id: ++this.#lastId, of, candidates };
    return new Promise((resolve, reject) => {
      const queue = this.#costly.has(keyOf(of)) ? this.#last : this.#waiting;
      queue.push({ job, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { job, reject } of [...this.#waiting.splice(0), ...this.#last.splice(0)])
      reject(failed(job.of, 'the program is stopping'));
    const worker = this.#worker;
    this.#replace('the program is stopping');
    await worker?.terminate();
  }

  #next(): void {
    if (this.#current) return;
    const next = this.#waiting.shift() ?? this.#last.shift();
    if (!next) {
      this.#worker?.unref();
      return;
    }
    this.#current = next;
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    this.#timer = setTimeout(() => {
      this.#replace(`it took longer than ${this.#limitMs / 1000} s`);
    }, this.#limitMs);
    worker.postMessage(next.job, transferable(next.job));
  }

  #start(): Worker {
    const worker = new Worker(this.#entry, { name: 'judge', resourceLimits: threadLimits });
    worker.on('message', (answer: Answer) => {
      if (worker === this.#worker) this.#answered(answer);
    });
    worker.on('error', error => {
      if (worker === this.#worker) this.#replace(messageOf(error));
    });
    worker.on('exit', code => {
      if (worker === this.#worker) this.#replace(`its thread ended (${code})`);
    });
    return worker;
  }

  #answered(answer: Answer): void {
    const current = this.#current;
    if (answer.id !== current?.job.id) return;
    this.#settle();
    this.#costly.forget(keyOf(current.job.of));
    if ('judgement' in answer) current.resolve(answer.judgement);
    else current.reject(failed(current.job.of, answer.failure));
    this.#next();
  }

  /** Gives up the thread, and the job that it has, if any; the next job starts another. */
  #replace(why: string): void {
    const worker = this.#worker;
    const current = this.#current;
    this.#worker = undefined;
    this.#settle();
    // What comes of the end of a thread that is given up is nobody's matter.
    worker?.terminate().catch(() => undefined);
    if (current && !this.#closed) this.#costly.note(keyOf(current.job.of));
    current?.reject(failed(current.job.of, why, this.#costly.restMs(keyOf(current.job.of))));
    if (!this.#closed) this.#next();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#current = undefined;
  }
}

function keyOf({ image, rules }: Pick<ImageToJudge, 'image' | 'rules'>): string {
  return `${image} ${rules.basis}`;
}

function failed({ image }: Pick<ImageToJudge, 'image'>, why: string, retryAfterMs = 0): TransientError {
  return new TransientError(
    'SignatureLookupFailed' satisfies JudgementReason,
    `the signatures of ${image} could not be judged: ${why}; it is tried again`,
    retryAfterMs === 0 ? {} : { retryAfterMs },
  );
}

/** What the thread may take instead of a copy: bytes that nothing else shares memory with. */
function transferable({ candidates }: Job): ArrayBuffer[] {
  const buffers = candidates.flatMap(candidate => {
    if (candidate.kind === 'broken') return [];
    const { buffer, byteLength } = candidate.bytes;
    return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
  });
  return [...new Set(buffers)];
}

function defaultEntry(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? './judge-worker.ts' : './judge-worker.mjs', import.meta.url);
}
