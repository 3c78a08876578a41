/** An agent's world in one process: a host, a target, a disk and a clock, with the agent's steps taken one by one. */
import { emptyMemory, parseMemory } from '../../controller/agent/memory.ts';
import type { Memory } from '../../controller/agent/memory.ts';
import type { MemoryStore } from '../../controller/agent/memory-file.ts';
import { Mind } from '../../controller/agent/mind.ts';
import { decide } from '../../controller/agent/decide.ts';
import type { Facts, Situation, Step } from '../../controller/agent/decide.ts';
import type { BootcStatus } from '../../controller/agent/bootc-status.ts';
import { reportOf } from '../../controller/agent/report.ts';
import { settle, take } from '../../controller/agent/steps.ts';
import type { Hands } from '../../controller/agent/hands.ts';
import { approvalText } from '../../controller/api/approval.ts';
import { approvalOf, targetOf } from '../../controller/agent/target.ts';
import type { TargetView } from '../../controller/agent/target-watch.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import type { NodeTargetSpec } from '../../controller/api/node-target.ts';
import { MemoryAddons } from './addons/memory-addons.ts';
import { MemoryHost } from '../cluster/host/memory-host.ts';
import type { MemoryHostOptions } from '../cluster/host/memory-host.ts';

/** A digest that is easy to tell from others. */
export function digest(n: number | string): string {
  return `sha256:${String(n).padStart(2, '0').repeat(32)}`;
}

export function imageOf(n: number | string): string {
  return `registry.example.com/os@${digest(n)}`;
}

export function specOf(n: number, more: Partial<NodeTargetSpec> = {}): NodeTargetSpec {
  return {
    poolRef: { name: 'pool' },
    image: imageOf(n),
    digests: [digest(n)],
    revision: `main@sha1:${String(n).padStart(40, '0')}`,
    state: 'Staged',
    since: '2026-01-01T00:00:00Z',
    ...more,
  };
}

/** The agent was killed before an effect. */
export class Killed extends Error {}

/** Whether the agent was killed: before an effect, or where that is a write, in the middle of it. */
export function wasKilled(error: unknown): boolean {
  return error instanceof Killed || (error instanceof Error && error.cause instanceof Killed);
}

/** A disk: keeps text, as a file does, so that nothing is shared by reference with the next life. */
export class Disk implements MemoryStore {
  text: string | undefined;
  before: ((effect: string) => void) | undefined;

  async load(): Promise<Memory> {
    return this.text === undefined ? emptyMemory() : parseMemory(this.text);
  }

  async save(memory: Memory): Promise<void> {
    this.before?.('Save');
    this.text = JSON.stringify(memory);
  }
}

export class World {
  readonly host: MemoryHost;
  readonly addons: MemoryAddons;
  readonly disk = new Disk();
  target: TargetView;
  now = Date.parse('2026-01-01T00:00:00Z');
  /** Effects so far, by name. */
  readonly effects: string[] = [];
  readonly reports: Situation[] = [];
  /** What the agent was told last. */
  resting: Situation | undefined;
  /** Looks at each effect before it happens; may throw Killed. */
  watch: ((effect: string) => void) | undefined;
  #mind: Mind;
  #adopted = false;
  #sealMissingSince: number | undefined;
  #approvals = 0;

