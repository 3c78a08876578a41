import { StallingError } from '../api/errors.ts';
import { NotFoundError } from './errors.ts';
import type { Manifests } from './manifests.ts';
import type { Place } from './places.ts';
import { referrerOf } from './referrers-index.ts';
import type { Referrers } from './referrers.ts';
import { TryAgain, withRetries } from './retry.ts';
import type { Retrying } from './retry.ts';

export interface DeletionOptions {
  manifests: Manifests;
  referrers: Referrers;
  retrying: Retrying;
}

/** Takes manifests out of a registry, and out of the lists that name them. */
export class Deletions {
  readonly #o: DeletionOptions;

  constructor(options: DeletionOptions) {
    this.#o = options;
  }

  /** @throws StallingError `DeletionUnsupported`, NotFoundError when it is not there */
  async delete(place: Place, digest: string): Promise<void> {
    const { manifests, referrers, retrying } = this.#o;
    const { json, mediaType, bytes } = await withRetries(retrying, () => manifests.read(place, digest));
    const referrer = referrerOf(json, { mediaType, digest, size: bytes.length });
    // The list first: what is listed exists, and who deletes again after a crash still finds the subject in the manifest.
    if (referrer) await referrers.drop(place, referrer.subject, digest);
    try {
      await withRetries(retrying, attempt => this.#remove(place, digest, attempt));
    } catch (error) {
      if (referrer && error instanceof StallingError) await referrers.ensure(place, referrer.subject, [referrer.entry]);
      throw error;
    }
    await referrers.forget(place, digest);
  }

  /** One try, which counts only when the manifest is gone. */
  async #remove(place: Place, digest: string, attempt: number): Promise<void> {
    const { manifests } = this.#o;
    try {
      await manifests.remove(place, digest);
    } catch (error) {
      // The try before may have done it without its answer arriving.
      if (error instanceof NotFoundError && attempt > 1) return;
      throw error;
    }
    const there = await manifests.resolve(place, digest).catch((error: unknown) => {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    });
    if (there) throw new TryAgain('RegistryUnavailable', `${place.name}@${digest} is still there after its deletion`);
  }
}
