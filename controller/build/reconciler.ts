import { isDeepStrictEqual } from 'node:util';
import { conditionOf, timestamp } from '../api/conditions.ts';
import { WaitingError, messageOf } from '../api/errors.ts';
import { imagebuilds } from '../api/image-build.ts';
import type { ImageBuild, ImageBuildStatus } from '../api/image-build.ts';
import { fieldManagers } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Registry } from '../registry/registry.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { ImageVerifier } from '../trust/image-verifier.ts';
import type { Trust } from '../trust/trust.ts';
import { Announcements, measure } from './announcements.ts';
import { BuildInputs } from './build-inputs.ts';
import { BuildJobs } from './build-jobs.ts';
import type { ObservedJob } from './build-jobs.ts';
import { BuildQueue, turnOf } from './build-queue.ts';
import { BuildRun, stepEvent } from './build-run.ts';
import type { BuilderName } from './builder-name.ts';
import type { FoundationBuilder } from './foundation-task.ts';
import { FoundationWaits } from './foundation-waits.ts';
import type { JobSettings } from './job-manifest.ts';
import { isFinished } from './job-outcome.ts';
import { judgedOf } from './judged.ts';
import { lifeStep, queuedCheckMs } from './next-step.ts';
import type { LifeStep } from './next-step.ts';
import { Progress } from './progress.ts';
import { projectBuild } from './projection.ts';
import type { BuildView } from './projection.ts';
import type { Limits } from './slots.ts';
import { KnownOrigins } from './known-origin.ts';
import { SigningKeys } from './signing-keys.ts';
import { statusAfter } from './status.ts';
import type { BuildEvent } from './status.ts';
import { SucceededBuilds } from './succeeded-builds.ts';
import { watchBuilds } from './watch.ts';
import type { BuildStores } from './watch.ts';

export interface BuildReconcilerOptions {
  client: Client;
  registry: Registry;
  stores: BuildStores;
  events: Pick<EventRecorder, 'record'>;
  trust: Pick<Trust, 'judgeImage' | 'basis' | 'onChange'>;
  /** Reads back what was signed. */
  verifier: Pick<ImageVerifier, 'verify'>;
  /** Runs the steps of foundations beside the controller. */
  process: FoundationBuilder;
  /** What may run steps; the first is used unless a definition says which. */
  builders: readonly BuilderName[];
  /** Its image is '' when none is given. */
  job: () => JobSettings;
  /** Builds at once; give the controller a few workers more, so that those that wait can say so. */
  limits: Limits;
  /** Epoch milliseconds. */
  now: () => number;
}

/** What a pass leaves: whether the build keeps its slot, and when to look again. */
interface Pass {
  holds: boolean;
  result?: Result;
}

/**
 * Takes each ImageBuild to Succeeded, Failed or Canceled. All that matters is in the API: what runs beside the controller is done again when it
 * was cut off, and Jobs are found by their label, by whichever process leads.
 */
export class BuildReconciler {
  readonly #o: BuildReconcilerOptions;
  readonly #queue: BuildQueue;
  readonly #jobs: BuildJobs;
  readonly #run: BuildRun;
  readonly #said: Announcements;
  readonly #succeeded: SucceededBuilds;
  readonly #waits = new FoundationWaits(build => this.#enqueue(build));
  readonly #atWork = new Map<string, { uid: string; abort: AbortController }>();
  #enqueue: (key: string) => void = () => undefined;

