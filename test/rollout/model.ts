/**
 * A fleet in memory: nodes, agents and people that change it, and a controller that does what `plan` says. What an action does to the
 * objects is written here once more, apart from the controller's own idea of it, so that one can be held against the other.
 */
import assert from 'node:assert/strict';
import type { Action } from '../../controller/rollout/actions.ts';
import { usedBy } from '../../controller/rollout/perform.ts';
import { maxUnavailableOf } from '../../controller/rollout/budget.ts';
import { type Plan, plan } from '../../controller/rollout/plan.ts';
import { type Member, silentAfterMs } from '../../controller/rollout/classify.ts';
import { imagesInUse } from '../../controller/rollout/images-in-use.ts';
import { trustedTarget, type TrustedTarget } from '../../controller/rollout/target-trust.ts';
import { withTarget } from '../../controller/rollout/status.ts';
import type { SystemPoolStatus } from '../../controller/api/system-pool.ts';
import { approvedIn } from '../../controller/api/approval.ts';
import { targetDigestOf } from '../../controller/rollout/digest.ts';
import { withBlockedSince } from '../../controller/rollout/drain.ts';
import { addonSet, type Applies, image, type Machine, platformOf, type PoolName, type Seen, timeouts } from './machine.ts';
import { type FleetOptions, Hosts } from './hosts.ts';
import { Policies } from './policies.ts';
import { checkRecalled, checkWithdrawn } from './trust-checks.ts';
import { checkPrecondition, Conflict, isOpen, write } from './write.ts';
import type { DrainReport, PoolState } from '../../controller/rollout/pool-state.ts';
import { recordedTarget } from '../../controller/rollout/target.ts';
export class Fleet extends Hosts {
  target = image(1);
  /** What a second pool wants, which selects machines too. */
  otherTarget = image(1);
  suspended = false;
  /** By the number of an addon. */
  applies: Applies;
  retry = false;
  deleting = false;
  /** What trust says of the images of the pool; the other pool's are not covered. */
  readonly policies = new Policies(() => this.controllerNow);
  /** A change of the policies that comes in the middle of a pass, after so many writes. */
  change: { after: number; happen: () => void } | undefined;
  /** The pool's, as far as it says what the target is. */
  #status: SystemPoolStatus = {};
  /** Every write there was. */
  readonly writes: Action[] = [];

  constructor(o: FleetOptions) {
    super(o);
    this.applies = o.live ? ['Reboot', 'Drained', 'Open', 'Open', 'Drained'] : ['Reboot', 'Reboot', 'Reboot', 'Reboot', 'Reboot'];
  }

  /** What a process remembers of drains. */
  readonly #blockedSince = new Map<string, number>();

  /** Another process begins, with what the API server has. */
  forget(): void {
    for (const m of this.machines) m.lag = 0;
    this.#blockedSince.clear();
    this.policies.forget();
  }

  /** What the controller's cache has of a machine; as with the controller, its own writes are in it at once. */
  seen(machine: Machine): Seen {
    if (machine.lag > 0 && machine.seen) return machine.seen;
    const { node, nodeTarget, inPool, inOther, deleted } = machine;
    return { node, inPool, inOther, deleted, ...(nodeTarget ? { nodeTarget } : {}) };
  }

  /** From here on the controller's cache of the machine stands still, for so many passes. */
  startLag(machine: Machine, passes: number): void {
    machine.seen = this.seen(machine);
    machine.lag = passes;
  }

