import { TransientError } from '../api/errors.ts';
import { NotFoundError } from './errors.ts';
import { imageName } from './manifests.ts';
import type { Manifests } from './manifests.ts';
import type { Place } from './places.ts';
import { pauseMs } from './referrers.ts';
import type { Amendment, Manifest, Written } from './registry.ts';
import { withRetries } from './retry.ts';
import type { Retrying } from './retry.ts';
import { Turns } from './turns.ts';

/** How often a change is made before it is said to have failed. */
const maxRounds = 40;

export interface AmendmentOptions {
  manifests: Manifests;
  retrying: Retrying;
  settleMs: number;
  now: () => number;
}

/**
 * Changes what a tag names where others change it too: read, change, write, look again. As with the referrers tag there is no conditional write, so
 * whoever read before this write and writes after it undoes the change; it is looked for twice, after pauses of different lengths, and made again on
 * what is there then. So writers that do likewise lose nothing of one another's; see Referrers for what remains possible.
 */
export class Amendments {
  readonly #o: AmendmentOptions;
  readonly #turns = new Turns();

  constructor(options: AmendmentOptions) {
    this.#o = options;
  }

  /** @throws TransientError `RegistryUnavailable` when the change does not stay */
  async amend(place: Place, { tag, change, ...o }: { tag: string; change: Amendment } & Written): Promise<void> {
    await this.#turns.take(`${place.name}:${tag}`, async () => {
      let { written } = o;
      let seen = 0;
      for (let round = 1; round <= maxRounds; round++) {
        let begun = this.#o.now();
        const current = await this.#current(place, tag);
        const wanted = await change(current);
        seen = wanted ? 0 : seen + 1;
        if (wanted) {
          // To make the change may take long, as it may push what it names; nobody's write of that time is to be undone.
          begun = this.#o.now();
          if ((await this.#current(place, tag))?.digest !== current?.digest) continue;
          await withRetries(this.#o.retrying, () => this.#o.manifests.put(place, tag, wanted));
        }
        written?.();
        written = undefined;
        // What was there at the first look was not written just now, and nobody is known to be at it.
        if (seen === 2 || (round === 1 && !wanted)) return;
        const { random, sleep } = this.#o.retrying;
        await sleep(pauseMs(this.#o.settleMs, this.#o.now() - begun, random()));
      }
      const what = imageName(place, tag);
      throw new TransientError('RegistryUnavailable', `${what}: what is added to it does not stay, others write it too fast`);
    });
  }

  async #current(place: Place, tag: string): Promise<Manifest | undefined> {
    try {
      return await withRetries(this.#o.retrying, () => this.#o.manifests.read(place, tag));
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }
}
