/** How many nodes may be away. */

/**
 * Nodes of `total` that may be unavailable. A percentage is rounded down, to at least 1, so that a small pool still moves and never
 * loses more than was said; 0 and 0% start nothing. The API's schema keeps other values out; an unreadable one counts as 0.
 */
export function maxUnavailableOf(value: number | string, total: number): number {
  if (typeof value === 'number') return Number.isInteger(value) && value > 0 ? value : 0;
  const percent = /^([0-9]{1,3})%$/.exec(value)?.[1];
  if (percent === undefined || Number(percent) === 0) return 0;
  return Math.max(1, Math.floor((total * Math.min(100, Number(percent))) / 100));
}
