/**
 * A fleet in memory: nodes, agents and people that change it, and a controller that does what `plan` says. What an action does to the
 * objects is written here once more, apart from the controller's own idea of it, so that one can be held against the other.
 */
import assert from 'node:assert/strict';
import type { Action } from '../../controller/rollout/actions.ts';
import { maxUnavailableOf } from '../../controller/rollout/budget.ts';
import type { Target } from '../../controller/rollout/classify.ts';
import { type Plan, plan } from '../../controller/rollout/plan.ts';
import { image, indexOf, type Machine, platformOf, timeouts } from './machine.ts';
import { write } from './write.ts';
import type { DrainReport, PoolState } from '../../controller/rollout/pool-state.ts';
import type { NodeTargetView } from '../../controller/rollout/projection.ts';

export interface FleetOptions {
  nodes: number;
  zones?: number;
  controlPlane?: number;
  maxUnavailable?: number | string;
  maxStaging?: number;
  canary?: number;
  failureThreshold?: number;
  drain?: boolean;
  canLock?: boolean;
}

export class Fleet {
  now = Date.parse('2026-01-01T00:00:00Z');
  target = image(1);
  suspended = false;
  retry = false;
  deleting = false;
  /** Images that do not boot. */
  readonly bad = new Set<string>();
  readonly machines: Machine[] = [];
  readonly o: Required<FleetOptions>;
  /** Every write there was. */
  readonly writes: Action[] = [];
  #boots = 0;
  #version = 1;

  constructor(options: FleetOptions) {
    this.o = {
      zones: 1,
      controlPlane: 0,
      maxUnavailable: 1,
      maxStaging: 10,
      canary: 1,
      failureThreshold: 1,
      drain: true,
      canLock: true,
      ...options,
    };
    for (let i = 0; i < this.o.nodes; i++) this.addNode();
  }

  addNode(): void {
    const i = this.machines.length;
    const bootID = this.#bootID();
    const labels: Record<string, string> = { 'topology.kubernetes.io/zone': `zone-${i % this.o.zones}` };
    if (i < this.o.controlPlane) labels['node-role.kubernetes.io/control-plane'] = '';
    this.machines.push({
      node: {
        name: `node-${String(i).padStart(3, '0')}`,
        uid: `uid-${i}`,
        resourceVersion: '1',
        ready: true,
        readySince: this.now,
        unschedulable: false,
        bootID,
        labels,
      },
      host: { booted: platformOf(image(0)), bootID, canLock: this.o.canLock, reportedAt: this.now, failures: [], phase: 'Idle' },
      pods: 2,
      blocked: false,
      agentDead: false,
      down: false,
      opened: false,
      personCordon: false,
      inPool: true,
      deleted: false,
      failedOn: new Set(),
    });
  }

  at(i: number): Machine {
    const machine = this.machines[i % this.machines.length];
    assert(machine);
    return machine;
  }

  /** What the controller reads from the API. */
  state(drains: Record<string, DrainReport> = {}, refused: readonly string[] = []): PoolState {
    const present = this.machines.filter(m => !m.deleted);
    const members = this.deleting ? [] : present.filter(m => m.inPool);
    const others = this.machines.filter(m => !members.includes(m) && (m.nodeTarget ?? (!m.deleted && m.node.cordon)));
    return structuredClone({
      pool: 'pool',
      now: this.now,
      maxUnavailable: this.o.maxUnavailable,
      maxStaging: this.o.maxStaging,
      canary: this.o.canary,
      failureThreshold: this.o.failureThreshold,
      timeouts,
      drain: this.o.drain,
      target: this.target,
      ...(this.suspended ? { frozen: { reason: 'Suspended', message: 'suspended' } } : {}),
      retry: this.retry,
      members: members.map(m => ({ node: m.node, conflicts: [], ...(m.nodeTarget ? { nodeTarget: m.nodeTarget } : {}) })),
      departed: others.map(m => ({
        name: m.node.name,
        ...(m.deleted ? {} : { node: m.node }),
        ...(m.nodeTarget ? { nodeTarget: m.nodeTarget } : {}),
      })),
      drains,
      refused,
    });
  }

