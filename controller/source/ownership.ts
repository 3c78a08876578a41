/** Whether a source may write an object (pure). Nothing changes hands silently, and what a person made is not seized. */
import { documentAnnotation, sourceLabel } from '../api/names.ts';
import type { Stored } from './desired.ts';
import { keyOf } from './prune.ts';

export interface OwnershipInput {
  source: string;
  object: { kind: string; name: string };
  /** The object in the cluster, if it exists. */
  stored: Stored | undefined;
  /** Other sources that declare it now. */
  claimants: readonly string[];
  /** True when that source exists and lists the object in its inventory. */
  holds: (source: string) => boolean;
}

export type Ownership =
  { verdict: 'ours' } | { verdict: 'claimed'; by: string[]; message: string } | { verdict: 'foreign'; message: string };

export function ownershipOf({ source, object, stored, claimants, holds }: OwnershipInput): Ownership {
  const what = keyOf(object);
  const owner = stored?.metadata.labels?.[sourceLabel];
  const by = new Set(claimants);
  if (owner !== undefined && owner !== source && holds(owner)) by.add(owner);
  if (by.size > 0) {
    const names = [...by].toSorted().map(name => `SystemSource ${name}`);
    return {
      verdict: 'claimed',
      by: [...by],
      message: `${what} is also declared by ${names.join(' and ')}; remove it from one of them`,
    };
  }
  // Without a label but with the document's annotation: a source applied it and let it go, or is gone itself.
  const madeByHand =
    stored !== undefined && owner === undefined && stored.metadata.annotations?.[documentAnnotation] === undefined;
  if (!madeByHand) return { verdict: 'ours' };
  return {
    verdict: 'foreign',
    message: `${what} exists and was not applied by a source; delete it, or hand it over with the label ${sourceLabel}=${source}`,
  };
}
