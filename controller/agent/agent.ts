/**
 * The program on each node: keeps the host on its target. One loop, one operation at a time: read the host, decide, do one step, and
 * read again. What the next life of the agent must know is on disk before the step that needs it.
 */
import { messageOf } from '../api/errors.ts';
import type { NodeTargetSpec } from '../api/node-target.ts';
import type { Client } from '../kube/client.ts';
import type { AddonHost } from './addons/addon-host.ts';
import { recordKey } from './addons/plan.ts';
import { isUnanswered } from '../kube/answer-error.ts';
import type { Log } from '../telemetry/log.ts';
import { decide, stagingSituation } from './decide.ts';
import type { Facts, Situation } from './decide.ts';
import { applyingSituation } from './decide-live.ts';
import type { BootcStatus } from './bootc-status.ts';
import { gatherFacts, type Limits } from './facts.ts';
import { hindranceOf, silenceOf } from './hindrance.ts';
import type { Hands } from './hands.ts';
import { HostError } from './host.ts';
import type { Host, Operation, Outcome } from './host.ts';
import { emptyMemory, recall, withRevision } from './memory.ts';
import type { Memory } from './memory.ts';
import type { MemoryStore } from './memory-file.ts';
import { Mind } from './mind.ts';
import type { HostCredentials } from './pull-secret-file.ts';
import { Reporter } from './reporter.ts';
import { settle, take } from './steps.ts';
import { digestOf, targetOf } from './target.ts';
import type { TargetView, TargetWatch } from './target-watch.ts';
import { Wakeup } from './wakeup.ts';

export interface AgentOptions {
  targets: TargetWatch;
  client: Pick<Client, 'applyStatus'>;
  host: Host;
  /** Where addons are kept; absent on a host that is given none. */
  addons?: AddonHost;
  credentials: HostCredentials;
  memory: MemoryStore;
  version: string;
  log: Log;
  /** How often an unchanged status is written again, ms (default 5 min). */
  heartbeatMs?: number;
  /** How long the host may take to go down, ms, before that is reported (default 10 min). */
  rebootTimeoutMs?: number;
  /** How long the host may take to begin to go down, ms, before it is told again (default 30 s). */
  rebootGraceMs?: number;
  /** How long one step may take besides what is waited for on purpose, ms, before the loop counts as hanging (default 10 min). */
  longestStepMs?: number;
  now?: () => number;
  random?: () => number;
}

export interface Agent {
  start(): void;
  /** Resolves when the loop has ended. What runs on the host goes on, and the next life adopts it. */
  stop(): Promise<void>;
  /** Undefined when all is well; else what has kept the agent from doing its work, for a probe. */
  problem(): string | undefined;
  /** Undefined while the loop shows that it lives; else a new process is needed, because one of its calls does not return. */
  stuck(): string | undefined;
}

export function createAgent(options: AgentOptions): Agent {
  return new Loop(options);
}

/** What it brings is still the target's, or it is not for the target to end it. Without a target nobody wants addons. */
function isWanted({ kind, digest }: Operation, spec: NodeTargetSpec | undefined): boolean {
  if (kind === 'Addons') return spec !== undefined && targetOf(spec) === digest;
  return kind !== 'Stage' || spec === undefined || digestOf(spec.image) === digest;
}

class Loop implements Agent {
  readonly #o: AgentOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #mind: Mind;
  readonly #reporter: Reporter;
  readonly #wakeup = new Wakeup();
  readonly #hands: Hands;
  #running: Promise<void> | undefined;
  #stopped = false;
  #adopted = false;
  /** The newest view that a write brought, which the watch may not have brought yet. */
  #latest: TargetView | undefined;
  /** For which boot and target the store was tidied. */
  #tidied: string | undefined;
  #failures = 0;
  #unreadable = 0;
  /** When the loop last showed that it lives, and until when it must again, by performance.now(). It begins once the API has answered. */
  #sign = { at: 0, until: Infinity };
  #lastError: string | undefined = 'has not seen the API yet';

  constructor(options: AgentOptions) {
    this.#o = options;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#mind = new Mind(options.memory);
    this.#reporter = new Reporter(options.client, options.heartbeatMs ?? 300_000);
    this.#hands = {
      host: options.host,
      ...(options.addons ? { addons: options.addons } : {}),
      credentials: options.credentials,
      mind: this.#mind,
      log: options.log,
      now: this.#now,
      random: this.#random,
      report: (target, situation, facts, force) => this.#report(target, situation, facts, force),
    };
    options.targets.onChange(() => this.#wakeup.notify());
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wakeup.notify();
    await this.#o.targets.stop();
    await this.#running;
    await this.#leave();
  }

  problem(): string | undefined {
    return this.#lastError;
  }

