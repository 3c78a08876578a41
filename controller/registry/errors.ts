import { TransientError } from '../api/errors.ts';

/** The registry said definitely (404) that the image, tag or blob is not there. */
export class NotFoundError extends Error {
  constructor(what: string) {
    super(`${what} not found`);
    this.name = 'NotFoundError';
  }
}

/** What was asked for is larger than the caller wants to read. As transient as any refusal to who does not ask: a tag may name something smaller tomorrow. */
export class TooLargeError extends TransientError {
  constructor(message: string) {
    super('RegistryRefused', message);
    this.name = 'TooLargeError';
  }
}
