/** Revisions as the API writes them (`main@sha1:<40 hex>`) and the full ref names behind them. */
import { StallingError } from '../api/errors.ts';
import type { SystemSourceSpecRef } from '../api/system-source.ts';
import type { SourceReason } from './reasons.ts';

const oidPattern = /^[0-9a-f]{40}$/;

export interface Revision {
  /** Branch or tag name as the spec has it; `commit` for a source that names a commit. */
  name: string;
  oid: string;
}

/** What a source follows: a ref of the server, or a commit that never moves. */
export type Followed = { kind: 'ref'; ref: string; name: string } | { kind: 'commit'; oid: string; name: 'commit' };

/** Always full ref names, so that a tag called `main` cannot win over the branch. */
export function followed(ref: SystemSourceSpecRef): Followed {
  if (ref.branch !== undefined) return { kind: 'ref', ref: `refs/heads/${ref.branch}`, name: ref.branch };
  if (ref.tag !== undefined) return { kind: 'ref', ref: `refs/tags/${ref.tag}`, name: ref.tag };
  if (ref.commit !== undefined) return { kind: 'commit', oid: ref.commit, name: 'commit' };
  throw new StallingError('InvalidSource' satisfies SourceReason, 'spec.ref names neither branch, tag nor commit');
}

/** `main@sha1:<40 hex>`. A name may hold an @, which would end it, so that one is written as %40. */
export function formatRevision(revision: Revision): string {
  return `${revision.name.replaceAll('%', '%25').replaceAll('@', '%40')}@sha1:${revision.oid}`;
}

/** The parts of a revision string; undefined when it is none. */
export function parseRevision(text: string): Revision | undefined {
  const at = text.lastIndexOf('@sha1:');
  if (at <= 0) return undefined;
  const oid = text.slice(at + '@sha1:'.length);
  return isOid(oid) ? { name: text.slice(0, at).replaceAll('%40', '@').replaceAll('%25', '%'), oid } : undefined;
}

export function isOid(text: string): boolean {
  return oidPattern.test(text);
}
