import { TransientError } from '../api/errors.ts';

/** A failed try that may be repeated at once. Leaves the client only as a TransientError. */
export class TryAgain extends Error {
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  constructor(reason: string, message: string, options?: ErrorOptions & { retryAfterMs?: number | undefined }) {
    super(message, options);
    this.name = 'TryAgain';
    this.reason = reason;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

export interface RetryPolicy {
  /** Tries in all. */
  tries: number;
  /** Milliseconds before the second try; four times as long before each later one. */
  baseMs: number;
  /** Waiting longer than this would hold a worker for nothing: the caller's backoff takes over. */
  maxWaitMs: number;
}

export const retryPolicy: RetryPolicy = { tries: 4, baseMs: 100, maxWaitMs: 5_000 };
/**
 * For one piece of an upload under way: a registry that restarts, which takes a minute, must not cost the gigabytes that it has. The waits are
 * 0.25, 1, 4, 16 and then 30 seconds, about two minutes in all.
 */
export const uploadRetryPolicy: RetryPolicy = { tries: 8, baseMs: 250, maxWaitMs: 30_000 };

/** Milliseconds before try number `next` (2, 3, ...), or undefined when the caller is to be told. `random` is in [0, 1). */
export function retryDelay(
  policy: RetryPolicy,
  next: number,
  retryAfterMs: number | undefined,
  random: number,
): number | undefined {
  if (next > policy.tries || (retryAfterMs ?? 0) > policy.maxWaitMs) return undefined;
  const backoff = policy.baseMs * 4 ** (next - 2) * (0.5 + random / 2);
  return Math.min(Math.max(backoff, retryAfterMs ?? 0), policy.maxWaitMs);
}

/** Milliseconds of a Retry-After header (RFC 9110 section 10.2.3: seconds, or a date), undefined when there is none. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header.trim()) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Everything that a repetition needs. */
export interface Retrying {
  policy: RetryPolicy;
  random: () => number;
  sleep: (ms: number) => Promise<void>;
}

/** How a long transfer is repeated: its beginning like any call, more patiently what goes on with something that would be lost. */
export interface Persistence {
  begin: Retrying;
  goOn: Retrying;
}

/** Repeats `work` while it throws TryAgain and the policy allows; the last TryAgain is thrown as TransientError. */
export async function withRetries<T>(retrying: Retrying, work: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error;
      const delay = retryDelay(retrying.policy, attempt + 1, error.retryAfterMs, retrying.random());
      if (delay === undefined) throw lasting(error);
      await retrying.sleep(delay);
    }
  }
}

/** What callers of the client see of a TryAgain that is not repeated. */
export function lasting(error: TryAgain): TransientError {
  const retryAfter = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
  return new TransientError(error.reason, error.message, { cause: error, ...retryAfter });
}
