/** Which requests are sent again, and when: pure. */
import { backoffMs, requestBackoff } from './backoff.ts';

/** How one attempt failed. `status` is absent when there was no answer at all. */
export interface Attempt {
  method: string;
  /** How many attempts were made, this one included. */
  attempts: number;
  status?: number;
  retryAfterMs?: number;
}

const maxAttempts = 4;
/** A longer wait is the caller's to schedule: it holds neither a worker nor a slot. */
const maxRetryAfterMs = 10_000;

/**
 * Milliseconds until the request may be sent again; undefined when it may not. 429 is refused before it is looked at, so any
 * request may repeat it; otherwise only a read is repeated, on no answer and on the server's own trouble.
 */
export function retryDelayMs(attempt: Attempt, random: number): number | undefined {
  const { method, attempts, status, retryAfterMs } = attempt;
  if (attempts >= maxAttempts) return undefined;
  const safe = method === 'GET' && (status === undefined || status >= 500);
  if (status !== 429 && !safe) return undefined;
  if (retryAfterMs !== undefined) return retryAfterMs <= maxRetryAfterMs ? retryAfterMs + Math.round(250 * random) : undefined;
  return backoffMs(requestBackoff, attempts, random);
}
