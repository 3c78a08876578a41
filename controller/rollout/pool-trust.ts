/** Whether trust allows the images of pools: judged anew where what is recorded does not stand, and no more often than helps. */
import { messageOf, reasonOf, StallingError, TransientError, WaitingError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isAllowed, type Judgement, recordOf, type StatusJudgement, stillStands } from '../trust/judgement.ts';
import { nameOfImage } from '../trust/scope.ts';
import type { ImageToJudge, Trust } from '../trust/trust.ts';
import { digestOf } from './digest.ts';
import type { PoolReason } from './reasons.ts';
import { Setbacks } from './setbacks.ts';

/** While policies are being read: the pool looks again in a moment, and says nothing meanwhile. */
const notLoaded = 'TrustNotLoaded' satisfies PoolReason;
const notLoadedMs = 200;
/** Nothing was looked up: trust itself says when it is over. */
const removed = 'TrustRemoved' satisfies PoolReason;

/** How long looks may take together while something waits to be taken back, ms. */
const hurryMs = 5_000;

/** What pools ask of trust. */
export type PoolDoor = Pick<Trust, 'judgeImage' | 'basis' | 'withdrawn'>;

/** A question for the door; `withinMs`: how long the answer is waited for, where it is not as long as it takes. */
export type Question = ImageToJudge & { withinMs?: number };

/** What is known of an image before a look. */
interface Before {
  of: ImageInUse;
  standing?: StatusJudgement;
  last?: StatusJudgement;
  /** What new policies by themselves make of it. */
  withdrawn?: Judgement;
}

export interface ImageInUse {
  /** repository@digest. */
  image: string;
  /** That it is known to be built from. */
  commit?: string | undefined;
  /** What statuses say of it. */
  recorded: readonly (StatusJudgement | undefined)[];
}

/** What is known: the last judgement, and why there is no newer one though it does not stand any more. */
export interface Verdict {
  record?: StatusJudgement;
  error?: unknown;
}

export interface Asking {
  pool: string;
  /** Read only when something is looked up. */
  credentials: () => Promise<DockerConfig | undefined>;
  /** Another one asks again for what could not be looked up. */
  requestedAt: string | undefined;
  /** A person asked: what was refused is looked up now. */
  again: boolean;
}

export class PoolTrust {
  readonly #trust: PoolDoor;
  readonly #now: () => number;
  /** By pool, then by image: what is in no status, and what no status says yet. */
  readonly #judged = new Map<string, Map<string, StatusJudgement>>();
  /** Look-ups that failed. */
  readonly #looks: Setbacks<unknown>;

  /** `now`: epoch ms. `random`: of the waits between look-ups that fail, from 0 to 1. */
  constructor({ trust, now, random }: { trust: PoolDoor; now: () => number; random?: () => number }) {
    this.#trust = trust;
    this.#now = now;
    this.#looks = new Setbacks(random);
  }

  /** Judges all images that a pool has to do with; the others are forgotten. In their order, so that the first is never kept waiting by a later one. */
  async judge(asking: Asking, images: readonly ImageInUse[]): Promise<Map<string, Verdict>> {
    const judging = this.judging(asking, images);
    let step = judging.next();
    while (!step.done) {
      const { withinMs, ...of } = step.value;
      const looking = this.#trust.judgeImage(of);
      const answer = await (withinMs === undefined ? looking : within(looking, withinMs)).then(
        judgement => () => judging.next(judgement),
        (error: unknown) => () => judging.throw(error),
      );
      step = answer();
    }
    return step.value;
  }

