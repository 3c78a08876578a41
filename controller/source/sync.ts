/** Brings the cluster to what one revision declares: applies what differs, removes what is gone when that is safe. */
import { isDeepStrictEqual } from 'node:util';
import { appliedMark } from '../api/applied-mark.ts';
import { StallingError, WaitingError } from '../api/errors.ts';
import type { SystemSource, SystemSourceStatusInventory } from '../api/system-source.ts';
import { specSchemas } from '../api/schemas.ts';
import { allowRemovals, documentAnnotation } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isInvalid } from '../kube/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Claims } from './claims.ts';
import { type Desired, type Stored, desiredObject, isApplied } from './desired.ts';
import type { Failure, Json } from './document.ts';
import { withoutForeign } from './drift.ts';
import { memberOf, readsRepository } from './inputs.ts';
import {
  appliedKinds,
  applyDesired,
  isWritten,
  listOwned,
  readStored,
  releaseObject,
  removeForeign,
  removeObject,
} from './owned-objects.ts';
import { ownershipOf } from './ownership.ts';
import { decidePrune, keyOf } from './prune.ts';
import { FieldLines } from './field-lines.ts';
import { type Declared, type Reading, failureAt, readDocuments } from './read-documents.ts';
import type { SourceReason } from './reasons.ts';
import type { SourceTree } from './repository-tree.ts';

export interface SyncOptions {
  client: Client;
  claims: Claims;
  source: SystemSource;
  tree: SourceTree;
  /** Revision and its commit. */
  revision: string;
  oid: string;
  /** The commit does not descend from the last applied one. */
  rewound: boolean;
  /** Commits of the source are verified. */
  strict: boolean;
  /** True when that other source exists and lists the object in its inventory. */
  holds: (source: string, key: string) => boolean;
  /** Told of each write of ours, and of sources that have to look again. */
  wrote: (key: string, generation: number | undefined) => void;
  wake: (source: string) => void;
  /** Asked once what this source declares is known to the others: false ends the pass before it writes, to be tried again soon. */
  mayWrite: () => boolean;
  log: Log;
}

export interface SyncResult {
  reading: Reading;
  failures: Failure[];
  inventory: SystemSourceStatusInventory[];
  /** Other sources that declare the same objects. */
  claimedBy: string[];
  /** Why objects without a document stay. */
  blocked: string | undefined;
  written: number;
  removed: number;
}

/** At most this many applies at once. */
const parallel = 4;
/** maxItems of status.inventory. */
const mostObjects = 5000;
const recheckMs = 500;

/** What one document came to: its object stands, or why not. */
type Applied = { key: string; written: boolean; mark?: string | undefined } | { failures: Failure[]; by: string[] };

export async function syncRevision(o: SyncOptions): Promise<SyncResult> {
  const { name } = o.source.metadata;
  const owned = new Map([...(await listOwned(o.client, name))].filter(([, stored]) => isWritten(stored)));
  const held = inventoryOf(owned);
  const lines = new FieldLines();
  const reading = await readDocuments(o.tree, {
    path: o.source.spec.path,
    known: new Set(held.map(e => e.path)),
    origin: o.source.spec.url,
    lines,
  });
  const failures = [...reading.failures];
  for (const other of o.claims.report(
    name,
    reading.declared.map(d => keyOf(d.document)),
  ))
    o.wake(other);
  if (reading.declared.length > mostObjects) {
    const message = `${reading.declared.length} objects are declared and one source can hold ${mostObjects}; divide them among several sources, each with a path of its own`;
    throw new StallingError('TooManyObjects' satisfies SourceReason, message);
  }
  if (!o.mayWrite())
    throw new WaitingError('Progressing' satisfies SourceReason, 'the other sources are being looked at', recheckMs);

  const noted = new Map((o.source.status?.inventory ?? []).map(entry => [keyOf(entry), entry.applied]));
  const standing: SystemSourceStatusInventory[] = [];
  const claimedBy = new Set<string>();
  let written = 0;
  for (const kind of appliedKinds) {
    const ofKind = reading.declared.filter(d => d.document.kind === kind);
    for (const [declared, applied] of await inParallel(ofKind, d => {
      const key = keyOf(d.document);
      return applyOne({ ...o, lines, noted: noted.get(key) }, d, owned.get(key));
    })) {
      const { kind, name, file } = declared.document;
      if ('key' in applied) {
        standing.push({ kind, name, path: file, ...(applied.mark === undefined ? {} : { applied: applied.mark }) });
        if (applied.written) written++;
      } else {
        failures.push(...applied.failures);
        for (const by of applied.by) claimedBy.add(by);
      }
    }
  }
  const decision = decidePrune({
    prune: o.source.spec.prune,
    maxRemovals: o.source.spec.maxRemovals,
    allowed: o.source.metadata.annotations?.[allowRemovals],
    oid: o.oid,
    pathExists: reading.pathExists,
    documents: reading.found,
    failures: failures.length,
    inventory: held,
    declared: standing,
  });
  for (const entry of decision.remove) await removeOne(o, entry, owned.get(keyOf(entry)));
  return {
    reading,
    failures,
    inventory: sorted([...standing, ...decision.keep.map(entry => asNoted(entry, noted.get(keyOf(entry))))]),
    claimedBy: [...claimedBy].toSorted(),
    blocked: decision.blocked,
    written,
    removed: decision.remove.length,
  };
}

/** The label on what we applied is the truth of what is ours: a pass that was cut off between a write and its status loses nothing. */
function inventoryOf(owned: ReadonlyMap<string, Stored>): SystemSourceStatusInventory[] {
  return [...owned.values()].map(({ kind, metadata }) => ({
    kind,
    name: metadata.name,
    path: metadata.annotations?.[documentAnnotation] ?? '',
  }));
}

