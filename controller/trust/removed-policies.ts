/** The time after the last policy of a subject has gone: whoever replaces it takes it away for a moment, and nothing is let through for that. */
import { TransientError } from '../api/errors.ts';
import type { ReadPolicy } from './read-policy.ts';
import type { JudgementReason } from './reasons.ts';
import type { Subject } from './rules.ts';
import { configures } from './select-rules.ts';

/** Enough for `kubectl replace --force`, and for what prunes before it creates. */
const graceMs = 60_000;

const subjects = ['Image', 'Git'] as const satisfies readonly Subject[];
const nouns = { Image: 'images', Git: 'commits' } as const;

/** What one process has seen of it; a new one knows only what there is. */
export class RemovedPolicies {
  readonly #graceMs: number;
  readonly #configured = new Set<Subject>();
  readonly #removedAt = new Map<Subject, number>();

  /** `ms`: another time than the usual one. */
  constructor(ms = graceMs) {
    this.#graceMs = ms;
  }

  /** Takes all policies as they are at `now` (epoch ms); returns when there may be something to let through. */
  see(read: readonly ReadPolicy[], now: number): number | undefined {
    for (const subject of subjects) {
      if (read.some(policy => configures(policy, subject))) {
        this.#configured.add(subject);
        this.#removedAt.delete(subject);
      } else if (this.#configured.delete(subject)) this.#removedAt.set(subject, now);
    }
    return this.#removedAt.size === 0 ? undefined : Math.max(...this.#removedAt.values()) + this.#graceMs;
  }

  /** @throws TransientError `TrustRemoved` while it is too early to take a subject for one that no policy is wanted for */
  refuse(subject: Subject, now: number): void {
    const until = (this.#removedAt.get(subject) ?? Number.NEGATIVE_INFINITY) + this.#graceMs;
    if (now >= until) return;
    const time = new Date(until).toISOString().replace(/\.\d+Z$/, 'Z');
    throw new TransientError(
      'TrustRemoved' satisfies JudgementReason,
      `the last TrustPolicy for ${nouns[subject]} was removed; nothing new is accepted until ${time}, and without verification from then on, unless there is one again; to let everything through now, apply one with scope.root and mode Skip`,
      { retryAfterMs: until - now },
    );
  }
}
