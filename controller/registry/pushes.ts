import { sha256 } from './digest.ts';
import { parseManifest } from './manifests.ts';
import type { Manifests } from './manifests.ts';
import type { Descriptor } from './media-types.ts';
import type { Place } from './places.ts';
import { referrerOf } from './referrers-index.ts';
import type { Referrers } from './referrers.ts';
import type { PushedManifest, Written } from './registry.ts';
import { withRetries } from './retry.ts';
import type { Retrying } from './retry.ts';

export interface PushOptions {
  manifests: Manifests;
  referrers: Referrers;
  retrying: Retrying;
}

/** Puts manifests into a registry, and into the lists that are to name them. */
export class Pushes {
  readonly #o: PushOptions;

  constructor(options: PushOptions) {
    this.#o = options;
  }

  /** Lists name only what is there: each is written and read back before any list is. */
  async push(place: Place, manifests: readonly PushedManifest[], { written }: Written = {}): Promise<void> {
    await Promise.all(manifests.map(manifest => this.#write(place, manifest)));
    const lists = [
      ...Map.groupBy(
        manifests.flatMap(manifest => referrerIn(place, manifest)),
        ({ subject }) => subject,
      ),
    ];
    let left = lists.length;
    if (left === 0) written?.();
    const one = (): void => {
      left--;
      if (left === 0) written?.();
    };
    const { referrers } = this.#o;
    await Promise.all(
      lists.map(([subject, of]) =>
        referrers.ensure(
          place,
          subject,
          of.map(({ entry }) => entry),
          one,
        ),
      ),
    );
  }

  async #write(place: Place, manifest: PushedManifest): Promise<void> {
    const { manifests, retrying } = this.#o;
    const { bytes, tag } = manifest;
    await withRetries(retrying, () => manifests.write(place, sha256(bytes), manifest));
    if (tag !== undefined) await withRetries(retrying, () => manifests.write(place, tag, manifest));
  }
}

function referrerIn({ name }: Place, { bytes, mediaType }: PushedManifest): { subject: string; entry: Descriptor }[] {
  const digest = sha256(bytes);
  const json = parseManifest(bytes, `${name}@${digest}`, { pinned: true });
  const referrer = referrerOf(json, { mediaType, digest, size: bytes.length });
  return referrer ? [referrer] : [];
}