  /**
   * One pass of the controller. `killAfter` breaks it off after so many writes, as if the process had died. Returns the writes made.
   */
  pass(killAfter = Number.POSITIVE_INFINITY): number {
    let made = 0;
    const refused: string[] = [];
    const carryOut = (drains: Record<string, DrainReport>): Plan | undefined => {
      const planned = plan(this.state(drains, refused));
      for (const action of planned.actions) {
        if (made === killAfter) return undefined;
        if (this.#find(action.node).refuses === action.type) {
          refused.push(action.node);
          return carryOut(drains);
        }
        this.apply(action);
        made++;
      }
      return planned;
    };
    const first = carryOut({});
    if (!first) return made;
    const drains: Record<string, DrainReport> = {};
    for (const name of first.drain) drains[name] = this.evict(name);
    if (!carryOut(drains)) return made;
    this.checkStable(drains, refused);
    if (!this.suspended) this.retry = false;
    return made;
  }

  /** Invariant 5, for the state after a whole pass. */
  checkStable(drains: Record<string, DrainReport>, refused: readonly string[]): void {
    const state = this.state(drains, refused);
    const again = plan(state);
    assert.deepEqual(again.actions, [], 'a plan after the plan asks for something new');
    const shuffled = plan({ ...state, members: state.members.toReversed(), departed: state.departed.toReversed() });
    assert.deepEqual(shuffled, again, 'the order of nodes changes the plan');
    assert.deepEqual(plan(JSON.parse(JSON.stringify(state)) as PoolState), again, 'a JSON round trip changes the plan');
  }

  evict(name: string): DrainReport {
    const machine = this.#find(name);
    assert(machine.node.unschedulable, 'pods are evicted only from a cordoned node');
    if (machine.pods > 0 && machine.blocked)
      return { drained: false, blocked: { reason: 'PodDisruptionBudget', message: 'web' } };
    const drained = machine.pods === 0;
    machine.pods = Math.max(0, machine.pods - 1);
    return { drained };
  }

