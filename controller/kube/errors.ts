/** What the API server answers when it does not do what was asked. */
import { TransientError } from '../api/errors.ts';

/** One of the causes in a metav1.Status: for an eviction the disruption budget that blocks, for an invalid object the field. */
export interface ApiErrorCause {
  reason?: string;
  message?: string;
  field?: string;
}

/**
 * An HTTP answer of 400 or more. A reconcile that lets it through is retried with backoff, as after any TransientError;
 * whoever knows that a person must act catches it and throws a StallingError.
 */
export class ApiError extends TransientError {
  /** The HTTP status; for an ERROR event in a watch, the code of its metav1.Status. */
  readonly status: number;
  readonly causes: readonly ApiErrorCause[];
  constructor(o: { status: number; reason: string; message: string; retryAfterMs?: number; causes?: readonly ApiErrorCause[] }) {
    super(o.reason, o.message, o.retryAfterMs === undefined ? undefined : { retryAfterMs: o.retryAfterMs });
    this.name = 'ApiError';
    this.status = o.status;
    this.causes = o.causes ?? [];
  }
}

/** The fields of metav1.Status that are read. */
interface Status {
  kind?: unknown;
  code?: unknown;
  reason?: unknown;
  message?: unknown;
  details?: { retryAfterSeconds?: unknown; causes?: unknown };
}

/**
 * The error of an answer. `body` is its text: a metav1.Status, or what a proxy in between wrote. `retryAfter` is the header
 * (RFC 9110 §10.2.3: seconds or a date), which wins over the Status' own seconds.
 */
export function apiErrorOf(status: number, body: string, retryAfter?: string, now: number = Date.now()): ApiError {
  const parsed = statusOf(body);
  const retryAfterMs = parseRetryAfter(retryAfter, now) ?? secondsOf(parsed?.details?.retryAfterSeconds);
  return new ApiError({
    status,
    reason: typeof parsed?.reason === 'string' && parsed.reason ? parsed.reason : `Http${status}`,
    message: typeof parsed?.message === 'string' && parsed.message ? parsed.message : `the API server answered ${status}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    causes: causesOf(parsed?.details?.causes),
  });
}

/** The error that an ERROR event of a watch carries. */
export function apiErrorOfEvent(object: unknown): ApiError {
  const code = isRecord(object) && typeof object['code'] === 'number' ? object['code'] : 500;
  return apiErrorOf(code, JSON.stringify(object));
}

/** Milliseconds of a Retry-After header; undefined when absent or unreadable. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** 404: the only answer that means "not there". */
export function isNotFound(error: unknown): boolean {
  return hasStatus(error, 404);
}

/** 409 of any kind: a resourceVersion that is not the newest, a field that another manager owns, or a name that is taken. */
export function isConflict(error: unknown): boolean {
  return hasStatus(error, 409);
}

/** The name is taken. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && error.reason === 'AlreadyExists';
}

/** 410: the resourceVersion or continue token is too old. */
export function isGone(error: unknown): boolean {
  return hasStatus(error, 410);
}

/** 429: the server is busy, or a disruption budget forbids an eviction. */
export function isTooManyRequests(error: unknown): boolean {
  return hasStatus(error, 429);
}

/** 422: the object breaks its schema or a validation rule. */
export function isInvalid(error: unknown): boolean {
  return hasStatus(error, 422);
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}

function statusOf(body: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return isRecord(parsed) && parsed['kind'] === 'Status' ? parsed : undefined;
  } catch {
    // Not the API server's own words (a load balancer's page, say); the HTTP status says enough.
    return undefined;
  }
}

function causesOf(value: unknown): ApiErrorCause[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map(c => ({
    ...(typeof c['reason'] === 'string' ? { reason: c['reason'] } : {}),
    ...(typeof c['message'] === 'string' ? { message: c['message'] } : {}),
    ...(typeof c['field'] === 'string' ? { field: c['field'] } : {}),
  }));
}

function secondsOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value * 1000 : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
