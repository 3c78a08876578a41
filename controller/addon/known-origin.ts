/** Which commit an addon is known to be of: one that a source itself has applied, never what somebody has written into the addon. Pure. */
import { appliedMark } from '../api/applied-mark.ts';
import { sourceLabel } from '../api/names.ts';
import type { SystemAddon } from '../api/system-addon.ts';
import type { SystemSource } from '../api/system-source.ts';

export interface KnownOrigin {
  /** URL. */
  repository: string;
  /** As `main@sha1:<40 hex>`. */
  revision: string;
}

/** The source whose word counts for the addon; undefined where it has none. */
export function vouchingSource({ metadata, spec }: Pick<SystemAddon, 'metadata' | 'spec'>): string | undefined {
  const name = metadata.labels?.[sourceLabel];
  return name !== undefined && name === spec.sourceRef?.name && spec.sourceRef.revision !== undefined ? name : undefined;
}

/** Whether the addon is just what the source has applied. `later`: it may be applying it right now, and says so when it has applied all. */
export function vouches(
  { spec, status }: Pick<SystemSource, 'spec' | 'status'>,
  addon: Pick<SystemAddon, 'metadata' | 'spec'>,
): KnownOrigin | 'later' | undefined {
  const { metadata } = addon;
  const revision = addon.spec.sourceRef?.revision;
  const mark = appliedMark(metadata);
  if (revision === undefined || mark === undefined) return undefined;
  const entry = status?.inventory?.find(({ kind, name }) => kind === 'SystemAddon' && name === metadata.name);
  if (entry?.applied === mark) return { repository: spec.url, revision };
  return spec.suspend || status?.lastAppliedRevision === revision ? undefined : 'later';
}
