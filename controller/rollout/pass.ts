/** One look at one pool. */
import { messageOf, reasonOf, StallingError, TransientError } from '../api/errors.ts';
import { fieldManagers, poolFinalizer } from '../api/names.ts';
import { type SystemPoolStatus, systempools } from '../api/system-pool.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import type { ApiError } from '../kube/errors.ts';
import { metrics } from '../telemetry/metrics.ts';
import { recordLink } from '../telemetry/tracing.ts';
import { addonsStatus } from './addons-status.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import { digestOf } from './digest.ts';
import { drainNode, drainPaceMs, withBlockedSince } from './drain.ts';
import { findTarget, type TargetFound } from './find-target.ts';
import { tellHostRules } from './host-rules.ts';
import { setsOf } from './images-in-use.ts';
import { actAll, maxRefusals } from './perform.ts';
import { type Plan, plan } from './plan.ts';
import type { DrainReport, PoolState } from './pool-state.ts';
import { copyName, pulledBeside } from './pull-secret.ts';
import { projectSystemPool, type SystemPoolView } from './projection.ts';
import { type Found, poolStateOf, type Views } from './snapshot.ts';
import { statusAfter, statusChange, statusIntervalMs, transitionsOf, withTarget } from './status.ts';
import { isRequested } from './target.ts';

/** Nodes whose pods are listed in one pass; the others follow in the next. */
const drainsPerPass = 50;
/** Enough to be past a deadline when the timer fires. */
const slackMs = 20;

interface Made {
  plan: Plan;
  state: PoolState;
}

export class Pass {
  readonly #o: PoolDependencies;
  readonly #memory: PoolMemory;
  readonly #context: ReconcileContext;
  #pool: SystemPoolView;
  readonly #began: number;
  /** What was asked for when the pass began: what comes during it may come too late for a part of it, and is answered by the next. */
  readonly #requestedAt: string | undefined;
  readonly #retry: boolean;
  /** Nodes that are left as they are in this pass, and what the API server said. */
  readonly #refused: Map<string, ApiError>;

  constructor(o: PoolDependencies, memory: PoolMemory, pool: SystemPoolView, context: ReconcileContext) {
    this.#o = o;
    this.#memory = memory;
    this.#pool = pool;
    this.#context = context;
    this.#began = o.now();
    this.#requestedAt = pool.requestedAt;
    this.#retry = isRequested(pool);
    this.#refused = memory.refusals.open(pool.name, o.now());
  }

