import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves as soon as the condition holds. The limit is only there so that a test that can never end says what it waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<void> {
  const limit = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > limit) throw new Error(`waited ${limitMs / 1000} s in vain for: ${what}`);
    await sleep(10);
  }
}
