/** Whether images can be built on. What a digest names never changes, so the answer for one is kept. */
import { StallingError } from '../api/errors.ts';
import { baseInfo } from '../build/base.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';

/** Enough for the present and the next base of as many definitions; a forgotten answer is asked for again. */
const remembered = 2_000;

export class BaseChecks {
  readonly #registry: Registry;
  /** By image and platforms; the least recently asked for first. */
  readonly #answers = new Map<string, Promise<StallingError | undefined>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /**
   * Why an image, as `host/repository@digest`, cannot be built on for these platforms (all of its own when undefined), or undefined when it can. Whoever
   * names a digest has seen it with credentials of their own: the answer of another's says no more than theirs would.
   * @throws TransientError when the registry cannot be asked now; that is not kept.
   */
  refusal(
    image: string,
    platforms: readonly string[] | undefined,
    auth: DockerConfig | undefined,
  ): Promise<StallingError | undefined> {
    const key = [image, ...(platforms ?? []).toSorted()].join(' ');
    const answer = this.#answers.get(key) ?? this.#ask(image, platforms, auth);
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > remembered && !oldest.done) this.#answers.delete(oldest.value);
    answer.catch(() => this.#answers.delete(key));
    return answer;
  }

  async #ask(
    image: string,
    platforms: readonly string[] | undefined,
    auth: DockerConfig | undefined,
  ): Promise<StallingError | undefined> {
    try {
      await baseInfo(this.#registry, image, auth, { platforms });
      return undefined;
    } catch (error) {
      if (error instanceof StallingError) return error;
      throw error;
    }
  }
}