/** What stays without a document is what it was. */
function asNoted(entry: SystemSourceStatusInventory, applied: string | undefined): SystemSourceStatusInventory {
  return applied === undefined ? entry : { ...entry, applied };
}

interface ApplyOptions extends SyncOptions {
  lines: FieldLines;
  noted: string | undefined;
}

async function applyOne(o: ApplyOptions, declared: Declared, ours: Stored | undefined): Promise<Applied> {
  const { document, digest } = declared;
  const source = o.source.metadata.name;
  const key = keyOf(document);
  const stored = ours ?? (await readStored(o.client, document));
  // Asked after the read and right before the write, so that of two sources in one process at most one writes.
  const ownership = ownershipOf({
    source,
    object: document,
    stored,
    claimants: o.claims.others(source, key),
    holds: other => o.holds(other, key),
  });
  if (ownership.verdict !== 'ours') {
    const by = ownership.verdict === 'claimed' ? ownership.by : [];
    return { failures: [failureAt(o.lines, declared, '', ownership.message)], by };
  }
  const { revision, rewound, strict, noted } = o;
  const desired = desiredObject(document, { source, revision, digest, stored, rewound, strict, noted });
  try {
    if (stored && isApplied(desired, stored)) {
      const undone = await undoForeign(o, desired, stored);
      return {
        key,
        written: undone !== undefined,
        mark: markOf(o, desired, undone ?? stored, noted === appliedMark(stored.metadata)),
      };
    }
    const result = await applyDesired(o.client, desired, ours ? undefined : stored?.metadata.resourceVersion);
    o.wrote(key, result.metadata.generation);
    o.log.info({ object: key, document: document.file, revision: o.revision }, 'applied');
    const undone = await undoForeign(o, desired, result);
    return { key, written: true, mark: markOf(o, desired, undone ?? result, false) };
  } catch (error) {
    if (!isInvalid(error)) throw error;
    return { failures: invalidFailures(o.lines, declared, error), by: [] };
  }
}

/**
 * A definition or an addon is noted when it is pinned to what was verified in this pass, or was noted as it is before. One whose build has arguments by hand is not just
 * what its document says.
 */
function markOf({ revision }: SyncOptions, desired: Desired, now: Stored, was: boolean): string | undefined {
  if (!readsRepository(desired.kind) || !isDeepStrictEqual(argumentsOf(now.spec), argumentsOf(desired.spec))) return undefined;
  return was || memberOf(desired.spec['sourceRef'], 'revision') === revision ? appliedMark(now.metadata) : undefined;
}

function argumentsOf(spec: Stored['spec']): Json | undefined {
  return memberOf(spec?.['build'], 'args');
}

/** Takes away what others have added to a definition or an addon. A pool is left alone: suspending one by hand must work when Git is far away. */
async function undoForeign(o: SyncOptions, desired: Desired, stored: Stored): Promise<Stored | undefined> {
  const schema = readsRepository(desired.kind) ? specSchemas[desired.kind] : undefined;
  const spec = schema && withoutForeign(desired.spec, stored.spec ?? {}, schema);
  if (!spec) return undefined;
  const result = await removeForeign(o.client, { ...stored, kind: desired.kind }, spec);
  const key = keyOf({ kind: desired.kind, name: desired.metadata.name });
  o.wrote(key, result.metadata.generation);
  o.log.warn({ object: key, fields: Object.keys(spec) }, 'took away what was added by hand; change the document instead');
  return result;
}

/** What the API server refuses (CEL rules, label syntax), at the lines of the fields it names. */
function invalidFailures(lines: FieldLines, declared: Declared, error: unknown): Failure[] {
  const causes = error instanceof ApiError ? error.causes : [];
  if (causes.length === 0) return [failureAt(lines, declared, '', error instanceof Error ? error.message : String(error))];
  return causes.map(({ field, message }) =>
    failureAt(lines, declared, field === '<nil>' ? '' : (field ?? ''), plain(message ?? 'is invalid')),
  );
}

/** `Invalid value: "object": what is wrong` → `what is wrong`: the value is in the file, and CEL rules leave it out. */
function plain(message: string): string {
  return message.replace(/^Invalid value: (?:"(?:[^"\\]|\\.)*": |\d+: )?/, '');
}

async function removeOne(o: SyncOptions, entry: SystemSourceStatusInventory, stored: Stored | undefined): Promise<void> {
  if (!stored) return;
  const key = keyOf(entry);
  const heirs = o.claims.others(o.source.metadata.name, key);
  o.wrote(key, undefined);
  if (heirs.length === 0) {
    await removeObject(o.client, stored);
    o.log.info({ object: key, revision: o.revision }, 'removed');
    return;
  }
  // Another source declares it now: deleting it would take nodes away from a system that is still wanted.
  await releaseObject(o.client, stored);
  o.log.info({ object: key, revision: o.revision, heirs }, 'released to another source');
  for (const heir of heirs) o.wake(heir);
}

/** Runs `act` over all items, a few at a time, and waits for every one that was begun before it throws. */
async function inParallel<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<[T, R][]> {
  const [results, errors]: [[T, R][], unknown[]] = [[], []];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length && errors.length === 0) {
      const item = items[next++];
      if (item === undefined) continue;
      try {
        results.push([item, await act(item)]);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  if (errors.length > 0) throw errors[0];
  return results;
}

function sorted(inventory: SystemSourceStatusInventory[]): SystemSourceStatusInventory[] {
  return inventory.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
