/** Times in policies: pure. A time that cannot be read never means that there is none: every comparison with it would be false, and let everything through. */
import { StallingError } from '../api/errors.ts';
import type { PolicyReason } from './reasons.ts';

const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Epoch ms; undefined for what is no time of RFC 3339, as the schema of TrustPolicy has it. */
function parsed(text: string): number | undefined {
  const day = text.slice(0, 10);
  const midnight = Date.parse(`${day}T00:00:00.000Z`);
  const time = Date.parse(text);
  // A day that a month does not have would become another day.
  const isDay = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
  return form.test(text) && isDay && !Number.isNaN(time) ? time : undefined;
}

/**
 * When a key begins or ceases to count, epoch ms.
 * @throws StallingError `InvalidKey` that names the field: the authority does not count
 */
export function timeOf(text: string, field: string): number {
  const time = parsed(text);
  if (time !== undefined) return time;
  const message = `${field} is ${JSON.stringify(text.slice(0, 64))}, not a time as 2027-01-31T12:00:00Z`;
  throw new StallingError('InvalidKey' satisfies PolicyReason, message);
}

/** Until when what a revoked key signed stays good, epoch ms. Undefined, so that nothing does, also where it cannot be read. */
export function sinceOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parsed(text);
}
