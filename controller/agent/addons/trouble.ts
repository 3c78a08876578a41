/** What follows from a preparation of addons that did not bring all of them: pure. */
import { messageOf, reasonOf, StallingError } from '../../api/errors.ts';
import { retryAt } from '../host-failure.ts';
import type { HostFailure } from '../host-failure.ts';
import type { PreparedAddon } from './prepare.ts';

const minute = 60_000;

/** A preparation that failed, as the next decision has to know it. */
export interface AddonTrouble {
  /** The target's: image and set. */
  digest: string;
  failure: HostFailure;
  pullSecret?: string;
  count: number;
  /** Epoch ms. */
  firstAt: number;
  retryAt: number;
}

/**
 * The trouble after one more attempt. Names each addon that is not ready. What lies in an addon itself waits for a person, and is tried seldom; the rest
 * may pass by itself.
 */
export function troubleOf(
  notReady: readonly PreparedAddon[],
  o: { target: string; pullSecret: string | undefined; before: AddonTrouble | undefined; now: number; random: number },
): AddonTrouble {
  const { target, pullSecret, before, now, random } = o;
  const forPerson = notReady.some(({ error }) => error instanceof StallingError);
  const failure: HostFailure = {
    reason: 'AddonsNotReady',
    message: sentence(notReady).slice(0, 1000),
    stalled: forPerson,
    permanent: false,
    backoff: forPerson ? [5 * minute, 60 * minute] : [10_000, 10 * minute],
  };
  const again = before?.digest === target && before.pullSecret === pullSecret && before.failure.stalled === forPerson;
  const count = again ? before.count + 1 : 1;
  return {
    digest: target,
    failure,
    ...(pullSecret === undefined ? {} : { pullSecret }),
    count,
    firstAt: again ? before.firstAt : now,
    retryAt: retryAt(failure, count, now, random),
  };
}

function sentence(notReady: readonly PreparedAddon[]): string {
  const names = notReady.map(({ name }) => name);
  const causes = new Map<string, string[]>();
  // One cause for all, such as a disk that is full, is said once.
  for (const { name, error } of notReady) {
    const cause = `${reasonOf(error)}: ${messageOf(error)}`;
    causes.set(cause, [...(causes.get(cause) ?? []), name]);
  }
  const said = [...causes].map(([cause, of]) => (causes.size === 1 ? cause : `${of.join(', ')}: ${cause}`));
  return `not ready on the host: ${names.join(', ')} (${said.join('; ')})`;
}