  async run(): Promise<Result> {
    await this.#ensureFinalizer();
    const sought = await findTarget({ o: this.#o, memory: this.#memory, pool: this.#pool, log: this.#context.log });
    // Recorded before anything goes by it, so that a new process goes by the same.
    const { target, previous } = sought;
    if (target) await this.#writeStatus(withTarget(this.#pool, { target, previous }, this.#o.now()));
    const found = await this.#keepPullSecret(sought);

    const first = await this.#planAndAct(found, {});
    const drains = await this.#drain(first);
    const last = Object.keys(drains).length > 0 ? await this.#planAndAct(found, drains) : first;
    this.#reportBlocked(last);

    const wait = await this.#report(last, found);
    const { name } = this.#pool;
    const untold = await tellHostRules(this.#o, this.#memory, name, this.#context);
    this.#memory.refusals.keep(name, this.#refused.keys());
    const now = this.#o.now();
    const again = [
      this.#memory.refusals.nextMs(name, now),
      this.#memory.lookUps.nextMs(name, now),
      this.#memory.pullSecrets.nextMs(name),
      this.#memory.trust.nextMs(name),
      this.#memory.systems.nextMs(name),
      this.#memory.comparisons.nextMs(name),
      found.addons.until === undefined ? undefined : Math.max(0, found.addons.until - now),
    ];
    return requeue(last.plan.nextCheckMs, this.#nextDrainMs(last), wait, untold, ...again);
  }

  async #ensureFinalizer(): Promise<void> {
    const { name, resourceVersion, finalizers } = this.#pool;
    if (finalizers.includes(poolFinalizer)) return;
    const body = { metadata: { resourceVersion, finalizers: [...finalizers, poolFinalizer] } };
    const options = { fieldManager: fieldManagers.rollout };
    this.#note(projectSystemPool(await this.#o.client.mergePatch(systempools, name, body, options)));
  }

  /** Makes the copy of the pull Secret that nodes read, or takes it away; nothing starts without one that is asked for. */
  async #keepPullSecret(found: TargetFound): Promise<TargetFound> {
    const { pullSecrets } = this.#memory;
    const { name, spec, status } = this.#pool;
    const { pullSecret, ...rest } = status;
    if (!spec.pullSecretRef) {
      pullSecrets.forget(name);
      if (!pullSecret) return found;
      await pullSecrets.remove(name);
      await this.#writeStatus(rest);
      return found;
    }
    if (!found.target) {
      pullSecrets.forget(name);
      return found;
    }
    const definition = this.#o.stores.definitions.get(spec.system.definitionRef?.name ?? '');
    try {
      // Its name first: whoever takes the pool apart must know of it before it is there.
      if (!pullSecret) await this.#writeStatus({ ...status, pullSecret: { name: copyName(name) } });
      // Those that nodes have still to pull may not be among those that they are to have by now, and while nobody knows these, nothing is taken away.
      const had = this.#memory.nodeTargets.list().flatMap(target => (target.pool === name ? (target.addons ?? []) : []));
      const others = pulledBeside(definition?.workloadImages ?? [], [...found.addons.sets, ...had]);
      const revision = await pullSecrets.keep(this.#pool, { target: found.target.image, others });
      await this.#writeStatus({ ...this.#pool.status, pullSecret: { name: copyName(name), revision } });
      return found;
    } catch (error) {
      return { error, ...found, frozen: found.frozen ?? { reason: reasonOf(error), message: messageOf(error) } };
    }
  }

  /**
   * Carries out a plan from the newest picture. A node for which a write is refused is left out of the next plan, so that it costs only what
   * it costs by being as it is; any other write that fails ends the pass, and the next one plans anew.
   */
  async #planAndAct(found: TargetFound, drains: Record<string, DrainReport>): Promise<Made> {
    for (;;) {
      const { views, ...made } = this.#plan(found, drains);
      const scene = { pool: this.#pool, views, context: this.#context };
      const refusal = await actAll(this.#o, this.#memory, scene, made.plan.actions);
      if (!refusal) return made;
      const { node, error } = refusal;
      this.#refused.set(node, error);
      const isNew = this.#memory.refusals.add(this.#pool.name, node, error, this.#o.now());
      const note = `${node}: ${error.message}`;
      if (isNew) this.#event({ type: 'Warning', reason: error.reason, action: 'Rollout', note });
      if (this.#refused.size >= maxRefusals) throw error;
    }
  }

  #plan(found: TargetFound, drains: Record<string, DrainReport>): Made & { views: Views } {
    const views = this.#views();
    const state = poolStateOf(this.#pool, views, {
      now: this.#o.now(),
      retry: this.#retry,
      drains,
      refused: [...this.#refused.keys()],
      trust: found.trust,
      wanted: found.addons.wanted,
      ...(found.target ? { target: found.target } : {}),
      ...(found.previous ? { previous: found.previous } : {}),
      ...(found.frozen ? { frozen: found.frozen } : {}),
    } satisfies Found);
    return { plan: plan(state), state, views };
  }

  #views(): Views {
    const { pools, nodes, nodeTargets } = this.#memory;
    return { pools: pools.list(), nodes: nodes.list(), nodeTargets: nodeTargets.list() };
  }

  /** Evicts on the nodes that are due; the pace only saves calls, so nothing is lost with it. */
  async #drain({ plan: { drain } }: Made): Promise<Record<string, DrainReport>> {
    const reports: Record<string, DrainReport> = {};
    const { force, deleteEmptyDirData, gracePeriodSeconds } = this.#pool.spec.drain;
    for (const name of drain.filter(n => this.#drainDueMs(n) <= 0).slice(0, drainsPerPass)) {
      this.#context.signal.throwIfAborted();
      const now = this.#o.now();
      this.#memory.drainedAt.set(name, now);
      const report = await drainNode(this.#o.client, name, {
        force,
        deleteEmptyDirData,
        nodeReady: this.#memory.nodes.get(name)?.ready ?? true,
        now,
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      });
      reports[name] = withBlockedSince(this.#memory.blockedSince, name, report, {
        cordonedAt: this.#memory.nodes.get(name)?.cordon?.since,
        now,
      });
    }
    return reports;
  }

  #drainDueMs(name: string): number {
    const since = this.#memory.nodes.get(name)?.cordon?.since ?? 0;
    const last = this.#memory.drainedAt.get(name) ?? 0;
    return last < since ? 0 : last + drainPaceMs(last - since) - this.#o.now();
  }

