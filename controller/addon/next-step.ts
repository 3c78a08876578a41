/** Whether a variant is made: pure. */
import type { StallingError } from '../api/errors.ts';

export interface VariantFacts {
  /** Digest of all that the variant is made of now. */
  inputs: string;
  /** What the status says it was last made of; undefined when it never was. */
  made: string | undefined;
  /** Whether the registry still has what was made. `Unknown`: it did not say. */
  artifact: 'Present' | 'Gone' | 'Unknown';
  /** A refusal of these very inputs, which nothing but other inputs can change. */
  refused: StallingError | undefined;
  /** A person asked for this pass. */
  requested: boolean;
}

export type VariantStep = { kind: 'Keep' } | { kind: 'Refuse'; error: StallingError } | { kind: 'Make'; why: 'New' | 'Gone' };

/** A registry that does not answer is no reason to make again what was made, and a refusal is looked at again only when a person asks. */
export function variantStep({ inputs, made, artifact, refused, requested }: VariantFacts): VariantStep {
  if (made === inputs) return artifact === 'Gone' ? { kind: 'Make', why: 'Gone' } : { kind: 'Keep' };
  return refused && !requested ? { kind: 'Refuse', error: refused } : { kind: 'Make', why: 'New' };
}