  /** The same without the waiting: yields what the door is to be asked, and is given its judgement, or what it threw. */
  *judging(asking: Asking, images: readonly ImageInUse[]): Generator<Question, Map<string, Verdict>, Judgement> {
    const { pool } = asking;
    const verdicts = new Map<string, Verdict>();
    const all = new Map<string, Before>();
    for (const of of images) if (!all.has(of.image)) all.set(of.image, this.#before(pool, of));
    // What is taken back is not kept waiting by a registry that is slow, for this image or another.
    const deadline = [...all.values()].some(({ withdrawn }) => withdrawn) ? this.#now() + hurryMs : undefined;
    for (const [image, before] of all) verdicts.set(image, yield* this.#judge(asking, before, deadline));
    const records = [...verdicts].flatMap(([image, { record }]) => (record ? [[image, record] as const] : []));
    this.#judged.set(pool, new Map(records));
    this.#looks.keep(
      pool,
      images.map(of => this.#about(asking, of)),
    );
    return verdicts;
  }

  /** Whether the image may be staged, or booted, at this very moment: what was judged last allows it and still stands. No request. */
  allows(pool: string, image: string): boolean {
    const record = this.#judged.get(pool)?.get(image);
    return record !== undefined && isAllowed(record) && this.#stands(record, { image, commit: record.commit });
  }

  /** Whether the policies have been read: before, nothing can be said. */
  get isReady(): boolean {
    return this.#trust.basis('Image', '') !== undefined;
  }

  /** Milliseconds until a look-up that failed is tried again; what has been judged, trust itself says when it is to be judged again. */
  nextMs(pool: string): number | undefined {
    return this.#looks.nextMs(pool, this.#now());
  }

  forget(pool: string): void {
    this.#judged.delete(pool);
    this.#looks.keep(pool, []);
  }

  #before(pool: string, of: ImageInUse): Before {
    const all = [this.#judged.get(pool)?.get(of.image), ...of.recorded].filter(r => r !== undefined);
    const standing = all.find(record => this.#stands(record, of));
    const last = standing ?? all[0];
    if (standing || last?.decision !== 'Trusted') return { of, ...(standing ? { standing } : {}), ...(last ? { last } : {}) };
    const { image, commit } = of;
    const withdrawn = this.#trust.withdrawn({ image, ...(commit === undefined ? {} : { commit }), recorded: last });
    return { of, last, ...(withdrawn ? { withdrawn } : {}) };
  }

  *#judge(asking: Asking, before: Before, deadline: number | undefined): Generator<Question, Verdict, Judgement> {
    const { image, commit } = before.of;
    const { pool, credentials, again } = asking;
    const about = this.#about(asking, before.of);
    const now = this.#now();
    const open = this.#looks.open(pool, now);
    if (open.has(about)) return withoutLook(before, open.get(about));
    try {
      if (deadline !== undefined && now >= deadline) throw notAnswered();
      const judgement = yield {
        image,
        credentials,
        ...(commit === undefined ? {} : { commit }),
        ...(before.standing && !again ? { recorded: before.standing } : {}),
        ...(deadline === undefined ? {} : { withinMs: deadline - now }),
      };
      return { record: recordOf(judgement) };
    } catch (error) {
      // Of the controller, not of the image: there is nothing to say of it.
      if (reasonOf(error) === notLoaded) throw new WaitingError(notLoaded, messageOf(error), notLoadedMs, { cause: error });
      if (reasonOf(error) !== removed) this.#looks.add(pool, about, error, this.#now());
      return withoutLook(before, error);
    }
  }

  #stands(record: StatusJudgement, of: Pick<ImageInUse, 'image' | 'commit'>): boolean {
    const basis = this.#basis(of);
    return basis !== undefined && stillStands(record, { digest: digestOf(of.image), basis, now: this.#now() });
  }

  /** Undefined for what no policy can name: a host may run whatever it was given by hand. */
  #basis({ image, commit }: Pick<ImageInUse, 'image' | 'commit'>): string | undefined {
    try {
      return this.#trust.basis('Image', nameOfImage(image), commit);
    } catch (error) {
      if (error instanceof StallingError) return undefined;
      throw error;
    }
  }

  #about({ requestedAt = '' }: Asking, of: ImageInUse): string {
    return `${of.image} ${this.#basis(of) ?? ''} ${requestedAt}`;
  }
}

/** What is known while it cannot be looked up: a second look at what stands takes nothing back, and a revocation waits for nobody. */
function withoutLook({ standing, last, withdrawn }: Before, error: unknown): Verdict {
  if (standing) return { record: standing };
  if (!withdrawn) return { ...(last ? { record: last } : {}), error };
  const message = `${withdrawn.message}; whether anybody else has signed it cannot be looked up: ${messageOf(error)}`;
  return { record: recordOf({ ...withdrawn, message }) };
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(notAnswered()), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function notAnswered(): TransientError {
  const message = `the registry has not answered within ${hurryMs / 1000} s, and something has to be taken back`;
  return new TransientError('SignatureLookupFailed', message);
}

/** @throws TransientError: the policies changed since the plan was made, so another one is due. */
export function trustChanged(image: string): TransientError {
  return new TransientError('TrustChanged', `what is trusted changed before ${image} was used; the pool looks again`);
}
