import { WaitingError } from '../api/errors.ts';
import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { systemsources } from '../api/system-source.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import { followedSource } from './projection.ts';
import type { DefinitionReason } from './reasons.ts';

/** How long a source may take to appear or to apply its first revision; its change wakes the definition sooner. */
const sourceRecheckMs = 60_000;

/**
 * The revision that a definition stands for: its own, or that of the source it reads; undefined where it reads none.
 * @throws WaitingError `SourceNotReady`
 */
export async function sourceRevision(client: Client, spec: SystemDefinitionSpec): Promise<string | undefined> {
  const name = followedSource(spec);
  if (name === undefined) return spec.sourceRef?.revision;
  const source = await findObject(client, systemsources, name);
  const revision = source?.status?.lastAppliedRevision;
  if (revision !== undefined) return revision;
  const why = source ? 'has not applied a revision yet' : 'does not exist; apply it or correct the name';
  throw new WaitingError(
    'SourceNotReady' satisfies DefinitionReason,
    `spec.sourceRef: SystemSource ${name} ${why}`,
    sourceRecheckMs,
  );
}
