/** Whether a new set is worth waiting with: a commit that changes two addons is to move nodes once. Pure. */
import type { AddonOffer } from '../addon/choice.ts';
import { timestamp } from '../api/conditions.ts';
import type { Hold } from './classify.ts';
import type { PoolReason } from './reasons.ts';

/** How long a pool waits for an addon that is being made anew, ms: one that hangs must not keep nodes for ever from what there is. */
export const longestSettling = 600_000;

/** What holds a set that has addons of these names back, and until when at most (epoch ms); undefined when nothing does. */
export function settling(
  names: readonly string[],
  offers: ReadonlyMap<string, Pick<AddonOffer, 'changingSince'>>,
  now: number,
): { hold: Hold; until: number } | undefined {
  for (const name of names) {
    const since = offers.get(name)?.changingSince;
    // One that began in the future is of a clock that was set back, or of another machine's.
    if (since === undefined || Math.abs(now - since) >= longestSettling) continue;
    const until = since + longestSettling;
    const message = `SystemAddon ${name} is being made anew; nodes wait for it until ${timestamp(new Date(until))} at most, so that they move once`;
    return { hold: { reason: 'AddonsNotReady' satisfies PoolReason, message }, until };
  }
  return undefined;
}
