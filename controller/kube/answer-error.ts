/** What is thrown where the API server gave no answer, or one that is an error. */
import type { Dispatcher } from 'undici';
import { TransientError, messageOf } from '../api/errors.ts';
import { ApiError, apiErrorOf } from './errors.ts';

/** No answer: refused, reset, timed out. Whether a write was carried out is not known. */
export class ConnectionError extends TransientError {
  constructor(message: string, cause: unknown) {
    super('ConnectionFailed', message, { cause });
    this.name = 'ConnectionError';
  }
}

/** No answer, or that of a server that cannot at the moment: nothing is wrong with who asks. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof ApiError && (error.status === 429 || error.status >= 500));
}

/** Whatever a request failed with, as a TransientError. */
export function wrapped(error: unknown): unknown {
  if (error instanceof TransientError) return error;
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return new ConnectionError(`no answer from the API server: ${messageOf(error)}${code}`, error);
}

/** What the server says of an invalid object quotes it; nothing of a Secret but its name may get into a log or a status that way. */
export function errorOf(path: string, response: Dispatcher.ResponseData, text: string): ApiError {
  const error = apiErrorOf(response.statusCode, text, headerOf(response, 'retry-after'));
  if (!/\/secrets(\/|$)/.test(path) || error.status === 404) return error;
  const { status, reason, retryAfterMs } = error;
  const [, namespace = '', name = ''] = /\/namespaces\/([^/]+)\/secrets\/?([^/]*)$/.exec(path) ?? [];
  const which = name === '' ? 'a Secret' : `the Secret ${namespace}/${name}`;
  const message = `the API server answered ${status} (${reason}) for ${which}`;
  return new ApiError({ status, reason, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}

/** The first value of a header. */
export function headerOf(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
