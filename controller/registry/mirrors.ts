import { StallingError, TransientError } from '../api/errors.ts';
import type { DockerConfig } from './credentials.ts';
import { NotFoundError } from './errors.ts';
import type { Place, Places } from './places.ts';
import { TryAgain } from './retry.ts';

/** A mirror that failed is not asked for so long, or each request would wait for its connection first. */
const restMs = 30_000;

/** What may be read from a mirror: asked in order, then the registry itself, whose answer alone is final. */
export class Mirrors {
  readonly #places: Places;
  readonly #now: () => number;
  readonly #restingUntil = new Map<string, number>();

  constructor(places: Places, now: () => number) {
    this.#places = places;
    this.#now = now;
  }

  /**
   * Whatever is wrong with a mirror (absent, unreachable, access denied, other bytes than those of the digest) leads to the next place.
   * @param byDigest whether what is read proves itself; otherwise only mirrors that may say what a tag means are asked
   */
  async read<T>(
    o: { repository: string; auth: DockerConfig | undefined; byDigest: boolean },
    from: (place: Place) => Promise<T>,
  ): Promise<T> {
    const reach = await this.#places.reach();
    for (const mirror of reach.mirrors(o.repository, o.auth, o)) {
      if ((this.#restingUntil.get(mirror.host) ?? 0) > this.#now()) continue;
      try {
        return await from(mirror);
      } catch (error) {
        this.#passOver(mirror, error);
      }
    }
    return from(reach.place(o.repository, o.auth));
  }

  #passOver(mirror: Place, error: unknown): void {
    if (error instanceof NotFoundError || error instanceof StallingError) return;
    if (!(error instanceof TryAgain) && !(error instanceof TransientError)) throw error;
    // Wrong bytes are wrong for this blob; a host that does not answer will not answer the next request either.
    if (error.reason === 'RegistryUnavailable') this.#restingUntil.set(mirror.host, this.#now() + restMs);
  }
}
