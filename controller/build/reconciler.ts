import { isDeepStrictEqual } from 'node:util';
import { conditionOf } from '../api/conditions.ts';
import { WaitingError, messageOf } from '../api/errors.ts';
import { imagebuilds } from '../api/image-build.ts';
import type { ImageBuild, ImageBuildStatus } from '../api/image-build.ts';
import { fieldManagers } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Store } from '../kube/store.ts';
import type { Registry } from '../registry/registry.ts';
import { metrics } from '../telemetry/metrics.ts';
import { runAttempt } from './attempt.ts';
import { Foundations } from './foundation.ts';
import type { FoundationBuilder } from './process.ts';
import { isSettled, projectBuild } from './projection.ts';
import type { BuildView } from './projection.ts';
import type { BuiltImage } from './publish.ts';
import { readRegistrySecret } from './secret.ts';
import { isAskedAgain, statusAcknowledged, statusAfter } from './status.ts';

export interface BuildReconcilerOptions {
  client: Client;
  registry: Registry;
  builder: FoundationBuilder;
  store: Store<BuildView>;
  events: Pick<EventRecorder, 'record'>;
  /** The operator's own, for the Secrets. */
  namespace: string;
  /** Builds at once; give the controller a few workers more, so that those that wait can say so. */
  slots: number;
  /** Epoch milliseconds. */
  now: () => number;
}

type Enqueue = (key: string) => void;

/**
 * Takes each ImageBuild to Succeeded or Failed. Nothing but the children and whose turn it is lives in memory: a Building that is found at the
 * start was cut off, and is simply done again.
 */
export class BuildReconciler {
  readonly #o: BuildReconcilerOptions;
  readonly #foundations: Foundations;
  readonly #running = new Map<string, { uid: string; abort: AbortController }>();
  readonly #waiting = new Set<string>();
  #enqueue: Enqueue = () => undefined;

  constructor(options: BuildReconcilerOptions) {
    this.#o = options;
    this.#foundations = new Foundations(options.registry, options.builder);
  }

  /** Enqueues builds as they come, are asked for again, or get a free slot; stops those that are deleted. Returns how to end it. */
  watch(enqueue: Enqueue): () => void {
    this.#enqueue = enqueue;
    for (const key of this.#o.store.keys()) enqueue(key);
    return this.#o.store.onChange((key, now, before) => {
      const running = this.#running.get(key);
      if (running && (!now || now.deleting || now.uid !== running.uid))
        running.abort.abort(new Error('the ImageBuild was deleted'));
      // Its own status writes must not wake it: that would go round the time between attempts.
      if (now && (now.uid !== before?.uid || now.requestedAt !== before.requestedAt)) enqueue(key);
    });
  }

  readonly reconcile = async (key: string, context: ReconcileContext): Promise<Result | void> => {
    try {
      return await this.#reconcile(key, context);
    } finally {
      // Whichever way it ended, also when a build that was woken for a slot turned out to be gone: a free slot leaves nobody waiting.
      if (this.#running.size < this.#o.slots) this.#wakeNext();
    }
  };

  async #reconcile(key: string, context: ReconcileContext): Promise<Result | void> {
    const view = this.#o.store.get(key);
    if (view && isSettled(view)) return;
    const build = await this.#read(key);
    if (!build || isDone(build)) return;
    const { status } = build;
    if (status?.phase === 'Succeeded') {
      await this.#write(build, statusAcknowledged(build, new Date(this.#o.now())));
      return;
    }
    if (this.#running.size >= this.#o.slots) {
      this.#waiting.add(key);
      await this.#write(
        build,
        statusAfter(build, { kind: 'Queued', running: this.#running.size }, new Date(this.#o.now())).status,
      );
      return;
    }
    this.#waiting.delete(key);
    const abort = new AbortController();
    this.#running.set(key, { uid: build.metadata.uid ?? '', abort });
    try {
      return await this.#run(build, { ...context, signal: AbortSignal.any([context.signal, abort.signal]) });
    } finally {
      this.#running.delete(key);
    }
  }

  async #run(asked: ImageBuild, context: ReconcileContext): Promise<Result | void> {
    const { registry, now } = this.#o;
    if (asked.status?.startTime === undefined || isAskedAgain(asked)) this.#event(asked, 'Normal', 'BuildStarted', 'started');
    const build = await this.#write(asked, statusAfter(asked, { kind: 'Started' }, new Date(now())).status);
    const started = performance.now();
    let image: BuiltImage;
    try {
      const { name } = build.metadata;
      const auth = await readRegistrySecret(this.#o.client, this.#o.namespace, build.spec.output.pushSecretRef?.name);
      image = await runAttempt(registry, this.#foundations, { name, spec: build.spec, auth, signal: context.signal });
    } catch (error) {
      if (context.signal.aborted) {
        context.log.info({}, `the attempt was cut off: ${messageOf(context.signal.reason)}`);
        return;
      }
      return await this.#failed(build, error, { before: asked, started });
    }
    await this.#write(build, statusAfter(build, { kind: 'Succeeded', image }, new Date(now())).status);
    this.#event(build, 'Normal', 'Succeeded', `pushed ${image.reference}`);
    context.log.info({ image: image.reference }, 'built');
    measure('succeeded', started);
  }

  async #failed(build: ImageBuild, error: unknown, of: { before: ImageBuild; started: number }): Promise<Result> {
    const verdict = statusAfter(build, { kind: 'Thrown', error }, new Date(this.#o.now()));
    await this.#write(build, verdict.status);
    measure(verdict.status.phase === 'Failed' ? 'failed' : 'retried', of.started);
    const ready = conditionOf(verdict.status.conditions, 'Ready');
    const wasReady = conditionOf(of.before.status?.conditions, 'Ready');
    // Waiting for the same thing again is no news.
    const news = ready?.message !== wasReady?.message && !(error instanceof WaitingError && ready?.reason === wasReady?.reason);
    if (ready && news) this.#event(build, 'Warning', ready.reason, ready.message);
    if (verdict.retryAfterMs !== undefined) return { requeueAfterMs: verdict.retryAfterMs };
    throw verdict.rethrow;
  }

  #wakeNext(): void {
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      if (!this.#o.store.get(key)) continue;
      this.#enqueue(key);
      return;
    }
  }

  async #read(key: string): Promise<ImageBuild | undefined> {
    try {
      return await this.#o.client.get(imagebuilds, key);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Writes the status where it differs. The uid keeps a result from a later object of the same name. */
  async #write(build: ImageBuild, status: ImageBuildStatus): Promise<ImageBuild> {
    if (isDeepStrictEqual(build.status, status)) return build;
    const { name, uid } = build.metadata;
    return this.#o.client.applyStatus(
      imagebuilds,
      { apiVersion: build.apiVersion, kind: build.kind, metadata: { name, ...(uid === undefined ? {} : { uid }) }, status },
      { fieldManager: fieldManagers.build },
    );
  }

  #event(build: ImageBuild, type: 'Normal' | 'Warning', reason: string, note: string): void {
    const { apiVersion, kind, metadata } = build;
    const regarding = { apiVersion, kind, name: metadata.name, ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
    this.#o.events.record({ regarding, type, reason, action: 'Build', note });
  }
}

function isDone(build: ImageBuild): boolean {
  return isSettled(projectBuild(build));
}

function measure(result: 'succeeded' | 'failed' | 'retried', started: number): void {
  metrics.builds.inc({ result });
  metrics.buildSeconds.observe({ result }, (performance.now() - started) / 1000);
}
