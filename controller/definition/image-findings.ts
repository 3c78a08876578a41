/** What is to be said of a definition's images, gathered while they are resolved. Pure. */
import type { Condition } from '../api/meta.ts';
import { type StallingError, messageOf, reasonOf } from '../api/errors.ts';
import { approveBase } from '../api/names.ts';
import type { SystemDefinition } from '../api/system-definition.ts';
import { type FollowedDigests, type ImageChoice, approvedDigests, chooseDigest } from './image-choice.ts';
import type { DefinitionReason } from './reasons.ts';

/** Conditions that are there only while there is something to say; undefined takes one away, and one that is left out stays as it was. */
export type ImageConditions = Partial<
  Record<(typeof imageConditions)[number], Pick<Condition, 'status' | 'reason' | 'message'> | undefined>
>;
export const imageConditions = ['BaseUpdateAvailable', 'BaseUpdateBlocked', 'LookupFailed'] as const;

export class ImageFindings {
  readonly #update: SystemDefinition['spec']['base']['update'];
  readonly #approved: readonly string[];
  /** All digests that an approval can sensibly name. */
  readonly #digests = new Set<string>();
  readonly #updates: string[] = [];
  readonly #failures: Error[] = [];
  #blocked: { reason: string; message: string } | undefined;
  #unsure = false;
  #againMs: number | undefined;

  constructor({ metadata, spec }: SystemDefinition) {
    this.#update = spec.base.update;
    this.#approved = approvedDigests(metadata.annotations?.[approveBase]);
  }

  /** Which digest of an image is built on. */
  choose(digests: FollowedDigests): ImageChoice {
    for (const digest of [digests.before, digests.seen]) if (digest !== undefined) this.#digests.add(digest);
    return chooseDigest(digests, this.#update, new Set(this.#approved));
  }

  /** A look-up or check failed, and the last digest stays in use. */
  failed(error: Error): void {
    this.#failures.push(error);
  }

  /** A new digest that waits for approval. `what` names the image. */
  waits(what: string, digests: { used: string; available: string }): void {
    this.#updates.push(`${what} is now ${digests.available}, and ${digests.used} is in use`);
  }

  /** A new digest of the base that cannot be built on. */
  blocked(refusal: StallingError, used: string): void {
    this.#blocked = { reason: refusal.reason, message: `${refusal.message}; ${used} stays in use` };
  }

  /** Something was not looked up yet after a start, so nobody knows whether what failed before would fail again. */
  unsure(): void {
    this.#unsure = true;
  }

  lookAgain(afterMs: number): void {
    this.#againMs = Math.min(afterMs, this.#againMs ?? Infinity);
  }

  /** Milliseconds until something is to be looked up again; undefined when nothing is followed. */
  get againMs(): number | undefined {
    return this.#againMs;
  }

  conditions(): ImageConditions {
    const how = `to build on it, set the annotation ${approveBase} to the new digest (several separated by spaces)`;
    const [first] = this.#failures;
    const failed = first && {
      reason: reasonOf(first),
      message: `${this.#failures.map(messageOf).join('; ')}; the last digest stays in use`,
    };
    const waiting =
      this.#updates.length > 0
        ? { reason: 'WaitingForApproval' satisfies DefinitionReason, message: `${this.#updates.join('; ')}; ${how}` }
        : undefined;
    return {
      BaseUpdateAvailable: waiting && { status: 'True', ...waiting },
      BaseUpdateBlocked: this.#blocked && { status: 'True', ...this.#blocked },
      ...(failed || !this.#unsure ? { LookupFailed: failed && { status: 'True', ...failed } } : {}),
    };
  }

  /** Approvals that approve nothing: a slip of the hand would otherwise wait in silence. */
  warnings(): string[] {
    if (this.#update !== 'Manual') return [];
    return this.#approved
      .filter(digest => !this.#digests.has(digest))
      .map(digest => `annotation ${approveBase}: ${digest.slice(0, 128)} is not what an image of this definition is now`);
  }
}
