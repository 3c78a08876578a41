/** What a test can make go wrong with a call to the API server. */

export interface Fault {
  /** Answer with this status and a `Status` object instead of asking the API server. */
  status?: number;
  reason?: string;
  message?: string;
  /** Seconds, as the Retry-After header. */
  retryAfter?: number;
  /** Answer with this body instead of a `Status`. */
  body?: string;
  /** Cut the connection: before the API server hears of the call, or after it has answered, so that the answer alone is lost. */
  drop?: 'before' | 'after';
  /** Hold the call this long before anything else; alone, it then goes on as usual. */
  delayMs?: number;
  /** Let the call through, and set the Date of its answer back by so much (forward when negative): the caller's clock is ahead then. */
  dateBackMs?: number;
  /** How many calls it hits; default: all, until removed. */
  times?: number;
}

export interface InjectedFault {
  /** Calls it has hit so far. */
  readonly hits: number;
  remove(): void;
}

const reasons: Record<number, string> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** The object that the API server answers a failed call with. */
export function statusObject(
  code: number,
  reason = reasons[code] ?? 'Unknown',
  message = `injected by the test: ${reason}`,
): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}