  stuck(): string | undefined {
    const now = performance.now();
    return now <= this.#sign.until
      ? undefined
      : `the loop has given no sign of life for ${Math.round((now - this.#sign.at) / 1000)} s`;
  }

  /** Shows that the loop lives, and waits. */
  async #wait(ms: number): Promise<void> {
    this.#live(ms);
    await this.#wakeup.wait(ms);
    this.#live();
  }

  #live(waitMs = 0): void {
    const at = performance.now();
    this.#sign = { at, until: at + waitMs + (this.#o.longestStepMs ?? 600_000) };
  }

  async #run(): Promise<void> {
    this.#o.targets.start();
    try {
      await this.#o.targets.synced();
    } catch (error) {
      // Stopped before the first answer of the API.
      if (!this.#stopped) throw error;
    }
    this.#live();
    while (!this.#stopped) await this.#wait(await this.#guardedPass());
  }

  /** One pass; returns after how many ms the next one is due. */
  async #guardedPass(): Promise<number> {
    try {
      const delay = await this.#pass();
      this.#failures = 0;
      this.#lastError = undefined;
      return delay;
    } catch (error) {
      if (this.#stopped) return 0;
      // Once it has worked: that the API server is away for a time is no fault of this agent (Preconditions.ownProblems).
      if (this.#lastError !== undefined || !isUnanswered(error)) this.#lastError = messageOf(error);
      const delay = Math.min(60_000, 1000 * 2 ** Math.min(this.#failures++, 10)) * (0.5 + this.#random() / 2);
      this.#o.log.warn({ error, retryMs: Math.round(delay) }, 'a pass failed; trying again');
      return delay;
    }
  }

  async #pass(): Promise<number> {
    let fresh: BootcStatus | undefined;
    while (!this.#stopped) {
      this.#live();
      const target = this.#target();
      if (!target) {
        if (await this.#clearAway()) continue;
        return this.#o.heartbeatMs ?? 300_000;
      }
      this.#reporter.observe(target);
      try {
        const memory = await this.#memory(target);
        await this.#adopt();
        if (this.#mind.operation) {
          fresh = await this.#settle(target);
          continue;
        }
        const facts = await gatherFacts(
          { host: this.#o.host, addons: this.#o.addons },
          { target, memory, mind: this.#mind, fresh },
          this.#limits(),
        );
        this.#unreadable = 0;
        const step = decide(facts);
        if (step.do === 'Rest') {
          if (!step.quiet || this.#isDue()) await this.#report(target, step.situation, facts);
          await this.#tidy(facts, step.situation);
          const now = this.#now();
          return Math.max(100, Math.min(step.until ?? Infinity, this.#reporter.dueAt(now)) - now);
        }
        fresh = await take(step, target, facts, this.#hands);
      } catch (error) {
        return await this.#hindered(target, error);
      }
    }
    return 0;
  }

  /** The next heartbeat is, which is not left out. */
  #isDue(): boolean {
    const now = this.#now();
    return now >= this.#reporter.dueAt(now);
  }

  /** Once for each target that came to rest: what it and the other deployments do not need goes. */
  async #tidy({ spec, status, addons, boot }: Facts, { phase }: Situation): Promise<void> {
    const key = `${boot.bootID} ${targetOf(spec)}`;
    if (phase !== 'Idle' || !addons || this.#tidied === key) return;
    try {
      const own = recordKey(status.booted);
      // Seen to live, also where the memory of the change was lost.
      if (own !== undefined) await this.#o.addons?.prove(own);
      await this.#o.addons?.tidy(status, [...(addons.seal?.addons ?? []), ...(spec.addons ?? [])]);
    } catch (error) {
      this.#o.log.warn({ error }, 'addons that nothing needs could not be removed');
    }
    this.#tidied = key;
  }

  #limits(): Limits {
    const { rebootGraceMs = 30_000, rebootTimeoutMs = 600_000 } = this.#o;
    return { now: this.#now, rebootGraceMs, rebootTimeoutMs };
  }

  #target(): TargetView | undefined {
    const seen = this.#o.targets.get();
    const newer = seen && this.#latest?.uid === seen.uid && (this.#latest.generation ?? 0) > (seen.generation ?? 0);
    return newer ? this.#latest : seen;
  }

  /** The memory, with the target's commit in it. */
  async #memory(target: TargetView): Promise<Memory> {
    const memory = withRevision(await this.#mind.memory(this.#reporter.written, target), target.spec);
    await this.#mind.remember(memory);
    return memory;
  }

  /** Finds what an earlier life left running or unread, before anything else is started. */
  async #adopt(): Promise<void> {
    if (this.#adopted || this.#mind.operation) return;
    const running = await this.#o.host.adopt();
    if (running) {
      this.#mind.operation = { running };
      return;
    }
    // A life that ended between a pull and this has left them there.
    await this.#o.credentials.withdraw();
    this.#adopted = true;
  }

  /** Without a target: waits for what an earlier one began, and forgets it. True when the target is to be looked at again. */
  async #clearAway(): Promise<boolean> {
    await this.#adopt();
    const { operation } = this.#mind;
    if (!operation) return false;
    if (!(await this.#follow(operation.running))) return true;
    if (operation.running.kind === 'Stage') await this.#o.credentials.withdraw();
    await operation.running.forget();
    this.#mind.operation = undefined;
    return true;
  }

  /** The last thing of a life: there may be no other on this host. While a pull runs the credentials stay, and go with its unit. */
  async #leave(): Promise<void> {
    const { operation } = this.#mind;
    // Unlike what runs on the host, it would go on without anybody to act on its end.
    if (operation?.preparing) await operation.running.cancel();
    else if (!this.#adopted || operation) return;
    try {
      await this.#o.credentials.withdraw();
    } catch (error) {
      this.#o.log.warn({ error }, 'the credentials of a pull may be left on the host');
    }
  }

  async #settle(target: TargetView): Promise<BootcStatus | undefined> {
    const { operation } = this.#mind;
    if (!operation) return undefined;
    const outcome = await this.#follow(operation.running);
    if (!outcome) return undefined;
    return settle(operation, outcome, this.#target() ?? target, this.#hands);
  }

  /** Waits for an operation's end, with heartbeats; ends a staging that is no longer wanted. Undefined when the agent was stopped. */
  async #follow(operation: Operation): Promise<Outcome | undefined> {
    // It does its work, which may take longer than others wait for an agent to be ready.
    this.#lastError = undefined;
    const ended: { outcome?: Outcome } = {};
    void operation.done.then(outcome => {
      ended.outcome = outcome;
      this.#wakeup.notify();
    });
    let cancelled = false;
    let silent = false;
    while (!ended.outcome) {
      if (this.#stopped) return undefined;
      const target = this.#target();
      const trouble = operation.trouble?.();
      if (trouble !== undefined && !silent) this.#o.log.warn({ digest: operation.digest }, trouble);
      silent = trouble !== undefined;
      if (!isWanted(operation, target?.spec) && !cancelled) {
        cancelled = true;
        this.#o.log.info({ digest: operation.digest }, 'the target changed; staging is ended');
        await operation.cancel();
      }
      if (target) await this.#beat(target, trouble);
      const now = this.#now();
      await this.#wait(Math.max(1000, this.#reporter.dueAt(now) - now));
    }
    return ended.outcome;
  }

  /** The heartbeat while an operation runs: the host is not asked, as the operation holds the lock. */
  async #beat(target: TargetView, trouble: string | undefined): Promise<void> {
    const now = this.#now();
    if (now < this.#reporter.dueAt(now)) return;
    const phase = this.#reporter.written?.host?.phase;
    try {
      await this.#report(target, trouble === undefined ? this.#working(target.spec) : silenceOf(trouble, phase), undefined);
    } catch (error) {
      this.#o.log.warn({ error }, 'the heartbeat could not be written');
    }
  }

  /** What the operation that runs is for. */
  #working(spec: NodeTargetSpec): Situation {
    return this.#mind.operation?.running.kind === 'Live' ? applyingSituation(spec) : stagingSituation(spec);
  }

  /** Says what keeps the agent from its work; returns when it is tried again. */
  async #hindered(target: TargetView, error: unknown): Promise<number> {
    const phase = this.#reporter.written?.host?.phase;
    const hindrance = hindranceOf(error, { phase, times: error instanceof HostError ? ++this.#unreadable : 0 });
    if (!hindrance) throw error;
    this.#o.log.warn({ error }, hindrance.words);
    if (hindrance.situation) await this.#report(target, hindrance.situation, undefined);
    return hindrance.retryMs;
  }

  async #report(
    target: TargetView,
    situation: Situation,
    facts: Facts | undefined,
    force = false,
  ): Promise<TargetView | undefined> {
    const memory = facts?.memory ?? (await this.#knownMemory());
    const troubles = [this.#mind.stageTrouble, this.#mind.addonTrouble].filter(t => t !== undefined);
    const view = await this.#reporter.report(
      target,
      {
        now: this.#now(),
        situation,
        agentVersion: this.#o.version,
        memory,
        ...(facts
          ? { boot: facts.boot, status: facts.status, features: facts.features, signaturePolicy: facts.signaturePolicy }
          : {}),
        troubles,
        ...(facts?.addons ? { addons: facts.addons } : {}),
      },
      force,
    );
    if (view) this.#latest = view;
    return view;
  }

  async #knownMemory(): Promise<Memory> {
    try {
      return await this.#mind.memory(this.#reporter.written);
    } catch {
      // Reported as such by #hindered; what was reported before is all that is known then.
      return recall(emptyMemory(), this.#reporter.written);
    }
  }
}
