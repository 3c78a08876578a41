/** Trust policies in memory, which change at any moment, and a registry whose signatures cannot always be looked up; a pool asks them by its real parts. */
import { TransientError } from '../../controller/api/errors.ts';
import { digestOf } from '../../controller/rollout/digest.ts';
import { type ImageInUse, PoolTrust, type Verdict } from '../../controller/rollout/pool-trust.ts';
import { type Decision, isAllowed, type Judgement } from '../../controller/trust/judgement.ts';
import { nameOfImage } from '../../controller/trust/scope.ts';
import type { ImageToJudge } from '../../controller/trust/trust.ts';

const pool = 'pool';

export class Policies {
  /** Images that nobody who counts has signed. */
  readonly #refused = new Set<string>();
  /** Of these, the ones whose only key is revoked. */
  readonly #revoked = new Set<string>();
  /** Look-ups fail. */
  failing = false;
  #generation = 1;
  readonly #now: () => number;
  /** What a process remembers; the rest is in statuses. */
  #asks: PoolTrust;

  /** `now`: epoch ms, of the controller. */
  constructor(now: () => number) {
    this.#now = now;
    this.#asks = this.#newProcess();
  }

  /** The key is revoked: the policies say so by themselves. */
  revoke(image: string): void {
    this.#revoked.add(image);
    this.demand(image);
  }

  /** A policy demands another key, or more of them: what has signed it has to be looked up. */
  demand(image: string): void {
    this.#refused.add(image);
    this.#generation++;
  }

  /** Somebody signs with a key that counts; no policy changes. */
  sign(image: string): void {
    this.#refused.delete(image);
    this.#revoked.delete(image);
  }

  /** A policy is changed in a way that matters to no image. */
  edit(): void {
    this.#generation++;
  }

  clear(): void {
    this.#refused.clear();
    this.#revoked.clear();
    this.failing = false;
    this.edit();
  }

  forget(): void {
    this.#asks = this.#newProcess();
  }

  /** What is true of an image now, whatever was judged. */
  isAllowed(image: string): boolean {
    return !this.#refused.has(image);
  }

  /** What the pool finds, without its waits for the door. */
  judge(images: readonly ImageInUse[]): Map<string, Verdict> {
    const asking = { pool, credentials: async () => undefined, requestedAt: undefined, again: false };
    const judging = this.#asks.judging(asking, images);
    let step = judging.next();
    while (!step.done) {
      const answer = this.#answer(step.value);
      step = 'error' in answer ? judging.throw(answer.error) : judging.next(answer.judgement);
    }
    return step.value;
  }

  /** Whether the pool takes it for allowed at this moment. */
  allows(image: string): boolean {
    return this.#asks.allows(pool, image);
  }

  #newProcess(): PoolTrust {
    const trust = {
      basis: () => `generation ${this.#generation}`,
      withdrawn: ({ image }: Pick<ImageToJudge, 'image'>) =>
        this.#revoked.has(image) ? this.#judgement(image, 'Refused', 'Revoked') : undefined,
      judgeImage: async (of: ImageToJudge): Promise<Judgement> => this.#look(of),
    };
    return new PoolTrust({ trust, now: this.#now, random: () => 0.5 });
  }

  #answer(of: ImageToJudge): { judgement: Judgement } | { error: unknown } {
    try {
      return { judgement: this.#look(of) };
    } catch (error) {
      return { error };
    }
  }

  /** As the door does: what was good stands on the same basis, what was not is looked at again. */
  #look({ image, recorded }: ImageToJudge): Judgement {
    nameOfImage(image);
    if (recorded && isAllowed(recorded)) return { ...recorded, candidates: [] };
    if (this.failing) throw new TransientError('SignatureLookupFailed', '503');
    return this.#refused.has(image)
      ? this.#judgement(image, 'Refused', 'Untrusted')
      : this.#judgement(image, 'Trusted', 'Trusted');
  }

  #judgement(image: string, decision: Decision, reason: string): Judgement {
    const basis = `generation ${this.#generation}`;
    const signers = decision === 'Trusted' ? ([{ authority: 'os/release', form: 'Signature' }] as const) : [];
    return { decision, reason, message: decision, digest: digestOf(image), basis, signers, candidates: [] };
  }
}
