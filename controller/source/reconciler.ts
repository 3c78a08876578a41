/** SystemSource: poll, fetch, check descent, apply, prune. Ordered steps and one status write a pass; a poll that finds nothing new writes nothing. */
import { isDeepStrictEqual } from 'node:util';
import { conditionOf } from '../api/conditions.ts';
import { parseDuration } from '../api/duration.ts';
import { StallingError } from '../api/errors.ts';
import { allowRewind, fieldManagers, requestedAt, sourceFinalizer } from '../api/names.ts';
import { type SystemSource, type SystemSourceStatus, systemsources } from '../api/system-source.ts';
import type { Client } from '../kube/client.ts';
import type { Reconcile, ReconcileContext, Result } from '../kube/controller.ts';
import { isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { findObject } from '../kube/find-object.ts';
import type { Store } from '../kube/store.ts';
import { metrics } from '../telemetry/metrics.ts';
import { recordLink } from '../telemetry/tracing.ts';
import type { Trust } from '../trust/trust.ts';
import { Claims } from './claims.ts';
import type { Repositories } from './open.ts';
import { listOwned, releaseObject } from './owned-objects.ts';
import { type OwnedView, type SourceView, projectSource } from './projection.ts';
import type { ResolvedRef } from './protocol.ts';
import { type SourceReason, webhookUnusable } from './reasons.ts';
import type { Repository } from './repository.ts';
import { followed, formatRevision, parseRevision } from './revision.ts';
import { type Pass, isQuiet, statusAfter, suspendedStatus } from './status.ts';
import { verifiedWhileSuspended } from './suspended.ts';
import { syncRevision } from './sync.ts';
import { type ReadSecret, judgeSource, whatIsAsked } from './verify.ts';
import { eventsOf, refusalOf } from './verification-report.ts';
import { webhookTrouble } from './webhook-status.ts';

export interface SourceDependencies {
  client: Client;
  repositories: Repositories;
  sources: Store<SourceView>;
  events: Pick<EventRecorder, 'record'>;
  /** Epoch ms. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  /** Who may sign commits. */
  trust: Pick<Trust, 'gitRules' | 'judged' | 'unjudged' | 'onChange'>;
  /** Reads a Secret of the operator's namespace. */
  readSecret: ReadSecret;
  /** Reads the token of a webhook, so that the status says when calls are not taken. Absent where none are. */
  readWebhookToken?: (secret: string) => Promise<string>;
}

export interface SourceStores {
  sources: Store<SourceView>;
  definitions: Store<OwnedView>;
  addons: Store<OwnedView>;
  pools: Store<OwnedView>;
}

export interface SourceReconciler {
  reconcile: Reconcile;
  /** Which changes wake which source: its own, and those of others to what it applied. Returns the end of it. */
  watch: (stores: SourceStores, enqueue: (name: string) => void) => () => void;
}

const fieldManager = fieldManagers.source;
const shortestIntervalMs = 1000;

export function createSourceReconciler(o: SourceDependencies): SourceReconciler {
  const claims = new Claims();
  /** What each source was last brought to. Only saves work: without it the same is looked at again and found in place. */
  const settled = new Map<string, { state: string; until: number }>();
  /** Generation of each object after our last write, undefined for one we let go; so that our own writes do not wake us. */
  const writes = new Map<string, number | undefined>();
  /** Sources that were polled in this life, well or not. */
  const tried = new Set<string>();
  let enqueue: ((name: string) => void) | undefined;
  const wake = (name: string): void => {
    settled.delete(name);
    enqueue?.(name);
  };

  const forget = async (name: string): Promise<void> => {
    settled.delete(name);
    for (const other of claims.forget(name)) wake(other);
    await o.repositories.forget(name);
    for (const result of ['unchanged', 'changed', 'error']) metrics.sourcePolls.remove({ source: name, result });
    for (const metric of [metrics.sourceFetchedBytes, metrics.sourceLastPoll]) metric.remove({ source: name });
    tried.delete(name);
  };

  const reconcile = async (name: string, context: ReconcileContext): Promise<Result | void> => {
    const source = await findObject(o.client, systemsources, name);
    if (!source) return forget(name);
    if (source.metadata.deletionTimestamp !== undefined) return release(source);
    if (source.spec.suspend) {
      settled.delete(name);
      tried.delete(name);
      metrics.sourceLastPoll.remove({ source: name });
      return rest(source);
    }
    const pass: Pass = { began: o.now() };
    try {
      const done = await advance(await withFinalizer(source), pass, context);
      if (done === 'unchanged') return again(source);
    } catch (error) {
      claims.sawFailure(name);
      if (!(error instanceof StallingError) || pass.revision === undefined) settled.delete(name);
      if (isQuiet(error)) return { requeueAfterMs: error.requeueAfterMs };
      pass.error = error;
    }
    await write(source, statusAfter(source, pass, new Date(o.now())), pass);
    // A new commit may cure what only a person can, so a stalled source is polled on.
    if (pass.error !== undefined && !(pass.error instanceof StallingError)) throw pass.error;
    return again(source);
  };

  const rest = async (source: SystemSource): Promise<Result | void> => {
    try {
      await write(source, suspendedStatus(source, await verifiedWhileSuspended(source, o), new Date(o.now())), {});
    } catch (error) {
      if (isQuiet(error)) return { requeueAfterMs: error.requeueAfterMs };
      throw error;
    }
  };

  /** From poll to prune. What is found goes into `pass`, so that the status tells of it also when a later step throws. */
  const advance = async (source: SystemSource, pass: Pass, context: ReconcileContext): Promise<'unchanged' | 'synced'> => {
    const { name, uid } = source.metadata;
    const repository = await o.repositories.of(source);
    const target = followed(source.spec.ref);
    const { oid, object } =
      target.kind === 'commit' ? { ...target, object: undefined } : await poll(source, repository, target.ref, context);
    const revision = formatRevision({ name: target.name, oid });
    pass.revision = revision;
    const asked = await whatIsAsked(source, object, o);
    const state = JSON.stringify([uid, projectSource(source).wanted, revision, asked.basis]);
    const last = settled.get(name);
    const result = last?.state === state && o.now() < last.until ? 'unchanged' : 'changed';
    metrics.sourcePolls.inc({ source: name, result });
    if (result === 'unchanged' && !(await isMended(source))) return result;

    settled.set(name, { state, until: Infinity });
    pass.webhook = { trouble: await webhookTrouble(source, o.readWebhookToken) };
    pass.transport = await repository.transport(o.repositories.wire(source, context.signal));
    const rewound = await checkDescent(source, repository, { oid, name: target.name }, context);
    const fetching = () => ({ ...o.repositories.wire(source, context.signal), commit: oid, limits: source.spec.limits });
    pass.verification = await judgeSource(source, asked, { ...o, repository, context: fetching, rewound });
    settled.set(name, { state, until: Date.parse(pass.verification.until ?? '') || Infinity });
    const refusal = refusalOf(pass.verification, source.status, oid);
    if (refusal) throw refusal;
    pass.result = await syncRevision({
      client: o.client,
      claims,
      source,
      tree: o.repositories.tree(source, repository, oid, context.signal),
      revision,
      oid,
      rewound,
      strict: pass.verification.decision !== 'NotConfigured',
      holds,
      wrote: (key, generation) => writes.set(key, generation),
      wake,
      mayWrite: () => mayWrite(source),
      log: context.log,
    });
    return 'synced';
  };

  /** A Secret wakes nobody, so what is wrong with one is looked at again with each poll; one that is right is not. */
  const isMended = async (source: SystemSource): Promise<boolean> => {
    if (!conditionOf(source.status?.conditions, webhookUnusable)) return false;
    return (await webhookTrouble(source, o.readWebhookToken)) === undefined;
  };

  const poll = async (
    source: SystemSource,
    repository: Repository,
    ref: string,
    context: ReconcileContext,
  ): Promise<ResolvedRef> => {
    const { metadata, status } = source;
    const asked = metadata.annotations?.[requestedAt] !== status?.lastHandledReconcileAt;
    if (!tried.has(metadata.name)) metrics.sourceLastPoll.set({ source: metadata.name }, o.now() / 1000);
    tried.add(metadata.name);
    const fresh = asked || status?.observedGeneration !== metadata.generation;
    try {
      // Sources that follow one ref share its polls; what a person asks for or changes is polled at once.
      const found = await repository.resolve(
        ref,
        fresh ? 0 : intervalOf(source) / 2,
        o.repositories.wire(source, context.signal),
      );
      metrics.sourceLastPoll.set({ source: metadata.name }, o.now() / 1000);
      return found;
    } catch (error) {
      metrics.sourcePolls.inc({ source: metadata.name, result: 'error' });
      throw error;
    }
  };

  /** Throws NonFastForward unless the commit descends from the last applied one of the same ref, or a person named it. True: it does not. */
  const checkDescent = async (
    source: SystemSource,
    repository: Repository,
    { oid, name }: { oid: string; name: string },
    context: ReconcileContext,
  ): Promise<boolean> => {
    const last = parseRevision(source.status?.lastAppliedRevision ?? '');
    // Another ref name is another decision of a person, in the spec.
    if (!last || last.oid === oid) return false;
    if (source.spec.ref.commit !== undefined || last.name !== name) return true;
    const named = source.metadata.annotations?.[allowRewind] === oid;
    const used = named && source.status?.lastHandledRewind === oid;
    if (named && !used) return true;
    const { limits } = source.spec;
    if (await repository.descends(last.oid, { ...o.repositories.wire(source, context.signal), commit: oid, limits }))
      return false;
    const way = used
      ? `${allowRewind} has allowed that once; to go there again, take the annotation away and set it again`
      : `to go there, annotate ${allowRewind}=${oid}`;
    throw new StallingError(
      'NonFastForward' satisfies SourceReason,
      `${oid} does not descend from ${last.oid}, which is applied; ${way}`,
    );
  };

  /** An object with another source's label is that one's while it exists and lists it, or was not asked yet. */
  const holds = (other: string, key: string): boolean => {
    const view = o.sources.get(other);
    return view !== undefined && (view.inventory.includes(key) || !claims.seen(other));
  };

  /** After a restart, a source that shared an object writes only when the others have said again what they declare. */
  const mayWrite = ({ metadata, status }: SystemSource): boolean => {
    if (conditionOf(status?.conditions, 'Ready')?.reason !== ('ObjectClaimed' satisfies SourceReason)) return true;
    return o.sources.list().every(other => other.name === metadata.name || other.suspended || claims.seen(other.name));
  };

  const withFinalizer = async (source: SystemSource): Promise<SystemSource> => {
    const { name, resourceVersion, finalizers = [] } = source.metadata;
    if (finalizers.includes(sourceFinalizer)) return source;
    const body = { metadata: { resourceVersion, finalizers: [...finalizers, sourceFinalizer] } };
    return o.client.mergePatch(systemsources, name, body, { fieldManager });
  };

  /**
   * A deleted source lets its objects go and deletes none, whatever spec.prune says: one `kubectl delete` must not take every system and
   * pool away. Deleting them takes a word for them, such as removing their documents first, or `kubectl delete -l scantling.dev/source=…`.
   */
  const release = async (source: SystemSource): Promise<void> => {
    const { name, resourceVersion, finalizers = [] } = source.metadata;
    if (finalizers.includes(sourceFinalizer)) {
      const owned = await listOwned(o.client, name);
      for (const [key, stored] of owned) {
        writes.set(key, undefined);
        await releaseObject(o.client, stored);
      }
      if (owned.size > 0) {
        const note = `${owned.size} objects stay as they are, without the label of this source; delete those that are not wanted`;
        record(source, { type: 'Normal', reason: 'Released', note });
      }
      const body = { metadata: { resourceVersion, finalizers: finalizers.filter(f => f !== sourceFinalizer) } };
      try {
        await o.client.mergePatch(systemsources, name, body, { fieldManager });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    await forget(name);
  };

  const write = async (source: SystemSource, status: SystemSourceStatus, pass: Pass): Promise<void> => {
    const { apiVersion, kind, metadata, status: before } = source;
    if (isDeepStrictEqual(before ?? {}, status)) return;
    await o.client.applyStatus(systemsources, { apiVersion, kind, metadata: { name: metadata.name }, status }, { fieldManager });
    if (status.lastAppliedRevision !== before?.lastAppliedRevision) {
      const now = o.now();
      const attributes = { source: metadata.name };
      recordLink({ link: 'fetch', revision: status.lastAppliedRevision, start: pass.began ?? now, end: now, attributes });
    }
    for (const event of eventsOf(before, status, pass.result)) record(source, event);
  };

  const record = (
    { apiVersion, kind, metadata }: SystemSource,
    event: { type: 'Normal' | 'Warning'; reason: string; note: string },
  ): void => {
    const regarding = { apiVersion, kind, name: metadata.name, ...(metadata.uid ? { uid: metadata.uid } : {}) };
    o.events.record({ ...event, regarding, action: 'Reconcile' });
  };

  const again = (source: SystemSource): Result => ({ requeueAfterMs: Math.round(intervalOf(source) * (1 + 0.1 * o.random())) });

  const watch = (stores: SourceStores, add: (name: string) => void): (() => void) => {
    enqueue = add;
    const ends = [
      stores.sources.onChange((name, now, before) => {
        if (now?.wanted !== before?.wanted) add(name);
      }),
      ...Object.entries(ownedStores(stores)).map(([kind, store]) =>
        store.onChange((name, now, before) => {
          const key = `${kind}/${name}`;
          if (before?.source === undefined) return;
          const ours = now?.source === before.source ? now.generation : undefined;
          if (ours === before.generation) return;
          const own = writes.has(key) && writes.get(key) === ours;
          if (ours === undefined) writes.delete(key);
          if (!own) wake(before.source);
        }),
      ),
    ];
    ends.push(
      o.trust.onChange(() => {
        for (const { name } of stores.sources.list()) add(name);
      }),
    );
    return () => ends.forEach(end => end());
  };

  return { reconcile, watch };
}

function ownedStores({ definitions, addons, pools }: SourceStores): Record<string, Store<OwnedView>> {
  return { SystemDefinition: definitions, SystemAddon: addons, SystemPool: pools };
}

function intervalOf(source: SystemSource): number {
  return Math.max(shortestIntervalMs, parseDuration(source.spec.interval));
}
