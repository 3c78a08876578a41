/**
 * The three ways in which a step can fail. Which one is thrown decides what the status says and when the object is looked at again;
 * an error of any other class counts as Transient with reason `Error`.
 */

/** A person must change the spec (or the annotation the message names); not retried until then, unless something followed may also end it. */
export class StallingError extends Error {
  readonly reason: string;
  /** Milliseconds until what the object follows is looked at again. */
  readonly lookAgainMs: number | undefined;
  constructor(reason: string, message: string, options?: ErrorOptions & { lookAgainMs?: number | undefined }) {
    super(message, options);
    this.name = 'StallingError';
    this.reason = reason;
    this.lookAgainMs = options?.lookAgainMs;
  }
}

/** Something else has to happen first, and nothing is wrong; looked at again after a fixed time. */
export class WaitingError extends Error {
  readonly reason: string;
  readonly requeueAfterMs: number;
  constructor(reason: string, message: string, requeueAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WaitingError';
    this.reason = reason;
    this.requeueAfterMs = requeueAfterMs;
  }
}

/** May pass by itself (network, 5xx, a race); retried with backoff from 750 ms to 15 min. */
export class TransientError extends Error {
  readonly reason: string;
  /** What the other side asked for (Retry-After); a retry comes no sooner. */
  readonly retryAfterMs: number | undefined;
  constructor(reason: string, message: string, options?: ErrorOptions & { retryAfterMs?: number }) {
    super(message, options);
    this.name = 'TransientError';
    this.reason = reason;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** The CamelCase reason of any thrown value, for conditions, events and logs. */
export function reasonOf(error: unknown): string {
  return error instanceof StallingError || error instanceof WaitingError || error instanceof TransientError
    ? error.reason
    : 'Error';
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