  /** What the controller reads from the API. */
  state(drains: Record<string, DrainReport> = {}, refused: readonly string[] = [], pool: PoolName = 'pool'): PoolState {
    const deleting = pool === 'pool' && this.deleting;
    const all = this.machines.map(m => this.seen(m));
    const rival: PoolName = pool === 'pool' ? 'other' : 'pool';
    const claims = (name: PoolName, s: Seen): boolean => (name === 'other' ? s.inOther : s.inPool && !this.deleting);
    const members = all.filter(s => !s.deleted && !(deleting && pool === 'pool') && claims(pool, s));
    const others = all.filter(
      s => !members.includes(s) && (s.nodeTarget?.pool === pool || (!s.deleted && s.node.cordon?.pool === pool)),
    );
    const frozen = this.suspended && pool === 'pool';
    const found: TrustedTarget = pool === 'pool' ? this.#find() : { target: this.otherTarget, trust: { refused: [] } };
    const suspended = frozen ? { reason: 'Suspended', message: 'suspended' } : undefined;
    const why = found.frozen ?? suspended;
    return structuredClone({
      pool,
      now: this.controllerNow,
      maxUnavailable: this.o.maxUnavailable,
      maxStaging: this.o.maxStaging,
      canary: this.o.canary,
      failureThreshold: this.o.failureThreshold,
      timeouts: this.timeouts,
      drain: this.o.drain,
      trust: found.trust,
      ...(found.target ? { target: found.target } : {}),
      ...(found.previous ? { previous: found.previous } : {}),
      ...(why ? { frozen: why } : {}),
      retry: this.retry,
      members: members.map(s => ({
        node: s.node,
        conflicts: claims(rival, s) ? [rival] : [],
        ...(pool === 'pool' ? this.#wantedOf(s.node.name) : {}),
        ...(s.nodeTarget ? { nodeTarget: s.nodeTarget } : {}),
      })),
      departed: others.map(s => ({
        name: s.node.name,
        ...(s.deleted ? {} : { node: s.node }),
        ...(s.nodeTarget?.pool === pool ? { nodeTarget: s.nodeTarget } : {}),
      })),
      drains,
      refused,
    });
  }

  /** What a node is to run over the pool's target: its own wishes count with those of the pool. */
  #wantedOf(name: string): Pick<Member, 'addons' | 'hold'> {
    const { asks = 0 } = this.#machine(name);
    if (asks === 'unknown') return { hold: { reason: 'AddonsNotReady', message: 'nobody has it' } };
    const addons = addonSet((this.o.addons + asks) % 4, this.applies);
    return addons ? { addons } : {};
  }

