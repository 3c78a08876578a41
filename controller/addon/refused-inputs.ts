import type { StallingError } from '../api/errors.ts';

/** Enough for the variants of as many addons; what is forgotten is tried again. */
const remembered = 2_000;

/** What was refused when it was made: the same inputs are refused again, and an image is not downloaded for that. Only saves work. */
export class RefusedInputs {
  readonly #refusals = new Map<string, { inputs: string; error: StallingError }>();

  /** The refusal of these inputs; undefined when the last refusal was of others. */
  get(key: string, inputs: string): StallingError | undefined {
    const refusal = this.#refusals.get(key);
    return refusal?.inputs === inputs ? refusal.error : undefined;
  }

  note(key: string, inputs: string, error: StallingError): void {
    this.#refusals.delete(key);
    this.#refusals.set(key, { inputs, error });
    const oldest = this.#refusals.keys().next();
    if (this.#refusals.size > remembered && !oldest.done) this.#refusals.delete(oldest.value);
  }
}
