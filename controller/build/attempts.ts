/** Milliseconds between attempts whose step failed; one attempt more than there are delays. */
const retryDelaysMs: readonly number[] = [10_000, 60_000];

/** Attempts of a build whose steps fail. */
export const maxAttempts: number = retryDelaysMs.length + 1;

/** How long after the n-th failed attempt the next begins; undefined when it was the last. */
export function retryDelayMs(attempts: number): number | undefined {
  return retryDelaysMs[attempts - 1];
}
