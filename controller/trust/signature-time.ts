/** When a key may sign: pure. Why it is judged so is in docs/adr/0034. */

import type { Validity } from './validity.ts';

/** What is known of the time of a signature. Epoch milliseconds. */
export interface Moment {
  now: number;
  /** What the commit or tag says of itself; whoever signs can write anything there. */
  date: number;
  /** Fingerprints of keys that are on record for this very commit: their signatures were seen when it was judged before. */
  seen?: ReadonlySet<string>;
  /** Of a commit that a later one, which is judged itself, vouches for: the newest date of its parents. */
  parents?: number;
}

export interface WrongTime {
  reason: 'NotYetValid' | 'Expired' | 'FutureDate';
  message: string;
  /** When that passes by itself. */
  until?: number;
}

/** Clocks of machines that people commit on differ. */
const skewMs = 3_600_000;

/** What is wrong with the time of a signature by a key; undefined when it counts. */
export function wrongTime(
  key: string,
  { notBefore = -Infinity, notAfter = Infinity }: Validity,
  moment: Moment,
): WrongTime | undefined {
  const { now, date, seen, parents } = moment;
  if (date > now + skewMs)
    return { reason: 'FutureDate', message: `its date, ${shown(date)}, has not come yet`, until: date - skewMs };
  if (date < notBefore)
    return { reason: 'NotYetValid', message: `it is dated ${shown(date)}, before its key counts (from ${shown(notBefore)})` };
  if (date > notAfter)
    return { reason: 'Expired', message: `it is dated ${shown(date)}, after its key expired (${shown(notAfter)})` };
  if (now <= notAfter || seen?.has(key) === true) return undefined;
  const ended = `its key expired on ${shown(notAfter)}`;
  if (parents === undefined)
    return {
      reason: 'Expired',
      message: `${ended}, and nothing but the commit itself says that it is older; commit again with a key that counts`,
    };
  if (date >= parents - skewMs) return undefined;
  return {
    reason: 'Expired',
    message: `${ended}, and it is dated ${shown(date)}, before what it comes after (${shown(parents)})`,
  };
}

/** As people write times, to the second. */
export function shown(time: number): string {
  return Number.isFinite(time) ? new Date(time).toISOString().replace(/\.\d+Z$/, 'Z') : 'never';
}