  constructor(options: BuildReconcilerOptions) {
    this.#o = options;
    const { client, stores, job } = options;
    this.#queue = new BuildQueue(stores.builds, options.limits);
    this.#jobs = new BuildJobs(client, job);
    this.#said = new Announcements(options.events);
    this.#run = new BuildRun({
      ...options,
      inputs: new BuildInputs(client, job().namespace),
      origins: new KnownOrigins(options),
      keys: new SigningKeys(client, job().namespace),
      baseTrust: name => stores.definitions.get(name)?.baseTrust,
      jobs: this.#jobs,
      hasImage: job().image !== '',
      architectures: () => stores.nodes.list().map(node => node.architecture),
      known: key => stores.builds.byIndex('foundation', key).flatMap(b => b.foundations.filter(f => f.key === key)),
      atWork: build => stores.builds.get(build)?.phase === 'Building',
      waits: this.#waits,
      say: (...told) => this.#said.warn(...told),
    });
    const write = (build: ImageBuild, status: ImageBuildStatus): Promise<ImageBuild> => this.#write(build, status);
    this.#succeeded = new SucceededBuilds({ ...options, run: this.#run, said: this.#said, write });
  }

  /** Enqueues builds as something changes that they depend on; stops those that are deleted or canceled. Returns how to end it. */
  watch(enqueue: (key: string) => void): () => void {
    this.#enqueue = enqueue;
    const end = watchBuilds(this.#o.stores, {
      enqueue,
      stop: (name, uid, why) => {
        const working = this.#atWork.get(name);
        if (working && working.uid !== uid) working.abort.abort(new Error(why));
      },
      // The cache may be what still counted it.
      left: () => this.#wakeNext(),
      changed: key => this.#waits.changed(key),
    });
    // What has not to be looked at again takes no request, so all may be.
    const unwatch = this.#o.trust.onChange(() => {
      for (const { name } of this.#o.stores.builds.list()) enqueue(name);
    });
    return () => {
      end();
      unwatch();
    };
  }

  readonly reconcile = async (key: string, context: ReconcileContext): Promise<Result | void> => {
    try {
      return await this.#reconcile(key, context);
    } finally {
      // Whichever way it ended, also when a build that was woken for a slot turned out to be gone: a free slot leaves nobody waiting.
      this.#wakeNext();
    }
  };

  async #reconcile(key: string, context: ReconcileContext): Promise<Result | void> {
    const { stores } = this.#o;
    const view = stores.builds.get(key);
    if (view && this.#stepOf(view).kind === 'Nothing') return this.#queue.leave(key);
    const build = await this.#read(key);
    if (!build) {
      this.#queue.leave(key);
      const orphans = stores.jobs.list().filter(job => job.build === key && !job.deleting);
      return this.#jobs.removeViews(orphans);
    }
    const fresh = projectBuild(build);
    const step = this.#stepOf(fresh);
    if (step.kind !== 'Work' && step.kind !== 'Begin') this.#queue.leave(key);
    switch (step.kind) {
      case 'Nothing':
        return;
      case 'Wait':
        return { requeueAfterMs: step.remainingMs };
      case 'Cancel':
        await this.#jobs.remove((await this.#jobs.of(fresh.uid)).map(({ job }) => job));
        return this.#end(build, { kind: 'Canceled' });
      case 'Supersede':
        return this.#end(build, { kind: 'Superseded', by: step.by });
      case 'Verify':
        if (await this.#succeeded.imageIsThere(build)) return this.#succeeded.seal(build, context.signal);
        this.#said.warn(build, 'ImageGone', `the registry no longer has ${build.status?.image?.reference}; it is built again`);
        return this.#work(await this.#begin(build), context);
      case 'Align':
        return this.#succeeded.align(build, stores.definitions.get(fresh.definition)?.signing);
      case 'Seal':
        return this.#succeeded.seal(build, context.signal);
      case 'Begin':
        return this.#work(await this.#begin(build), context);
      case 'Work':
        return this.#work(build, context);
    }
  }

  #stepOf(view: BuildView): LifeStep {
    const now = this.#o.now();
    return lifeStep(view, this.#o.stores.definitions.get(view.definition), { now, judged: judgedOf(view, this.#o.trust, now) });
  }

  /** Attempts count anew, and no Job of before may be taken for one of now. */
  async #begin(build: ImageBuild): Promise<ImageBuild> {
    await this.#jobs.remove((await this.#jobs.of(build.metadata.uid ?? '')).map(({ job }) => job));
    return this.#write(build, statusAfter(build, { kind: 'Begun' }, this.#date()).status);
  }

  async #work(build: ImageBuild, context: ReconcileContext): Promise<Result | void> {
    const { name } = build.metadata;
    const view = projectBuild(build);
    const place = this.#queue.enter(turnOf(view), view.phase === 'Building' && view.hasJobs, timestamp(this.#date()));
    if (!place.entered) return this.#queued(build, view, place.why);
    const abort = new AbortController();
    this.#atWork.set(name, { uid: view.uid, abort });
    let holds = false;
    try {
      const pass = await this.#pass(build, { ...context, signal: AbortSignal.any([context.signal, abort.signal]) });
      ({ holds } = pass);
      return pass.result;
    } finally {
      this.#atWork.delete(name);
      if (!holds) this.#queue.leave(name);
    }
  }

  async #queued(build: ImageBuild, view: BuildView, why: string): Promise<Result> {
    const ready = conditionOf(build.status?.conditions, 'Ready');
    // Who else runs changes all the time, and is not worth a write.
    const message = ready?.reason === 'Queued' ? ready.message : why;
    await this.#write(build, statusAfter(build, { kind: 'Queued', message }, this.#date()).status);
    return { requeueAfterMs: queuedCheckMs(view, this.#o.stores.definitions.get(view.definition), this.#o.now()) };
  }

  async #pass(asked: ImageBuild, context: ReconcileContext): Promise<Pass> {
    let build = asked;
    let observed: readonly ObservedJob[] | undefined;
    let event: BuildEvent;
    const progress = new Progress(async step => {
      // What the attempt is judged by stays what it began with: a change or a request that came since is not answered by it.
      const { status } = await this.#write(build, statusAfter(build, stepEvent(build, step), this.#date()).status);
      if (status) build = { ...build, status };
    }, context.log);
    try {
      observed = await this.#observe(build);
      const looked = await this.#run.look(build, observed);
      if (!looked) build = await this.#start(build);
      const within = { signal: context.signal, onStep: progress.note };
      event = looked ?? (await this.#run.advance(build, observed, within));
    } catch (error) {
      if (context.signal.aborted) {
        context.log.info({}, `the attempt was cut off: ${messageOf(context.signal.reason)}`);
        return { holds: false };
      }
      const unfinished = observed?.some(({ job }) => !isFinished(job)) ?? (build.status?.jobs ?? []).length > 0;
      event = { kind: 'Thrown', error, busy: unfinished };
    } finally {
      await progress.end();
    }
    const verdict = statusAfter(build, event, this.#date());
    // What is at work for nothing would hold no slot from here on.
    if (event.kind === 'Thrown' && verdict.status.phase !== 'Building')
      await this.#jobs.removeBeside(observed ?? [], event.place?.job);
    const written = await this.#write(build, verdict.status);
    this.#said.tell(asked, written, event, verdict);
    measure(event, verdict, build.status?.startTime, this.#o.now());
    const holds = verdict.status.phase === 'Building';
    if (event.kind === 'Succeeded') context.log.info({ image: event.image.reference }, 'built');
    if (verdict.retryAfterMs !== undefined) return { holds, result: { requeueAfterMs: verdict.retryAfterMs } };
    if (verdict.rethrow === undefined) return { holds };
    if (!holds) throw verdict.rethrow;
    // A throw would give the slot away that its Jobs hold.
    const wait = verdict.rethrow instanceof WaitingError ? verdict.rethrow.requeueAfterMs : 10_000;
    return { holds, result: { requeueAfterMs: wait } };
  }

  /** Most builds never have a Job, and then nobody is asked. */
  async #observe({ metadata, status }: ImageBuild): Promise<ObservedJob[]> {
    const uid = metadata.uid ?? '';
    const some = (status?.jobs ?? []).length > 0 || this.#o.stores.jobs.byIndex('build', uid).length > 0;
    return some ? this.#jobs.of(uid) : [];
  }

  async #start(build: ImageBuild): Promise<ImageBuild> {
    const { status, metadata } = build;
    if (status?.phase === 'Building') return build;
    if (status?.startTime === undefined) {
      this.#said.say(build, 'Normal', 'BuildStarted', 'started');
      metrics.buildQueueSeconds.observe(Math.max(0, this.#o.now() - Date.parse(metadata.creationTimestamp ?? '')) / 1000);
    }
    return this.#write(build, statusAfter(build, { kind: 'Started' }, this.#date()).status);
  }

  async #end(build: ImageBuild, event: BuildEvent): Promise<void> {
    const { status } = statusAfter(build, event, this.#date());
    await this.#write(build, status);
    const ready = conditionOf(status.conditions, 'Ready');
    if (ready) this.#said.say(build, 'Normal', ready.reason, ready.message);
  }

  #wakeNext(): void {
    for (const name of this.#queue.next()) this.#enqueue(name);
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

  #date(): Date {
    return new Date(this.#o.now());
  }
}
