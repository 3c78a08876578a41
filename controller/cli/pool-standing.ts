/** How a pool stands, with what its addons make of that: pure. */
import type { SystemPool } from '../api/system-pool.ts';
import type { Chain } from './chain.ts';
import { standingOf, type Standing } from './state.ts';

/** A pool says that it goes on by itself once an addon is there; while nothing is at work on that addon, a person has to see to it. */
export function poolStanding(chain: Pick<Chain, 'addons'>, pool: SystemPool, now: number): Standing {
  const standing = standingOf(pool, now);
  const { addons } = chain;
  if (standing.state !== 'Moving' || !addons) return standing;
  const isAtWork = (name: string): boolean =>
    addons.some(addon => addon.metadata.name === name && standingOf(addon, now).state === 'Moving');
  const stuck = pool.status?.addons?.problems?.find(({ addons: about }) => about?.some(name => !isAtWork(name)));
  return stuck ? { ...standing, state: 'Stalled', reason: stuck.reason, message: stuck.message } : standing;
}
