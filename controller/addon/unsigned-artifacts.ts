import type { Artifact } from './status.ts';

/** Enough for the variants of as many addons; what is forgotten is made again, and found in the registry. */
const remembered = 2_000;
/** A source says what it has applied when it has applied all. An addon may be made before that. */
const patienceMs = 30_000;

/** Artifacts that are made and pushed, and could not be signed or given on yet. Only saves work. */
export class UnsignedArtifacts {
  readonly #made = new Map<string, Artifact>();
  readonly #waiting = new Map<string, number>();

  /** The artifact of these inputs; undefined when the last one was of others. */
  get(key: string, inputs: string): Artifact | undefined {
    const artifact = this.#made.get(key);
    return artifact?.inputs === inputs ? artifact : undefined;
  }

  note(key: string, artifact: Artifact): void {
    bounded(this.#made, key, artifact);
  }

  forget(key: string): void {
    this.#made.delete(key);
  }

  /** Whether what is waited for under this key may still come; the wait begins with the first question. `now`: milliseconds that never go back. */
  waits(key: string, now: number): boolean {
    const since = this.#waiting.get(key) ?? now;
    if (!this.#waiting.has(key)) bounded(this.#waiting, key, now);
    return now - since < patienceMs;
  }
}

function bounded<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > remembered && !oldest.done) map.delete(oldest.value);
}