  #nextDrainMs({ plan: { drain } }: Made): number | undefined {
    return drain.length === 0 ? undefined : Math.max(0, Math.min(...drain.map(n => this.#drainDueMs(n))));
  }

  /** One event when a drain is first found to be blocked. */
  #reportBlocked({ plan: { actions }, state }: Made): void {
    for (const action of actions) {
      if (action.type !== 'report' || action.rollout?.phase !== 'Draining') continue;
      const before = state.members.find(m => m.node.name === action.node)?.nodeTarget?.rollout;
      if (before?.phase === 'Draining') continue;
      this.#event({
        type: 'Warning',
        reason: 'DrainBlocked',
        action: 'Drain',
        note: `${action.node}: ${action.rollout.message}`,
      });
    }
  }

  /** Writes the status when there is something to say; returns how long a small change has to wait. */
  async #report({ plan: { summary }, state }: Made, found: TargetFound): Promise<number | undefined> {
    const { name } = this.#pool;
    for (const [state, count] of Object.entries(summary.nodes)) metrics.poolNodes.set({ pool: name, state }, count);
    metrics.trustUntrustedNodes.set({ pool: name }, summary.untrusted?.nodes.length ?? 0);
    metrics.trustUnjudgedNodes.set({ pool: name }, summary.unjudged?.nodes.length ?? 0);
    const now = this.#o.now();
    const error = found.error ?? this.#trouble(found, summary.outcome.message) ?? this.#refusal(summary.outcome.message);
    const handled = this.#isAnswered(found, state) ? this.#requestedAt : undefined;
    const addons = addonsStatus(
      {
        asked: this.#pool.spec.addons ?? [],
        image: found.target?.image,
        systems: found.addons.systems,
        last: this.#pool.status.addons,
        had: setsOf(this.#memory.nodeTargets.list().filter(target => target.pool === name)),
        trust: found.artifacts,
      },
      found.addons,
      summary.holds,
    );
    const status = statusAfter(this.#pool, summary, { now, handled, error, trusted: found.trusted, addons });
    if (statusChange(this.#pool.status, status) === 'small') {
      const wait = (this.#memory.statusWrittenAt.get(name) ?? 0) + statusIntervalMs - now;
      if (wait > 0) return wait;
    }
    await this.#writeStatus(status);
    return undefined;
  }

  /** Whether all that was asked for has been done, or definitely refused. */
  #isAnswered({ error, trouble, trust }: TargetFound, { frozen }: PoolState): boolean {
    const waits = trust.unknown !== undefined || (trouble !== undefined && !trouble.stalls);
    return error === undefined && !waits && (!frozen || frozen.stalled === true);
  }

  /** Why the pool stays with its last target, before how far it is with that. */
  #trouble({ trouble }: TargetFound, progress: string): Error | undefined {
    if (!trouble) return undefined;
    const message = `${trouble.message}; the last target stays: ${progress}`;
    return trouble.stalls ? new StallingError(trouble.reason, message) : new TransientError(trouble.reason, message);
  }

  /** What of the refusals the status says, before how far the pool is all the same. */
  #refusal(progress: string): TransientError | undefined {
    const [first] = this.#refused;
    if (!first) return undefined;
    const [node, error] = first;
    const others = this.#refused.size > 1 ? ` (and ${this.#refused.size - 1} more nodes)` : '';
    return new TransientError(error.reason, `${node}: ${error.message}${others}; ${progress}`, { cause: error });
  }

  async #writeStatus(status: SystemPoolStatus): Promise<void> {
    const { name, status: before } = this.#pool;
    if (statusChange(before, status) === 'none') return;
    const written = await this.#o.client.applyStatus(
      systempools,
      { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', metadata: { name, uid: this.#pool.uid }, status },
      { fieldManager: fieldManagers.rollout },
    );
    this.#note(projectSystemPool(written));
    this.#memory.statusWrittenAt.set(name, this.#o.now());
    const { target } = this.#pool.status;
    if (target?.image !== undefined && target.image !== before.target?.image) {
      const attributes = { pool: name, digest: digestOf(target.image) };
      recordLink({ link: 'target', revision: target.revision, start: this.#began, end: this.#o.now(), attributes });
    }
    for (const transition of transitionsOf(before, this.#pool.status)) this.#event(transition);
  }

  #event(event: { type: 'Normal' | 'Warning'; reason: string; action: string; note: string }): void {
    const { name, uid } = this.#pool;
    const regarding = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', name, uid };
    this.#o.events.record({ regarding, ...event });
  }

  #note(pool: SystemPoolView): void {
    this.#memory.pools.wrote(pool);
    this.#pool = pool;
  }
}

/** The earliest of several times; nothing when there is none. */
function requeue(...times: (number | undefined)[]): Result {
  const known = times.filter(t => t !== undefined);
  return known.length === 0 ? {} : { requeueAfterMs: Math.min(...known) + slackMs };
}
