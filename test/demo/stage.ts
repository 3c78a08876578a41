/** What the steps of the demo are played on, and how a step is measured. */
import { events, type Event } from '../../controller/api/core.ts';
import type { Environment } from '../cluster/environment.ts';
import type { Installation } from '../cluster/installation.ts';
import type { Fleet } from '../cluster/fleet.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import type { WorkloadWatch } from '../cluster/workloads.ts';
import { evictions, writesOf, type NodeWrites } from './api-writes.ts';
import type { Narration } from './narration.ts';
import type { Statement, StepReport } from './report.ts';
import type { RepositoryOptions } from './repository.ts';

/** The controller, whether it is a process beside the demo or the pods of a Deployment. */
export interface PlayedController {
  /** What it is now, for people; undefined when nothing of it runs. */
  readonly running: string | undefined;
  kill(): Promise<void>;
  start(): Promise<void>;
  tail(lines?: number): string;
}

/** What the steps are played on. */
export type PlayedEnvironment = Omit<Environment, 'controller' | 'stop'> & { controller: PlayedController };

export interface Stage {
  environment: PlayedEnvironment;
  /** Where foundations are built, and on which node when that is not to be any. */
  builder: { name: 'Process' | 'Job'; node?: string };
  /** What Helm installed, where it did. */
  installation?: Installation;
  fleet: Fleet;
  workload: WorkloadWatch;
  repository: GitRepository;
  files: RepositoryOptions;
  narration: Narration;
  minAvailablePods: number;
  maxUnavailable: number;
}

/** Deadline of a step; what does not come about by then is a failure. */
export const stepTimeoutMs = 300_000;

/** One step under way: its record of the world, and the statements that were checked. */
export class Step {
  readonly stage: Stage;
  readonly name: string;
  readonly statements: Statement[] = [];
  readonly #started = performance.now();
  readonly #attemptsBefore: number;
  readonly #eventsBefore: number;
  readonly #interruptedBefore: number;
  readonly #podNodes = new Map<string, string>();
  readonly #endOfPods: () => void;

  private constructor(stage: Stage, name: string, eventsBefore: number) {
    this.stage = stage;
    this.name = name;
    const { environment, fleet, workload } = stage;
    environment.proxy.clear();
    fleet.beginRecord();
    workload.watchFromHere();
    this.#attemptsBefore = this.#attempts();
    this.#eventsBefore = eventsBefore;
    this.#interruptedBefore = environment.kubelets.interrupted.length;
    for (const pod of workload.pods.list()) this.#podNodes.set(pod.name, pod.nodeName);
    this.#endOfPods = workload.pods.onChange((_key, now) => {
      if (now?.nodeName) this.#podNodes.set(now.name, now.nodeName);
    });
  }

  /** Begins a step: the counts start at nothing. */
  static async begin(stage: Stage, name: string): Promise<Step> {
    return new Step(stage, name, await nodeEvents(stage));
  }

  /** Notes whether a statement holds, and says so. */
  check(statement: string, holds: boolean, detail: string | (() => string) = ''): void {
    const seen = holds ? '' : typeof detail === 'string' ? detail : detail();
    this.statements.push({ statement, holds, ...(seen ? { detail: seen } : {}) });
    this.stage.narration.tell(`${holds ? '✔' : '✘'} ${statement}${seen ? ` (seen: ${seen})` : ''}`);
  }

  /** Build attempts that were made in this step. */
  get buildsRun(): number {
    return this.#attempts() - this.#attemptsBefore;
  }

  /** Pods that ran on a node when it went down in this step. */
  get interrupted(): readonly string[] {
    return this.stage.environment.kubelets.interrupted.slice(this.#interruptedBefore);
  }

  /** Ends the step and gives its figures. */
  async end(commit: string, image: string): Promise<StepReport> {
    const { environment, fleet, workload, maxUnavailable, minAvailablePods } = this.stage;
    const seconds = (performance.now() - this.#started) / 1000;
    this.#endOfPods();
    const record = environment.proxy.record;
    // The request that makes a target has no name in its path; each node has one.
    const created = record.filter(c => c.resource === 'nodetargets' && c.verb === 'create' && c.status === 201).length;
    const evicted = evictions(record).map(call => this.#podNodes.get(call.name) ?? '');
    return {
      name: this.name,
      commit,
      image,
      imageDigest: image.slice(image.indexOf('@') + 1),
      seconds: Math.round(seconds * 10) / 10,
      buildsRun: this.buildsRun,
      mostUnavailable: fleet.mostUnavailable,
      maxUnavailable,
      leastAvailablePods: workload.least,
      minAvailablePods,
      nodeEvents: (await nodeEvents(this.stage)) - this.#eventsBefore,
      nodes: environment.nodes.map(node => ({
        name: node.name,
        architecture: fleet.stores.nodes.get(node.name)?.architecture ?? '',
        bootedDigest: fleet.stores.targets.get(node.name)?.status?.host?.booted?.digest ?? '',
        bootID: fleet.stores.nodes.get(node.name)?.bootID ?? '',
        writes: addCreation(writesOf(record, node.name), created / environment.nodes.length),
        evictions: evicted.filter(name => name === node.name).length,
      })),
      statements: this.statements,
    };
  }

  #attempts(): number {
    return this.stage.fleet.stores.builds.list().reduce((sum, build) => sum + (build.status?.attempts ?? 0), 0);
  }
}

function addCreation(writes: NodeWrites, creations: number): NodeWrites {
  return { ...writes, controller: writes.controller + Math.ceil(creations) };
}

/** Kubernetes events of Scantling about single nodes: there should be none when nothing is wrong. */
async function nodeEvents({ environment }: Stage): Promise<number> {
  const { items } = await environment.admin.list<Event>(events, { namespace: 'default' });
  return items.filter(e => e.reportingController?.startsWith('scantling') && ['Node', 'NodeTarget'].includes(e.regarding.kind))
    .length;
}
