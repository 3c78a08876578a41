import { setTimeout as sleep } from 'node:timers/promises';

const leastMs = 10;
/** Short enough to see a state that passes. */
const mostMs = 100;

/**
 * Resolves as soon as the condition holds. The limit is only there so that a test that can never end says what it waited for.
 * Looks that ask a server keep it busy: they become rarer with the wait, so that it gets no more than a tenth longer.
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<void> {
  const begin = performance.now();
  for (;;) {
    const result = condition();
    if (typeof result === 'boolean' ? result : await result) return;
    const waited = performance.now() - begin;
    if (waited > limitMs) throw new Error(`waited ${limitMs / 1000} s in vain for: ${what}`);
    await sleep(typeof result === 'boolean' ? leastMs : Math.min(mostMs, Math.max(leastMs, waited / 10)));
  }
}
