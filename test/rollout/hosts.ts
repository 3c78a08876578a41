/** Machines in memory with their agents, and what befalls them: boots, outages, people with kubectl. Invariants 2 and 7 are held here. */
import assert from 'node:assert/strict';
import { hindranceOf } from '../../controller/agent/hindrance.ts';
import { HostError } from '../../controller/agent/host.ts';
import { silentAfterMs, type Target } from '../../controller/rollout/classify.ts';
import type { NodeTargetView } from '../../controller/rollout/projection.ts';
import { image, indexOf, type Machine, platformOf, timeouts } from './machine.ts';

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
  /** Nodes are found out to be down, and up again, only after a while. */
  slow?: boolean;
}
export class Hosts {
  now = Date.parse('2026-01-01T00:00:00Z');
  /** How far the controller's clock is ahead of `now`, ms. */
  clock = 0;
  timeouts = { ...timeouts };
  /** Images that do not boot. */
  readonly bad = new Set<string>();
  readonly machines: Machine[] = [];
  readonly o: Required<FleetOptions>;
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
      slow: false,
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
      kubeletLate: false,
      skew: 0,
      lag: 0,
      opened: false,
      personCordon: false,
      inPool: true,
      inOther: false,
      deleted: false,
      failedOn: new Set(),
    });
  }

  at(i: number): Machine {
    const machine = this.machines[i % this.machines.length];
    assert(machine);
    return machine;
  }

  /** What the controller's clock says. */
  get controllerNow(): number {
    return this.now + this.clock;
  }

  /** One step of a node's agent. `fails` makes what it does fail, for that reason where it is one. */
  agent(machine: Machine, fails: boolean | string = false): void {
    if (machine.agentDead || machine.down || machine.deleted) return;
    machine.host = { ...machine.host, reportedAt: this.now + machine.skew };
    const { nodeTarget, host } = machine;
    if (machine.told) return this.goDown(machine);
    // Its token says which Node it runs on.
    if (nodeTarget && nodeTarget.nodeUID !== machine.node.uid) return;
    if (nodeTarget) this.#follow(machine, nodeTarget, host, fails);
    this.#report(machine);
  }

  #follow(machine: Machine, nodeTarget: NodeTargetView, host: Machine['host'], fails: boolean | string): void {
    const wanted = nodeTarget.digests[1] ?? '';
    const { approval } = nodeTarget;
    const used = machine.verdict?.approval === approval || host.failures.some(f => f.approval === approval);
    const approved =
      nodeTarget.state === 'Booted' && approval !== undefined && !used && approval.endsWith(indexOf(targetOf(nodeTarget)));
    if (host.booted === wanted) {
      // There is nothing left to boot.
      if (approved) machine.verdict = { type: 'Succeeded', approval, bootID: host.bootID };
      return;
    }
    if (host.staged?.digest !== wanted) {
      const failures = host.failures.filter(f => f.digest !== wanted || f.approval !== undefined);
      const failure = {
        digest: wanted,
        reason: fails === true ? 'PullFailed' : `${fails}`,
        message: 'it says no',
        time: this.#stamp(machine),
      };
      machine.host = fails
        ? { ...host, failures: [...failures, failure] }
        : { ...host, failures, staged: { digest: wanted, locked: host.canLock } };
      return;
    }
    if (!approved) return;
    assert(approval.length > 0);
    assert(!machine.failedOn.has(wanted), `${wanted} is tried again on ${machine.node.name}`);
    machine.told = { digest: wanted, approval };
    machine.host = { ...machine.host, phase: 'Rebooting' };
    if (!this.o.slow) this.goDown(machine);
  }

  /** Invariant 2, at the moment at which the node really goes down. */
  goDown(machine: Machine): void {
    const { node, host, told } = machine;
    if (!told || machine.deleted) return;
    const silent = this.controllerNow - host.reportedAt > silentAfterMs;
    if (!machine.opened && !silent) {
      assert(node.unschedulable, `${node.name} reboots though it is not cordoned`);
      assert(!machine.drained || machine.pods === 0, `${node.name} reboots undrained`);
    }
    assert.equal(host.staged?.digest, told.digest);
    machine.down = true;
    if (!this.o.slow) this.notice(machine);
  }

  /** The API server learns that a node is down, or up. */
  notice(machine: Machine): void {
    if (machine.down && machine.node.ready) machine.node = { ...machine.node, ready: false, readySince: this.now };
    if (!machine.kubeletLate || machine.down) return;
    machine.kubeletLate = false;
    machine.node = { ...machine.node, bootID: machine.host.bootID };
    if (!machine.node.ready) machine.node = { ...machine.node, ready: true, readySince: this.now };
  }

  /** Agents that wait for their host to go down go on saying so. */
  beat(): void {
    for (const m of this.machines) if (m.told && !m.down && !m.agentDead && !m.deleted) this.#report(m);
  }

  /** The agent can no longer read its host, and says so. */
  hinder(machine: Machine): void {
    if (machine.agentDead || machine.down || machine.deleted) return;
    const { phase } = machine.host;
    const situation = hindranceOf(new HostError('Failed', 'no JSON'), { phase, times: 2 })?.situation;
    assert(situation);
    machine.host = { ...machine.host, phase: situation.phase };
    this.#report(machine);
  }

  /** Ends a reboot. */
  boot(machine: Machine): void {
    if (!machine.down || machine.deleted) return;
    const { staged, booted } = machine.host;
    const { staged: _, ...host } = machine.host;
    const digest = staged?.digest ?? booted ?? '';
    const approval = machine.told?.approval ?? '';
    const bootID = this.#bootID();
    const failed = this.bad.has(digest);
    const failure = { digest, reason: 'FellBack', message: 'did not boot', time: this.#stamp(machine), approval };
    machine.host = {
      ...host,
      phase: 'Idle',
      bootID,
      ...(failed ? { failures: [...host.failures, failure] } : { booted: digest }),
      reportedAt: this.now + machine.skew,
    };
    if (failed) machine.failedOn.add(digest);
    machine.verdict = { type: failed ? 'FellBack' : 'Succeeded', approval, bootID };
    Object.assign(machine, { down: false, kubeletLate: true });
    delete machine.approvedAt;
    delete machine.told;
    if (!this.o.slow) this.notice(machine);
    if (!machine.agentDead) this.#report(machine);
  }

  /** The power goes and comes back, outside any slot. */
  powerCycle(machine: Machine): void {
    if (machine.down || machine.told || machine.deleted) return;
    const { staged, ...host } = machine.host;
    const bootID = this.#bootID();
    // Without a lock the staged image is booted.
    const booted = staged && !staged.locked && !this.bad.has(staged.digest) ? { booted: staged.digest } : {};
    machine.host = { ...host, ...booted, bootID, reportedAt: this.now + machine.skew };
    machine.kubeletLate = false;
    machine.node = { ...machine.node, ready: true, readySince: this.now, bootID };
    if (!machine.agentDead) this.#report(machine);
  }

  /** Somebody, or the garbage collector, deletes the NodeTarget. */
  deleteTarget(machine: Machine): void {
    if (!machine.nodeTarget) return;
    if (machine.nodeTarget.finalizers.length === 0) delete machine.nodeTarget;
    else machine.nodeTarget = { ...machine.nodeTarget, deleting: true, resourceVersion: this.nextVersion() };
  }

  /** Somebody takes the finalizer off, too. */
  tearTarget(machine: Machine): void {
    if (!machine.nodeTarget) return;
    delete machine.nodeTarget;
    // From here nothing speaks of the go-ahead any more.
    if (machine.approvedAt !== undefined) machine.opened = true;
    delete machine.approvedAt;
  }

  /** Somebody takes the controller's mark off a node. */
  unmark(machine: Machine): void {
    if (!machine.node.cordon) return;
    const { cordon: _, ...node } = machine.node;
    machine.node = node;
    // Nobody but a person can tell whose the cordon is now.
    machine.personCordon = node.unschedulable;
  }

  /** Somebody boots another image, with the host's own tools. */
  stray(machine: Machine, n: number): void {
    if (machine.down || machine.told || machine.deleted) return;
    const { staged: _, ...host } = machine.host;
    const bootID = this.#bootID();
    machine.host = { ...host, booted: platformOf(image(n)), bootID, reportedAt: this.now + machine.skew };
    machine.node = { ...machine.node, ready: true, readySince: this.now, bootID };
    if (!machine.agentDead) this.#report(machine);
  }

  /** The agent's report of what is now is held up. */
  sendLate(machine: Machine): void {
    const { host, verdict, nodeTarget } = machine;
    if (machine.down || machine.agentDead || !nodeTarget) return;
    machine.onItsWay = { uid: nodeTarget.uid, host: structuredClone(host), ...(verdict ? { verdict: { ...verdict } } : {}) };
  }

  /** The report comes after later ones; none outlives its boot. */
  arriveLate(machine: Machine): void {
    const { onItsWay, nodeTarget } = machine;
    delete machine.onItsWay;
    if (!onItsWay || nodeTarget?.uid !== onItsWay.uid || onItsWay.host.bootID !== machine.host.bootID || machine.down) return;
    const { uid: _, ...said } = onItsWay;
    machine.nodeTarget = { ...nodeTarget, resourceVersion: this.nextVersion(), ...said };
  }

  /** Somebody deletes the Node, or the machine's kubelet, once it runs, registers it anew: another object, with nothing of the old one. */
  setDeleted(machine: Machine, deleted: boolean): void {
    if (machine.deleted === deleted) return;
    machine.deleted = deleted;
    if (deleted) return;
    this.boot(machine);
    this.notice(machine);
    const { cordon: _, ...node } = machine.node;
    const resourceVersion = this.nextVersion();
    machine.node = { ...node, uid: `uid-${resourceVersion}`, resourceVersion, unschedulable: false };
    Object.assign(machine, { opened: false, personCordon: false });
  }

  /** Another machine is registered under the name of this one. */
  replace(machine: Machine): void {
    const bootID = this.#bootID();
    const { cordon: _, ...node } = machine.node;
    const resourceVersion = this.nextVersion();
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
    delete machine.told;
    delete machine.onItsWay;
    machine.failedOn.clear();
    const off = { blocked: false, agentDead: false, down: false, opened: false, personCordon: false, kubeletLate: false };
    Object.assign(machine, { ...off, pods: 2 });
    machine.node = { ...node, ...fresh };
    const { canLock } = this.o;
    const reportedAt = this.now + machine.skew;
    machine.host = { booted: platformOf(image(0)), bootID, canLock, reportedAt, failures: [], phase: 'Idle' };
  }

  #report(machine: Machine): void {
    const before = machine.nodeTarget;
    if (!before || before.nodeUID !== machine.node.uid) return;
    machine.host = { ...machine.host, reportedAt: this.now + machine.skew };
    const { host, verdict } = machine;
    const { unstagedAt, ...rest } = before;
    const has = [host.staged?.digest, host.booted].some(digest => digest !== undefined && before.digests.includes(digest));
    machine.nodeTarget = {
      ...rest,
      resourceVersion: this.nextVersion(),
      host: structuredClone(host),
      ...(verdict ? { verdict: { ...verdict } } : {}),
      ...(has ? {} : { unstagedAt: unstagedAt ?? this.now + machine.skew }),
    };
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
    machine.opened = machine.node.cordon !== undefined || machine.approvedAt !== undefined;
    if (machine.approvedAt === undefined) machine.pods = 2;
  }

  /** The resourceVersion of a write. */
  protected nextVersion(): string {
    return String(++this.#version);
  }

  #bootID(): string {
    return `boot-${++this.#boots}`;
  }

  #stamp(machine: Machine): string {
    return new Date(this.now + machine.skew + ++this.#boots).toISOString();
  }
}

function targetOf(nodeTarget: NodeTargetView): Target {
  return { image: nodeTarget.image, digests: nodeTarget.digests };
}
