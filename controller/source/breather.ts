import { setImmediate as nextTurn } from 'node:timers/promises';

/** A function to await inside a long loop: it lets others run once `sliceMs` have passed, and costs next to nothing before. */
export function createBreather(sliceMs = 10): () => Promise<void> {
  let end = performance.now() + sliceMs;
  return async () => {
    if (performance.now() < end) return;
    await nextTurn();
    end = performance.now() + sliceMs;
  };
}
