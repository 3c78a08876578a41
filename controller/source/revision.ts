/** What a source follows, and the full ref names behind it. */
import { StallingError } from '../api/errors.ts';
import type { SystemSourceSpecRef } from '../api/system-source.ts';
import type { SourceReason } from './reasons.ts';

export { formatRevision, parseRevision } from '../api/revision.ts';

/** What a source follows: a ref of the server, or a commit that never moves. */
export type Followed = { kind: 'ref'; ref: string; name: string } | { kind: 'commit'; oid: string; name: 'commit' };

/** Always full ref names, so that a tag called `main` cannot win over the branch. */
export function followed(ref: SystemSourceSpecRef): Followed {
  if (ref.branch !== undefined) return { kind: 'ref', ref: `refs/heads/${ref.branch}`, name: ref.branch };
  if (ref.tag !== undefined) return { kind: 'ref', ref: `refs/tags/${ref.tag}`, name: ref.tag };
  if (ref.commit !== undefined) return { kind: 'commit', oid: ref.commit, name: 'commit' };
  throw new StallingError('InvalidSource' satisfies SourceReason, 'spec.ref names neither branch, tag nor commit');
}
