/** Which commits are new: reached from a tip and not from commits that are trusted with all before them. Only hashes are believed, not what a server leaves out. */
import { setImmediate as breathe } from 'node:timers/promises';
import { MalformedObject, type ObjectFormat, type ParsedCommit, parseCommitObject } from './commit-object.ts';

/** A commit of the walk, without its bytes: of those there are thousands, and whoever pushes says how long each is. */
export interface Walked {
  oid: string;
  parents: readonly string[];
  /** Of its committer; 0 where it cannot be read. */
  date: number;
}

/** A commit as it is judged. One that is not as Git writes it is walked through, and does not count. */
export interface ReadCommit extends Walked {
  parsed: ParsedCommit | undefined;
  malformed?: string;
}

export interface HistoryLimits {
  /** New commits. */
  fresh: number;
  /** Commits that are read in all: those on the trusted side are needed to see where branches began. */
  read: number;
}

/** There are more commits than are looked at. */
export class HistoryTooLong extends Error {}

/**
 * As git's paint_down_to_common: newest first, and what is reached from the trusted side is painted. Dates only decide on the order; where they are wrong,
 * `settle` goes on until it is certain.
 */
export class History {
  readonly #read: (oid: string) => Promise<Buffer>;
  readonly #format: ObjectFormat;
  readonly #limits: HistoryLimits;
  readonly #loaded = new Map<string, Walked>();
  readonly #fresh = new Set<string>();
  readonly #trusted = new Set<string>();
  /** Oldest first, each once. */
  readonly #queue: Walked[] = [];
  readonly #waiting = new Set<string>();
  /** How many of those that wait are not known to be trusted. */
  #open = 0;

  constructor(o: { read: (oid: string) => Promise<Buffer>; format: ObjectFormat; limits: HistoryLimits }) {
    this.#read = o.read;
    this.#format = o.format;
    this.#limits = o.limits;
  }

  /** The new commits, the tip first. @throws HistoryTooLong, and what `read` throws */
  async fresh(tip: string, trusted: readonly string[]): Promise<Walked[]> {
    for (const oid of trusted) await this.#reach(oid, true);
    await this.#reach(tip, false);
    while (this.#open > 0) await this.#step();
    const others = [...this.#fresh].filter(oid => oid !== tip);
    const commits = await Promise.all([...(this.#fresh.has(tip) ? [tip] : []), ...others].map(oid => this.#load(oid)));
    return commits;
  }

  /** Whether a commit is reached from the trusted side after all, which dates may have hidden. */
  async settle(oid: string): Promise<boolean> {
    while (!this.#trusted.has(oid) && this.#queue.length > 0) await this.#step();
    return this.#trusted.has(oid);
  }

  /** The newest date of a commit's parents; undefined for one without. */
  async parentsDate({ parents }: Walked): Promise<number | undefined> {
    const dates: number[] = [];
    for (const oid of parents) dates.push((await this.#load(oid)).date);
    return dates.length > 0 ? Math.max(...dates) : undefined;
  }

  /** Read anew, since nothing of it is kept. */
  async commit(oid: string): Promise<ReadCommit> {
    return walked(oid, await this.#read(oid), this.#format);
  }

  async #step(): Promise<void> {
    const next = this.#queue.pop();
    if (!next) return;
    this.#waiting.delete(next.oid);
    const trusted = this.#trusted.has(next.oid);
    if (!trusted) this.#open--;
    for (const parent of next.parents) await this.#reach(parent, trusted);
  }

  /** Queues a commit that is new, or that is newly known to be trusted. */
  async #reach(oid: string, trusted: boolean): Promise<void> {
    if (this.#trusted.has(oid) || (!trusted && this.#fresh.has(oid))) return;
    const commit = await this.#load(oid);
    const waits = this.#waiting.has(oid);
    if (trusted) {
      this.#trusted.add(oid);
      this.#fresh.delete(oid);
      if (waits) this.#open--;
    } else {
      this.#fresh.add(oid);
      this.#open++;
      if (this.#fresh.size > this.#limits.fresh) throw new HistoryTooLong();
    }
    if (!waits) this.#enqueue(commit);
  }

  #enqueue(commit: Walked): void {
    let [low, high] = [0, this.#queue.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#queue[middle]?.date ?? 0) <= commit.date) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, commit);
    this.#waiting.add(commit.oid);
  }

  async #load(oid: string): Promise<Walked> {
    const known = this.#loaded.get(oid);
    if (known) return known;
    if (this.#loaded.size >= this.#limits.read) throw new HistoryTooLong();
    if (this.#loaded.size % 16 === 15) await breathe();
    const { parents, date } = await this.commit(oid);
    const commit: Walked = { oid, parents, date };
    this.#loaded.set(oid, commit);
    return commit;
  }
}

function walked(oid: string, data: Buffer, format: ObjectFormat): ReadCommit {
  try {
    const parsed = parseCommitObject(data, format);
    return { oid, parents: parsed.parents, date: parsed.committer.time, parsed };
  } catch (error) {
    if (!(error instanceof MalformedObject)) throw error;
    return { oid, ...linesAsGit(data), parsed: undefined, malformed: error.message };
  }
}

/** Parents and date of a commit as Git takes them, which follows history through what it should never have taken. */
function linesAsGit(data: Buffer): { parents: string[]; date: number } {
  const end = data.indexOf('\n\n');
  const [, ...lines] = data.toString('latin1', 0, end < 0 ? data.length : end).split('\n');
  const parents: string[] = [];
  for (const line of lines) {
    const parent = /^parent ((?:[0-9a-f]{24})?[0-9a-f]{40})$/.exec(line)?.[1];
    if (parent === undefined) break;
    parents.push(parent);
  }
  const seconds = lines.map(line => /^committer .*> (\d{1,12}) /.exec(line)?.[1]).find(text => text !== undefined);
  return { parents, date: Number(seconds ?? 0) * 1000 };
}