  /** Carries out one write, and checks what must hold right after it. */
  apply(action: Action): void {
    const machine = this.#find(action.node);
    const before = this.unavailable();
    const wasUnavailable = this.isUnavailable(machine);
    this.writes.push(action);
    write(machine, action, String(++this.#version));
    if (action.type === 'cordon' && machine.nodeTarget?.state === 'Staged') {
      const max = maxUnavailableOf(this.o.maxUnavailable, this.machines.filter(m => m.inPool && !m.deleted).length);
      assert(wasUnavailable || before < max, `took ${action.node} though ${before} of ${max} were unavailable`);
      assert(!this.suspended && !this.deleting, 'takes nothing while suspended');
    }
    const underWay = machine.down && machine.approvedAt !== undefined && this.now < machine.approvedAt + timeouts.reboot;
    if (action.type === 'uncordon') assert(!underWay, `lifted the cordon of ${action.node} in the middle of its reboot`);
    if (action.type === 'approve') machine.approvedAt = this.now;
    if (action.type === 'approve') assert(!this.suspended && !this.deleting, 'approves nothing while suspended');
    if (machine.personCordon) assert(machine.node.unschedulable, `lifted a person's cordon from ${action.node}`);
  }

  /** One step of a node's agent. `fails` makes what it does fail. */
  agent(machine: Machine, fails = false): void {
    if (machine.agentDead || machine.down || machine.deleted) return;
    machine.host = { ...machine.host, reportedAt: this.now };
    const { nodeTarget, host } = machine;
    // Its token says which Node it runs on.
    if (nodeTarget && nodeTarget.nodeUID !== machine.node.uid) return;
    if (nodeTarget) this.#follow(machine, nodeTarget, host, fails);
    this.#report(machine);
  }

  #follow(machine: Machine, nodeTarget: NodeTargetView, host: Machine['host'], fails: boolean): void {
    const wanted = nodeTarget.digests[1] ?? '';
    if (host.booted === wanted) return;
    if (host.staged?.digest !== wanted) {
      const failures = host.failures.filter(f => f.digest !== wanted || f.approval !== undefined);
      const failure = { digest: wanted, reason: 'PullFailed', message: 'registry says no', time: this.#stamp() };
      machine.host = fails
        ? { ...host, failures: [...failures, failure] }
        : { ...host, failures, staged: { digest: wanted, locked: host.canLock } };
      return;
    }
    const { approval } = nodeTarget;
    const used = machine.verdict?.approval === approval || host.failures.some(f => f.approval === approval);
    if (nodeTarget.state !== 'Booted' || approval === undefined || used || !approval.endsWith(indexOf(targetOf(nodeTarget))))
      return;
    this.#reboot(machine, wanted, approval);
  }

  /** Invariants 2 and 7, at the moment at which the node really goes down. */
  #reboot(machine: Machine, digest: string, approval: string): void {
    const { node, host } = machine;
    assert(approval.length > 0);
    if (machine.inPool && !machine.opened) {
      assert(node.unschedulable, `${node.name} reboots though it is not cordoned`);
      assert(!this.o.drain || machine.pods === 0, `${node.name} reboots undrained`);
    }
    assert(!machine.failedOn.has(digest), `${digest} is tried again on ${node.name}`);
    assert.equal(host.staged?.digest, digest);
    machine.down = true;
    machine.node = { ...node, ready: false, readySince: this.now };
  }

  /** Ends a reboot. */
  boot(machine: Machine): void {
    if (!machine.down || machine.deleted) return;
    const { staged, booted } = machine.host;
    const { staged: _, ...host } = machine.host;
    const digest = staged?.digest ?? booted ?? '';
    const approval = machine.nodeTarget?.approval ?? '';
    const bootID = this.#bootID();
    const failed = this.bad.has(digest);
    const failure = { digest, reason: 'FellBack', message: 'did not boot', time: this.#stamp(), approval };
    machine.host = {
      ...host,
      bootID,
      ...(failed ? { failures: [...host.failures, failure] } : { booted: digest }),
      reportedAt: this.now,
    };
    if (failed) machine.failedOn.add(digest);
    machine.verdict = { type: failed ? 'FellBack' : 'Succeeded', approval, bootID };
    machine.down = false;
    delete machine.approvedAt;
    machine.node = { ...machine.node, ready: true, readySince: this.now, bootID };
    if (!machine.agentDead) this.#report(machine);
  }

  /** The power goes and comes back, outside any slot. */
  powerCycle(machine: Machine): void {
    if (machine.down || machine.deleted) return;
    const { staged, ...host } = machine.host;
    const bootID = this.#bootID();
    // Without a lock the staged image is booted.
    const booted = staged && !staged.locked && !this.bad.has(staged.digest) ? { booted: staged.digest } : {};
    machine.host = { ...host, ...booted, bootID, reportedAt: this.now };
    machine.node = { ...machine.node, ready: true, readySince: this.now, bootID };
    if (!machine.agentDead) this.#report(machine);
  }

  /** Somebody, or the garbage collector, deletes the NodeTarget. */
  deleteTarget(machine: Machine): void {
    if (!machine.nodeTarget) return;
    if (machine.nodeTarget.finalizers.length === 0) delete machine.nodeTarget;
    else machine.nodeTarget = { ...machine.nodeTarget, deleting: true, resourceVersion: String(++this.#version) };
  }

  /** Somebody deletes the Node, or the machine's kubelet, once it runs, registers it anew: another object, with nothing of the old one. */
  setDeleted(machine: Machine, deleted: boolean): void {
    if (machine.deleted === deleted) return;
    machine.deleted = deleted;
    if (deleted) return;
    this.boot(machine);
    const { cordon: _, ...node } = machine.node;
    const resourceVersion = String(++this.#version);
    machine.node = { ...node, uid: `uid-${resourceVersion}`, resourceVersion, unschedulable: false };
    Object.assign(machine, { opened: false, personCordon: false });
  }

  /** Another machine is registered under the name of this one. */
  replace(machine: Machine): void {
    const bootID = this.#bootID();
    const { cordon: _, ...node } = machine.node;
    const resourceVersion = String(++this.#version);
    const fresh = {
      uid: `uid-${resourceVersion}`,
      resourceVersion,
      bootID,
      ready: true,
      readySince: this.now,
      unschedulable: false,
    };
    delete machine.verdict;
    delete machine.approvedAt;
    machine.failedOn.clear();
    Object.assign(machine, { pods: 2, blocked: false, agentDead: false, down: false, opened: false, personCordon: false });
    machine.node = { ...node, ...fresh };
    const { canLock } = this.o;
    machine.host = { booted: platformOf(image(0)), bootID, canLock, reportedAt: this.now, failures: [], phase: 'Idle' };
  }

  #report(machine: Machine): void {
    if (machine.nodeTarget?.nodeUID !== machine.node.uid) return;
    const { host, verdict } = machine;
    machine.nodeTarget = {
      ...machine.nodeTarget,
      resourceVersion: String(++this.#version),
      host: structuredClone(host),
      ...(verdict ? { verdict: { ...verdict } } : {}),
    };
  }

  /** Nodes of the pool that are unavailable in truth. */
  unavailable(): number {
    return this.machines.filter(m => m.inPool && !m.deleted && this.isUnavailable(m)).length;
  }

  isUnavailable(machine: Machine): boolean {
    return machine.down || !machine.node.ready || machine.node.unschedulable;
  }

  updated(): number {
    return this.machines.filter(m => m.inPool && !m.deleted && m.host.booted === platformOf(this.target)).length;
  }

  /** Ends every fault, and lets the world run until nothing moves any more. */
  settle(rounds = 400): void {
    this.suspended = false;
    this.retry = true;
    this.bad.clear();
    for (const m of this.machines) {
      Object.assign(m, { blocked: false, agentDead: false, inPool: m.inPool });
      delete m.refuses;
      if (m.personCordon) this.uncordonByPerson(m);
      if (!m.down && !m.node.ready) m.node = { ...m.node, ready: true, readySince: this.now };
    }
    let quiet = 0;
    for (let i = 0; i < rounds; i++) {
      this.now += 10_000;
      for (const m of this.machines) {
        this.boot(m);
        this.agent(m);
      }
      quiet = this.pass() === 0 ? quiet + 1 : 0;
      const marked = this.machines.some(m => !m.deleted && m.node.cordon);
      if (quiet > 3 && !marked && this.updated() === this.machines.filter(m => m.inPool && !m.deleted).length) return;
    }
  }

  cordonByPerson(machine: Machine): void {
    // kubectl leaves a node alone that is cordoned already.
    if (machine.node.unschedulable || machine.node.cordon) return;
    machine.node = { ...machine.node, unschedulable: true };
    machine.personCordon = true;
  }

  uncordonByPerson(machine: Machine): void {
    machine.node = { ...machine.node, unschedulable: false };
    machine.personCordon = false;
    machine.opened = machine.node.cordon !== undefined;
  }

  #find(name: string): Machine {
    const machine = this.machines.find(m => m.node.name === name);
    assert(machine, name);
    return machine;
  }

  #bootID(): string {
    return `boot-${++this.#boots}`;
  }

  #stamp(): string {
    return new Date(this.now + ++this.#boots).toISOString();
  }
}

function targetOf(nodeTarget: NodeTargetView): Target {
  return { image: nodeTarget.image, digests: nodeTarget.digests };
}