  /** The target that counts, of what is asked for. */
  #find(): TrustedTarget {
    const pool = { name: 'pool', status: this.#status };
    const last = this.suspended ? recordedTarget(this.#status.target) : undefined;
    const asked = this.deleting ? undefined : (last ?? this.target);
    const nodeTargets = this.machines.flatMap(m => this.seen(m).nodeTarget ?? []);
    const sets = this.machines.flatMap(m => this.#wantedOf(m.node.name).addons ?? []);
    const images = imagesInUse({ pool, asked, definition: undefined, nodeTargets, sets, buildsOf: () => [] });
    return trustedTarget(pool, asked, { images, verdicts: this.policies.judge(images) });
  }

  /** Records the target before anything goes by it. */
  #decide(): void {
    const { target, previous } = this.#find();
    const isNew = target && target.image !== this.#status.target?.image;
    if (isNew) assert(this.policies.isAllowed(target.image), `${target.image} becomes the target, which is not allowed`);
    if (target) this.#status = withTarget({ status: this.#status }, { target, previous }, this.now);
  }

  /**
   * One pass of the controller. `killAfter` breaks it off after so many writes, as if the process had died. Returns the writes made.
   */
  pass(killAfter = Number.POSITIVE_INFINITY, pool: PoolName = 'pool'): number {
    const pass = { made: 0, killAfter, pool };
    try {
      this.#pass(pass);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
    for (const m of this.machines) if (m.lag > 0) m.lag--;
    return pass.made;
  }

  #pass(pass: { made: number; readonly killAfter: number; readonly pool: PoolName }): void {
    const refused: string[] = [];
    const { pool } = pass;
    let changed = false;
    if (pool === 'pool') this.#decide();
    const carryOut = (drains: Record<string, DrainReport>): Plan | undefined => {
      const planned = plan(this.state(drains, refused, pool));
      changed = false;
      for (const action of planned.actions) {
        if (pass.made === pass.killAfter) {
          this.forget();
          return undefined;
        }
        if (this.change && pass.made >= this.change.after) {
          this.change.happen();
          this.change = undefined;
          changed = true;
        }
        if (pool === 'pool' && this.#isStale(action)) {
          assert(changed, `a plan asks for ${action.type} of ${action.node}, which it knows not to be allowed`);
          return undefined;
        }
        if (this.#machine(action.node).refuses === action.type) {
          refused.push(action.node);
          return carryOut(drains);
        }
        this.apply(action, pool);
        pass.made++;
      }
      return planned;
    };
    const first = carryOut({});
    if (!first) return;
    const drains: Record<string, DrainReport> = {};
    for (const name of first.drain) drains[name] = this.evict(name);
    if (!carryOut(drains)) return;
    // What a plan was made by may have changed while it was carried out: the next pass is there for that, as the controller is woken for it.
    if (!changed) this.checkStable(drains, refused, pool);
    if (!this.suspended && pool === 'pool') this.retry = false;
  }

  /** As with the controller, by what it goes by: what is not allowed at this moment ends the pass. */
  #isStale(action: Action): boolean {
    const used = usedBy(action, this.seen(this.#machine(action.node)).nodeTarget);
    return used.some(image => !this.policies.allows(image));
  }

  /** The image and the addons that a write lets a node stage or boot. */
  #usedBy(action: Action): string[] {
    const { nodeTarget } = this.#machine(action.node);
    const target = action.type === 'target' && !action.back ? action.target : action.type === 'approve' ? nodeTarget : undefined;
    return target ? [target.image, ...(target.addons?.addons ?? []).map(addon => addon.image)] : [];
  }

  /** Invariant 3, at the moment of a write; what sets a node back names what that runs. */
  #checkTrusted(action: Action): void {
    for (const image of this.#usedBy(action))
      assert(this.policies.isAllowed(image), `${action.type} of ${action.node} to ${image}, which is not allowed`);
    if (action.type !== 'target' || !action.back) return;
    const { nodeTarget } = this.seen(this.#machine(action.node));
    const { host } = nodeTarget ?? {};
    const keeps = nodeTarget?.state === 'Booted' && targetDigestOf(nodeTarget) === targetDigestOf(action.target);
    const runs = action.target.digests.includes(host?.booted ?? '') && host?.set === action.target.addons?.digest;
    assert(keeps || runs, `${action.node} is set back to what it does not run`);
    const told =
      (host?.phase === 'Rebooting' || host?.phase === 'Applying') && this.controllerNow - host.reportedAt <= silentAfterMs;
    const same = host?.bootID === this.seen(this.#machine(action.node)).node.bootID;
    assert(!(told && same), `${action.node} is called back though it goes down, or changes its addons, already`);
  }

  /** Invariant 5, for the state after a whole pass. */
  checkStable(drains: Record<string, DrainReport>, refused: readonly string[], pool: PoolName): void {
    const state = this.state(drains, refused, pool);
    const again = plan(state);
    assert.deepEqual(again.actions, [], 'a plan after the plan asks for something new');
    const shuffled = plan({ ...state, members: state.members.toReversed(), departed: state.departed.toReversed() });
    assert.deepEqual(shuffled, again, 'the order of nodes changes the plan');
    assert.deepEqual(plan(JSON.parse(JSON.stringify(state)) as PoolState), again, 'a JSON round trip changes the plan');
    if (pool !== 'pool') return;
    checkWithdrawn(this.state(), refused);
    checkRecalled(this.state(), refused);
  }

  evict(name: string): DrainReport {
    const machine = this.#machine(name);
    assert(this.seen(machine).node.unschedulable, 'pods are evicted only from a cordoned node');
    const { cordon } = this.seen(machine).node;
    const times = { cordonedAt: cordon?.since, now: this.controllerNow };
    if (machine.pods > 0 && machine.blocked) {
      const blocked = { reason: 'PodDisruptionBudget', message: 'web' };
      return withBlockedSince(this.#blockedSince, name, { drained: false, blocked }, times);
    }
    const drained = machine.pods === 0;
    machine.pods = Math.max(0, machine.pods - 1);
    return withBlockedSince(this.#blockedSince, name, { drained }, times);
  }

  /** Carries out one write, and checks what must hold right after it. Throws Conflict where the API server would. */
  apply(action: Action, pool: PoolName = 'pool'): void {
    const machine = this.#machine(action.node);
    if (pool === 'pool') this.#checkTrusted(action);
    checkPrecondition(machine, action, this.seen(machine), pool === 'pool' && this.deleting);
    this.#checkGiven(machine, action);
    const before = this.unavailable(pool);
    const wasUnavailable = this.isUnavailable(machine);
    this.writes.push(action);
    write(machine, action, { pool, resourceVersion: this.nextVersion() });
    this.#seeOwnWrite(machine, action);
    if ((action.type === 'cordon' && machine.nodeTarget?.state === 'Staged' && !machine.told) || isOpen(action))
      this.#checkTaken(machine, pool, before, wasUnavailable);
    const underWay =
      (machine.down || machine.told || machine.applying) &&
      machine.approvedAt !== undefined &&
      this.controllerNow < machine.approvedAt + this.timeouts.reboot;
    // A hung shutdown does not keep a node, or a pool, for ever.
    if (action.type === 'remove' && machine.approvedAt !== undefined) {
      machine.opened ||= this.controllerNow >= machine.approvedAt + this.timeouts.reboot + silentAfterMs;
    }
    if (action.type === 'uncordon') assert(!underWay, `lifted the cordon of ${action.node} in the middle of its reboot`);
    this.#noteGoAhead(machine, action, pool);
    if (machine.personCordon) assert(machine.node.unschedulable, `lifted a person's cordon from ${action.node}`);
  }

  #noteGoAhead(machine: Machine, action: Action, pool: PoolName): void {
    if (action.type === 'target' && !machine.told && !machine.applying) delete machine.approvedAt;
    if (action.type !== 'approve') return;
    this.#checkLive(machine, action);
    Object.assign(machine, { approvedAt: this.controllerNow, drained: this.o.drain });
    assert(!this.#isStopped(pool), 'approves nothing while suspended');
  }

  /** Agents of before have never heard of addons. */
  #checkGiven(machine: Machine, action: Action): void {
    if (action.type !== 'target' || !action.target.addons) return;
    const canMerge = this.seen(machine).nodeTarget?.host?.canMerge;
    assert(canMerge, `gives addons to ${action.node}, whose agent cannot merge any`);
  }

  /** Nothing changes on a running host but what may, and undrained only what may be so too; by what the addons that come, or become others, say now. */
  #checkLive(machine: Machine, { approval, apply }: Action & { type: 'approve' }): void {
    assert.equal(approvedIn(approval).live, apply !== undefined);
    if (!apply) return;
    const { name } = machine.node;
    const { nodeTarget } = this.seen(machine);
    const { host, digests = [] } = nodeTarget ?? {};
    assert(host?.canApply && digests.includes(host.booted ?? ''), `${name} cannot change its addons as it runs`);
    assert(!host.staged || host.staged.locked, `${name} changes its addons while another boot is to come`);
    for (const addon of this.#wantedOf(name).addons?.addons ?? []) {
      if (host.merged?.some(merged => merged.digest === addon.digest)) continue;
      assert(addon.apply, `${name} gets ${addon.name} without a reboot`);
      assert(
        !isOpen({ type: 'approve', node: name, approval, since: 0, apply }) || addon.apply.drain === false,
        `${name} undrained`,
      );
    }
  }

  /** The budget, in what the controller knew of the world, and for what is its own doing also in truth. */
  #checkTaken(machine: Machine, pool: PoolName, before: number, wasUnavailable: boolean): void {
    const { name } = machine.node;
    const max = maxUnavailableOf(this.o.maxUnavailable, this.#membersOf(pool).length);
    const current = this.machines.every(m => m.lag === 0);
    if (current) assert(wasUnavailable || before < max, `took ${name} though ${before} of ${max} were unavailable`);
    const taken = this.#membersOf(pool).filter(m => isTaken(m, pool));
    assert(wasUnavailable || taken.length <= max, `took ${name} as number ${taken.length} of ${max}`);
    assert(!this.#isStopped(pool), 'takes nothing while suspended');
  }

  #isStopped(pool: PoolName): boolean {
    return pool === 'pool' && (this.suspended || this.deleting);
  }

  #seeOwnWrite(machine: Machine, { type }: Action): void {
    const { seen, node, nodeTarget } = machine;
    if (!seen || machine.lag === 0) return;
    if (type === 'cordon' || type === 'uncordon') machine.seen = { ...seen, node };
    else {
      const { nodeTarget: _, ...rest } = seen;
      machine.seen = { ...rest, ...(nodeTarget ? { nodeTarget } : {}) };
    }
  }

  #membersOf(pool: PoolName): Machine[] {
    return this.machines.filter(m => !m.deleted && (pool === 'pool' ? m.inPool : m.inOther));
  }

  /** Nodes of the pool that are unavailable in truth. */
  unavailable(pool: PoolName = 'pool'): number {
    return this.#membersOf(pool).filter(m => this.isUnavailable(m)).length;
  }

  isUnavailable(machine: Machine): boolean {
    // Of a node that goes down without our cordon nobody knows before its kubelet is missed.
    const gone = (machine.down || machine.told !== undefined) && !machine.opened;
    return gone || !machine.node.ready || machine.node.unschedulable;
  }

  updated(): number {
    return this.#membersOf('pool').filter(m => this.#isUpdated(m)).length;
  }

  #isUpdated({ host, node }: Machine): boolean {
    return host.booted === platformOf(this.target) && host.set === this.#wantedOf(node.name).addons?.digest;
  }

