/** Sets of addons that many nodes have, in memory once: thousands of NodeTargets name the same few. */
import { isDeepStrictEqual } from 'node:util';
import type { AddonSet } from './projection.ts';

/** More only take more room. */
const most = 256;

const known = new Map<string, AddonSet>();

/** The set, as one object for all that are equal in every part, of which the digest is only some. */
export function sharedSet(set: AddonSet): AddonSet {
  const before = known.get(set.digest);
  const shared = before && isDeepStrictEqual(before, set) ? before : set;
  known.delete(set.digest);
  known.set(set.digest, shared);
  const oldest = known.keys().next();
  if (known.size > most && !oldest.done) known.delete(oldest.value);
  return shared;
}
