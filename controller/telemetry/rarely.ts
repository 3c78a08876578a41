/** How often the same trouble is worth a line in the log. */
const everyMs = 60_000;

/**
 * Returns a function that says whether to log this: true when it is another thing than last time, or a minute has passed. What is tried every few
 * seconds for hours would bury all else.
 */
export function rarely(now: () => number = () => performance.now()): (what: string) => boolean {
  let last: { what: string; at: number } | undefined;
  return what => {
    if (last?.what === what && now() - last.at < everyMs) return false;
    last = { what, at: now() };
    return true;
  };
}