  constructor(spec: NodeTargetSpec, options: Partial<MemoryHostOptions> = {}) {
    this.host = new MemoryHost({
      booted: { image: imageOf(1), digest: digest(1) },
      before: effect => this.#before(effect),
      live: () => this.addons.live(),
      ...options,
    });
    this.addons = new MemoryAddons(effect => this.#before(effect));
    this.disk.before = effect => this.#before(effect);
    this.target = { name: 'node', uid: 'uid', resourceVersion: '1', generation: 1, spec, retried: [] };
    this.#mind = new Mind(this.disk);
  }

  setSpec(spec: NodeTargetSpec): void {
    this.target = { ...this.target, generation: (this.target.generation ?? 0) + 1, spec };
  }

  /** A new go-ahead for the target, to be booted or, with `live`, to be brought about on the running host. */
  approve(o: { live?: boolean } = {}): string {
    const time = Date.parse('2026-01-01T00:00:00Z') + 1000 * this.#approvals++;
    const approval = approvalText(time, { digest: targetOf(this.target.spec), live: o.live ?? false });
    this.setSpec({ ...this.target.spec, state: 'Booted', approval });
    return approval;
  }

  revoke(): void {
    const { approval: _approval, ...spec } = this.target.spec;
    this.setSpec({ ...spec, state: 'Staged' });
  }

  /** The agent's process ends; what it had started on the host goes on. */
  restart(): void {
    this.#mind = new Mind(this.disk);
    this.#adopted = false;
    this.#sealMissingSince = undefined;
  }

  /** The host keeps nothing over a boot but its images. */
  forget(): void {
    this.disk.text = undefined;
    this.addons.forget();
    this.restart();
  }

  memory(): Promise<Memory> {
    return this.disk.load();
  }

  /** Lets the agent work until it rests. Throws when it never does. */
  async run(): Promise<Situation> {
    let fresh: BootcStatus | undefined;
    for (let i = 0; i < 50; i++) {
      const operation = await this.#operation();
      if (operation) {
        fresh = await settle(operation, await operation.running.done, this.target, this.#hands());
        continue;
      }
      const facts = await this.facts(fresh);
      const step = decide(facts);
      if (step.do === 'Rest') {
        this.resting = step.situation;
        if (!step.quiet) this.#keepReport(step.situation, facts);
        return step.situation;
      }
      this.#check(step);
      fresh = await take(step, this.target, facts, this.#hands());
    }
    throw new Error(`the agent never rests: ${this.effects.slice(-10).join(' ')}`);
  }

  async facts(fresh?: BootcStatus): Promise<Facts> {
    const memory = await this.#mind.memory(this.target.status, this.target);
    const { stageTrouble, addonTrouble, bootTrouble, lockTried } = this.#mind;
    const boot = await this.host.boot();
    const status = fresh ?? (await this.host.status());
    const addons = await this.addons.look(status, boot, this.target.spec.image);
    this.#sealMissingSince = addons.seal ? undefined : (this.#sealMissingSince ?? this.now);
    return {
      now: this.now,
      spec: this.target.spec,
      retried: this.target.retried,
      boot,
      status,
      addons,
      ...(this.#sealMissingSince === undefined ? {} : { sealMissingSince: this.#sealMissingSince }),
      ...(addonTrouble ? { addonTrouble } : {}),
      features: await this.host.features(),
      signaturePolicy: await this.host.signaturePolicy(),
      memory,
      stopping: this.host.rebootRequested,
      lockTried,
      ...(stageTrouble ? { trouble: stageTrouble } : {}),
      ...(bootTrouble && bootTrouble.approval === approvalOf(this.target.spec) ? { bootTrouble } : {}),
      rebootGraceMs: 30_000,
      rebootTimeoutMs: 600_000,
    };
  }

  /** Rules that hold for every step that is about to be taken; tests add theirs. */
  check: ((step: Step) => void) | undefined;
  #check(step: Step): void {
    this.check?.(step);
  }

  /** What the API has of the agent from now on. */
  #keepReport(situation: Situation, { now, boot, status, features, signaturePolicy, memory, addons }: Facts): void {
    const { spec, hostRule, generation = 0, status: previous } = this.target;
    const input = {
      now,
      generation,
      spec,
      hostRule,
      situation,
      agentVersion: 'test',
      boot,
      status,
      features,
      signaturePolicy,
      memory,
      ...(addons ? { addons } : {}),
    };
    this.target = { ...this.target, status: reportOf({ ...input, ...(previous ? { previous } : {}) }) };
  }

  async #operation(): Promise<Mind['operation']> {
    if (!this.#mind.operation && !this.#adopted) {
      const running = await this.host.adopt();
      if (running) this.#mind.operation = { running };
      else this.#adopted = true;
    }
    return this.#mind.operation;
  }

  #before(effect: string): void {
    this.watch?.(effect);
    this.effects.push(effect);
  }

  #hands(): Hands {
    return {
      host: this.host,
      addons: this.addons,
      credentials: { provide: async () => {}, withdraw: async () => {} },
      mind: this.#mind,
      log: createLog('silent'),
      now: () => this.now,
      random: () => 0,
      report: async (_target, situation, facts) => {
        this.#before('Report');
        this.reports.push(situation);
        if (facts) this.#keepReport(situation, facts);
        return this.target;
      },
    };
  }
}
