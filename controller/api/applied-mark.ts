import type { ObjectMeta } from './meta.ts';

/**
 * What a source notes of an object that is just what its document says: a change of its spec gives it another generation, and one that is made again under the
 * same name another uid, of which these digits are enough because nobody chooses them.
 */
export function appliedMark({ uid, generation }: Pick<ObjectMeta, 'uid' | 'generation'>): string | undefined {
  return uid === undefined || generation === undefined ? undefined : `${uid.slice(0, 8)}.${generation}`;
}