  /** Whether every machine is where it is to be in the end. */
  get isSettled(): boolean {
    const strays = this.#membersOf('other').filter(
      m => m.host.booted !== platformOf(this.otherTarget) || m.host.set !== undefined,
    );
    const left = this.machines.some(m => m.nodeTarget && (m.deleted || !(m.inPool || m.inOther)));
    const marked = this.machines.some(m => !m.deleted && m.node.cordon);
    return !left && !marked && strays.length === 0 && this.updated() === this.#membersOf('pool').length;
  }

  /** Ends every fault, and lets the world run until nothing moves any more. */
  settle(rounds = 400): void {
    this.#endFaults();
    let quiet = 0;
    for (let i = 0; i < rounds; i++) {
      this.now += 10_000;
      for (const m of this.machines) {
        // Of a host without locks a person takes away what is staged and not wanted any more.
        if (m.host.booted === platformOf(this.target) && !m.told) delete m.host.staged;
        this.boot(m);
        this.notice(m);
        this.agent(m);
      }
      quiet = this.pass() + this.pass(undefined, 'other') === 0 ? quiet + 1 : 0;
      if (quiet > 3 && this.isSettled) return;
    }
  }

  #endFaults(): void {
    Object.assign(this, { suspended: false, retry: true, clock: 0, timeouts: { ...timeouts } });
    if (this.o.maxUnavailable === 0) this.o.maxUnavailable = 1;
    this.bad.clear();
    this.badSets.clear();
    this.policies.clear();
    this.change = undefined;
    for (const m of this.machines) {
      Object.assign(m, { blocked: false, agentDead: false, skew: 0, lag: 0, inOther: m.inOther && !m.inPool });
      delete m.refuses;
      delete m.onItsWay;
      if (m.asks === 'unknown') delete m.asks;
      m.host = { ...m.host, canMerge: true, canApply: true };
      if (m.personCordon) this.uncordonByPerson(m);
      if (!m.down && !m.node.ready) m.node = { ...m.node, ready: true, readySince: this.now };
    }
  }

  #machine(name: string): Machine {
    const machine = this.machines.find(m => m.node.name === name);
    assert(machine, name);
    return machine;
  }
}

function isTaken({ node, nodeTarget, approvedAt }: Machine, pool: PoolName): boolean {
  const isLive = nodeTarget?.pool === pool && nodeTarget.state === 'Booted' && nodeTarget.apply?.drain === false;
  return (node.cordon?.pool === pool && !node.cordon.wasUnschedulable) || (isLive && approvedAt !== undefined);
}
