import { TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import { parseReference } from '../registry/reference.ts';
import type { CopiedBlob, Registry } from '../registry/registry.ts';

/** What a copy took, in bytes of blobs. */
export interface CopyTotals {
  /** Sent to the output registry. */
  pushed: number;
  /** Found there, or mounted from another repository of it. */
  reused: number;
}

/** So many places are remembered; a forgotten one costs a transfer. */
const remembered = 10_000;

/**
 * Copies blobs of bases into output repositories. What comes from another registry is transferred to each registry once, also when many builds want
 * it at a time: the others wait for it and mount it from the repository that has it.
 */
export class BlobCopier {
  readonly #registry: Pick<Registry, 'copyBlob'>;
  /** By registry and digest: the repository that has it, or will have it when the transfer under way is done. */
  readonly #places = new Map<string, Promise<string>>();

  constructor(registry: Pick<Registry, 'copyBlob'>) {
    this.#registry = registry;
  }

  /** All at once; the client bounds the connections. Throws what Registry.copyBlob throws. */
  async copy(repository: string, blobs: readonly CopiedBlob[], auth: DockerConfig | undefined): Promise<CopyTotals> {
    const results = await Promise.all(
      blobs.map(async blob => ({ size: blob.size, how: await this.#copy(repository, blob, auth) })),
    );
    const totals: CopyTotals = { pushed: 0, reused: 0 };
    for (const { size, how } of results) totals[how === 'copied' ? 'pushed' : 'reused'] += size;
    return totals;
  }

  async #copy(repository: string, blob: CopiedBlob, auth: DockerConfig | undefined): ReturnType<Registry['copyBlob']> {
    const host = hostOf(repository);
    if (hostOf(blob.from) === host) return this.#registry.copyBlob(repository, blob, auth);
    const key = `${host} ${blob.digest}`;
    const place = this.#places.get(key);
    if (place) {
      const how = await this.#mounted(repository, { ...blob, from: place }, auth);
      if (how) return how;
    }
    const copying = this.#registry.copyBlob(repository, blob, auth);
    this.#remember(
      key,
      copying.then(() => repository),
    );
    return copying;
  }

  /** From a repository of the same registry; undefined when that is not to be had, for whatever reason. */
  async #mounted(
    repository: string,
    { from, ...blob }: Omit<CopiedBlob, 'from'> & { from: Promise<string> },
    auth: DockerConfig | undefined,
  ): Promise<Awaited<ReturnType<Registry['copyBlob']>> | undefined> {
    try {
      return await this.#registry.copyBlob(repository, { ...blob, from: await from }, auth);
    } catch (error) {
      // Its transfer failed, it was removed there since, or these credentials may not read there: the base itself has it still.
      if (error instanceof NotFoundError || error instanceof TransientError) return undefined;
      throw error;
    }
  }

  #remember(key: string, place: Promise<string>): void {
    this.#places.delete(key);
    this.#places.set(key, place);
    place.catch(() => {
      if (this.#places.get(key) === place) this.#places.delete(key);
    });
    const oldest = this.#places.keys().next();
    if (this.#places.size > remembered && !oldest.done) this.#places.delete(oldest.value);
  }
}

function hostOf(repository: string): string {
  return parseReference(repository).host;
}
