/** Which digest of a followed image is built on. Pure. */
import type { SystemDefinitionSpecBase } from '../api/system-definition.ts';

export interface FollowedDigests {
  /** What is built on until now; undefined when the image is new in the spec. */
  before: string | undefined;
  /** What the image's name stands for now; undefined when that is not known. */
  seen: string | undefined;
}

export interface ImageChoice {
  /** What to build on; undefined when nothing is known. */
  digest: string | undefined;
  /** A newer digest that waits for approval. */
  available?: string;
}

/** An image that is new in the spec was chosen by a person just now: only what comes after it is an update. */
export function chooseDigest(
  { before, seen }: FollowedDigests,
  update: SystemDefinitionSpecBase['update'],
  approved: ReadonlySet<string>,
): ImageChoice {
  if (seen === undefined) return { digest: before };
  if (before === undefined || seen === before || update === 'Always' || approved.has(seen)) return { digest: seen };
  return { digest: before, available: seen };
}

/** The digests that the annotation approve-base names, separated by spaces or commas. */
export function approvedDigests(annotation: string | undefined): string[] {
  return (annotation ?? '').split(/[\s,]+/).filter(text => text !== '');
}
