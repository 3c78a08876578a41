/** Machines in memory with their agents, and what befalls them: boots, outages, people with kubectl. Invariants 2 and 7 are held here. */
import assert from 'node:assert/strict';
import { hindranceOf } from '../../controller/agent/hindrance.ts';
import { HostError } from '../../controller/agent/host.ts';
import { silentAfterMs } from '../../controller/rollout/classify.ts';
import type { NodeTargetView } from '../../controller/rollout/projection.ts';
import { barringOf } from '../../controller/rollout/on-host.ts';
import { targetDigestOf } from '../../controller/rollout/digest.ts';
import { clearStaged, goAheadOf, isReady, saidOf, setFields, withSet } from './host-facts.ts';
import { image, type Machine, platformOf, timeouts } from './machine.ts';

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
  /** Which set of addons the pool asks for. */
  addons?: number;
  live?: boolean;
}
export class Hosts {
  now = Date.parse('2026-01-01T00:00:00Z');
  /** How far the controller's clock is ahead of `now`, ms. */
  clock = 0;
  timeouts = { ...timeouts };
  /** Images that do not boot. */
  readonly bad = new Set<string>();
  /** Sets of addons that do not merge as they should. */
  readonly badSets = new Set<string>();
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
      addons: 0,
      live: false,
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
      host: {
        booted: platformOf(image(0)),
        bootID,
        canLock: this.o.canLock,
        canMerge: true,
        canApply: true,
        reportedAt: this.now,
        failures: [],
        phase: 'Idle',
      },
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
    if (machine.applying) return this.finishChange(machine);
    // Its token says which Node it runs on.
    if (nodeTarget && nodeTarget.nodeUID !== machine.node.uid) return;
    if (nodeTarget) this.#follow(machine, nodeTarget, host, fails);
    this.#report(machine);
  }

  #follow(machine: Machine, nodeTarget: NodeTargetView, host: Machine['host'], fails: boolean | string): void {
    const wanted = nodeTarget.digests[1] ?? '';
    const set = nodeTarget.addons?.digest;
    // An agent that knows nothing of addons finds no go-ahead for what it knows.
    if (set !== undefined && !host.canMerge) return;
    const goAhead = goAheadOf(machine, nodeTarget);
    if (host.booted === wanted && host.set === set) {
      // There is nothing left to boot.
      if (goAhead) machine.verdict = { type: 'Succeeded', approval: goAhead.approval, bootID: host.bootID };
      return;
    }
    if (host.booted !== wanted && host.staged?.digest !== wanted) return this.#stage(machine, wanted, fails);
    if (clearStaged(machine, wanted) === 'waits') return;
    if (!isReady(machine.host, wanted, set))
      return this.#prepare(machine, { wanted, set, pair: targetDigestOf(nodeTarget) }, fails);
    if (!goAhead) return;
    const again = barringOf(nodeTarget).find(digest => machine.failedOn.has(digest));
    assert.equal(again, undefined, `${again} is tried again on ${machine.node.name}`);
    if (goAhead.live) return this.#apply(machine, nodeTarget, goAhead.approval);
    const { approval } = goAhead;
    machine.told = { digest: wanted, pair: targetDigestOf(nodeTarget), ...(set === undefined ? {} : { set }), approval };
    machine.host = { ...machine.host, phase: 'Rebooting' };
    if (!this.o.slow) this.goDown(machine);
  }

  /** Invariant 2 for the running host, at the moment at which its addons begin to change. */
  #apply(machine: Machine, nodeTarget: NodeTargetView, approval: string): void {
    const { node, host } = machine;
    const set = nodeTarget.addons?.digest;
    assert(
      host.booted !== undefined && nodeTarget.digests.includes(host.booted),
      `${node.name} changes addons under another image`,
    );
    if (nodeTarget.apply?.drain !== false && !machine.opened) {
      assert(node.unschedulable, `${node.name} changes its addons though it is not cordoned`);
      assert(!machine.drained || machine.pods === 0, `${node.name} changes its addons undrained`);
    }
    machine.applying = { pair: targetDigestOf(nodeTarget), approval, ...(set === undefined ? {} : { set }) };
    machine.host = { ...host, phase: 'Applying' };
    if (!this.o.slow) this.finishChange(machine);
  }

  /** The change on the running host ends: the new set is merged, or the former one is again. */
  finishChange(machine: Machine): void {
    const { applying } = machine;
    if (!applying || machine.agentDead || machine.deleted) return;
    this.#endChange(machine, { bootID: machine.host.bootID, instead: machine.host.set });
    this.#report(machine);
  }

  /** `instead`: what is merged where the new set does not merge as it should. */
  #endChange(machine: Machine, o: { bootID: string; instead: string | undefined }): void {
    const { set, pair, approval } = machine.applying ?? assert.fail();
    const { prepared: _, ...host } = machine.host;
    const fails = set !== undefined && this.badSets.has(set);
    const type = fails ? 'AddonsFailed' : 'Succeeded';
    const failure = { digest: pair, reason: type, message: type, time: this.#stamp(machine), approval };
    machine.host = {
      ...withSet(host, fails ? o.instead : set),
      phase: fails ? 'Failed' : 'Idle',
      ...(fails ? { failures: [...host.failures, failure] } : {}),
    };
    if (fails) machine.failedOn.add(pair);
    machine.verdict = { type, approval, bootID: o.bootID };
    delete machine.applying;
    delete machine.approvedAt;
  }

  #stage(machine: Machine, wanted: string, fails: boolean | string): void {
    const { host } = machine;
    const failures = host.failures.filter(f => f.digest !== wanted || f.approval !== undefined);
    const reason = fails === true ? 'PullFailed' : `${fails}`;
    const failure = { digest: wanted, reason, message: 'it says no', time: this.#stamp(machine) };
    machine.host = fails
      ? { ...host, failures: [...failures, failure] }
      : { ...host, failures, staged: { digest: wanted, locked: host.canLock } };
  }

  /** Brings what is to be merged onto the host, and writes it down for the boot to come. */
  #prepare(machine: Machine, o: { wanted: string; set: string | undefined; pair: string }, fails: boolean | string): void {
    const { host } = machine;
    const failures = host.failures.filter(f => f.digest !== o.pair || f.approval !== undefined);
    if (!fails || o.set === undefined) {
      const prepared = { image: o.wanted, ...(o.set === undefined ? {} : { set: o.set }) };
      machine.host = { ...host, failures, prepared };
      return;
    }
    const reason = fails === true ? 'PullFailed' : fails;
    const { prepared: _, ...rest } = host;
    const time = this.#stamp(machine);
    machine.host = { ...rest, failures: [...failures, { digest: o.pair, reason, message: 'it says no', time }] };
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
    assert.equal(host.staged?.digest ?? host.booted, told.digest);
    const merges = host.prepared?.image === told.digest ? host.prepared.set : undefined;
    assert.equal(merges, told.set, `${node.name} boots other addons than it was told to`);
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
    machine.host = { ...machine.host, phase: situation?.phase ?? assert.fail() };
    this.#report(machine);
  }

  /** Ends a reboot. */
  boot(machine: Machine): void {
    if (!machine.down || machine.deleted) return;
    const { staged: _, prepared: __, ...before } = machine.host;
    const host = withSet(before, undefined);
    const { approval = '' } = machine.told ?? {};
    const bootID = this.#bootID();
    const { type, booted, merged, barred } = this.#outcome(machine);
    const failure = { digest: barred, reason: type, message: 'did not boot', time: this.#stamp(machine), approval };
    machine.host = {
      ...host,
      phase: 'Idle',
      bootID,
      booted,
      ...setFields(merged),
      ...(type === 'Succeeded' ? {} : { failures: [...host.failures, failure] }),
      reportedAt: this.now + machine.skew,
    };
    if (type !== 'Succeeded') machine.failedOn.add(barred);
    machine.verdict = { type, approval, bootID };
    Object.assign(machine, { down: false, kubeletLate: true });
    delete machine.approvedAt;
    delete machine.told;
    if (!this.o.slow) this.notice(machine);
    if (!machine.agentDead) this.#report(machine);
  }

  #outcome({ host, told }: Machine): { type: string; booted: string; merged: string | undefined; barred: string } {
    const { staged, booted = '', set: before } = host;
    const digest = staged?.digest ?? booted;
    // What runs booted before.
    if (this.bad.has(digest) && digest !== booted) return { type: 'FellBack', booted, merged: before, barred: digest };
    const isWhole = told?.set === undefined || !this.badSets.has(told.set);
    const merged = isWhole ? told?.set : '';
    return { type: isWhole ? 'Succeeded' : 'AddonsFailed', booted: digest, merged, barred: told?.pair ?? '' };
  }

  /** The power goes and comes back, outside any slot. */
  powerCycle(machine: Machine): void {
    if (machine.down || machine.told || machine.deleted) return;
    const bootID = this.#bootID();
    // The record of the new set is written: this boot merges that.
    if (machine.applying) this.#endChange(machine, { bootID, instead: '' });
    const { staged, prepared, ...host } = machine.host;
    // Without a lock the staged image is booted, with what was written down for it. For the image that runs that waits for a go-ahead.
    if (staged && !staged.locked && !this.bad.has(staged.digest)) {
      const rest = withSet(host, undefined);
      const set = prepared?.image === staged.digest ? prepared.set : undefined;
      const merged = set !== undefined && this.badSets.has(set) ? '' : set;
      machine.host = {
        ...rest,
        booted: staged.digest,
        ...setFields(merged),
        bootID,
        reportedAt: this.now + machine.skew,
      };
    } else machine.host = { ...host, bootID, reportedAt: this.now + machine.skew };
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
    if (machine.down || machine.told || machine.applying || machine.deleted) return;
    const { staged: _, prepared: __, ...before } = machine.host;
    const host = withSet(before, undefined);
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

  /** Another agent comes, which can merge addons or cannot. What is merged stays. */
  exchangeAgent(machine: Machine, canMerge: boolean, canApply = canMerge): void {
    if (machine.down || machine.told || machine.applying || machine.agentDead || machine.deleted) return;
    const { canMerge: _, canApply: __, ...host } = machine.host;
    machine.host = canMerge ? { ...host, canMerge, ...(canApply ? { canApply } : {}) } : host;
    this.#report(machine);
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
    delete machine.applying;
    delete machine.onItsWay;
    machine.failedOn.clear();
    const off = { blocked: false, agentDead: false, down: false, opened: false, personCordon: false, kubeletLate: false };
    Object.assign(machine, { ...off, pods: 2 });
    machine.node = { ...node, ...fresh };
    const { canLock } = this.o;
    const reportedAt = this.now + machine.skew;
    machine.host = {
      booted: platformOf(image(0)),
      bootID,
      canLock,
      canMerge: true,
      canApply: true,
      reportedAt,
      failures: [],
      phase: 'Idle',
    };
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
      host: saidOf(host),
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
