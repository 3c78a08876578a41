import { keyLabel } from './job-manifest.ts';

/**
 * Which builds of this process work on a foundation or wait for it, so that just those are woken when something becomes of it. It saves time and
 * decides nothing: who waits looks again by itself after a while, and a process that begins looks at all builds.
 */
export class FoundationWaits {
  readonly #wake: (build: string) => void;
  readonly #claims = new Map<string, { by: string; refused: Set<string> }>();
  /** By what the label of a Job has of the key. */
  readonly #waiting = new Map<string, Set<string>>();

  constructor(wake: (build: string) => void) {
    this.#wake = wake;
  }

  /** No two builds make one foundation at a time. Names the one that has it, whose release wakes this one. */
  claim(key: string, build: string): string | undefined {
    const claim = this.#claims.get(key);
    if (claim && claim.by !== build) {
      claim.refused.add(build);
      return claim.by;
    }
    this.#claims.set(key, claim ?? { by: build, refused: new Set() });
    return undefined;
  }

  release(key: string): void {
    const claim = this.#claims.get(key);
    this.#claims.delete(key);
    for (const build of claim?.refused ?? []) this.#wake(build);
  }

  /** To be said before the build looks, so that nothing is missed that happens meanwhile. */
  wait(key: string, build: string): void {
    const label = keyLabel(key);
    const builds = this.#waiting.get(label) ?? new Set();
    this.#waiting.set(label, builds.add(build));
  }

  leave(key: string, build: string): void {
    const label = keyLabel(key);
    const builds = this.#waiting.get(label);
    builds?.delete(build);
    if (builds?.size === 0) this.#waiting.delete(label);
  }

  /** Something became of the foundation of that key, or that label: it was made, or whoever made it stopped. Whoever waits on has to say so again. */
  changed(key: string): void {
    const label = keyLabel(key);
    const builds = this.#waiting.get(label) ?? [];
    this.#waiting.delete(label);
    for (const build of builds) this.#wake(build);
  }
}
