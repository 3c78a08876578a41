/** Brings the foundations of one build as far as they can be brought now. All that it decides by is read in the same pass. */
import { StallingError, TransientError, WaitingError } from '../api/errors.ts';
import type { ImageBuild, ImageBuildStatusJob } from '../api/image-build.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import type { SigningKey } from '../trust/signing-key.ts';
import type { Base } from './base.ts';
import type { BuilderName } from './builder-name.ts';
import type { BuildInputs } from './build-inputs.ts';
import type { BuildJobs, ObservedJob } from './build-jobs.ts';
import type { Plan } from './context.ts';
import { foundationEnvironment } from './foundation-environment.ts';
import { countOf, counted, makeJobs } from './foundation-jobs.ts';
import type { Wanted } from './foundation-jobs.ts';
import type { FoundationWaits } from './foundation-waits.ts';
import { foundationKey } from './foundation-key.ts';
import { findFoundation, readFoundation } from './foundation-lookup.ts';
import type { Foundation, FoundationQuery, KnownFoundation } from './foundation-lookup.ts';
import { taskOf } from './foundation-task.ts';
import type { FoundationBuilder } from './foundation-task.ts';
import { foundationRefusal } from './foundation-trust.ts';
import type { FoundationTrustServices } from './foundation-trust.ts';
import { jobName } from './job-name.ts';
import { generationOf, interruptionDelayMs, jobOutcome, vainOutcome } from './job-outcome.ts';
import { waitedFor } from './waited-for.ts';
import type { RefusedJob } from './waited-for.ts';
import type { JobOutcome } from './job-outcome.ts';
import { foundationStep } from './next-step.ts';
import { architectureOf } from './platform-name.ts';
import type { Step } from './progress.ts';
import type { Findings } from './status.ts';

/** Foundations that are found by their tags are judged. */
export interface FoundationServices extends FoundationTrustServices {
  registry: Registry;
  inputs: BuildInputs;
  jobs: BuildJobs;
  /** Beside the controller. */
  process: FoundationBuilder;
  /** What --builders allows; the first is used unless a build says which. */
  builders: readonly BuilderName[];
  /** Whether --builder-image is given. */
  hasImage: boolean;
  /** Of the nodes of the cluster. */
  architectures: () => readonly string[];
  /** What the status of any build says of a foundation's key. */
  known: (key: string) => readonly KnownFoundation[];
  /** Whether the build of that name is in its phase Building. */
  atWork: (build: string) => boolean;
  /** Who works on which foundation, and who waits. */
  waits: FoundationWaits;
  /** Warns of something that changes no condition. */
  say: (build: ImageBuild, reason: string, message: string) => void;
  now: () => number;
}

export interface FoundationWork {
  build: ImageBuild;
  plan: Plan & { foundation: NonNullable<Plan['foundation']> };
  base: Base;
  auth: DockerConfig | undefined;
  /** That its image is to be signed with. */
  keys: readonly SigningKey[];
  /** Its Jobs, as they were read in this pass. */
  observed: readonly ObservedJob[];
  signal: AbortSignal;
  /** Told of what runs beside the controller, as it begins. */
  onStep: (step: Step) => void;
}

export type FoundationsResult = { findings: Findings } & (
  | { kind: 'Ready'; onto: Base }
  | { kind: 'Running'; outcomes: Extract<JobOutcome, { kind: 'Running' }>[]; refused?: RefusedJob }
  | { kind: 'Failed'; failed: Extract<JobOutcome, { kind: 'Failed' }> }
  | { kind: 'Resting'; lost: Extract<JobOutcome, { kind: 'Interrupted' }>; restMs: number; busy: boolean; refused?: RefusedJob }
);

/** How long a build waits for another's foundation before it looks again. It is woken when something becomes of that one; this bounds what a wake-up that went astray costs. */
const otherBuildMs = 45_000;
/** The same for a node of an architecture: one that comes wakes it. */
const platformMs = 900_000;

export class Foundations {
  readonly #o: FoundationServices;

  constructor(services: FoundationServices) {
    this.#o = services;
  }

  /**
   * @throws WaitingError `FoundationBuilding`, `PlatformUnsupported` (no node of it yet), `BuilderUnavailable`, `SecretNotFound`, ...;
   *   StallingError `PlatformUnsupported` (not the controller's own), `BuilderNotAllowed`; what a builder beside the controller throws; TransientError for a registry.
   */
  async advance(work: FoundationWork): Promise<FoundationsResult> {
    const { base, plan, build } = work;
    const { waits } = this.#o;
    const { name } = build.metadata;
    const wanted: Wanted[] = base.platforms.map(platform => ({ platform, key: foundationKey(platform, plan.foundation) }));
    const claimed: string[] = [];
    let waiting = false;
    for (const { key } of wanted) waits.wait(key, name);
    try {
      for (const { key } of wanted) {
        const holder = waits.claim(key, name);
        if (holder !== undefined) throw foundationBuilding(holder);
        claimed.push(key);
      }
      await Promise.all(wanted.map(each => this.#look(work, each)));
      const missing = wanted.filter(each => !each.found);
      const other = missing.find(each => each.other !== undefined)?.other;
      // With Jobs of its own at work it comes back here when they are done.
      waiting = other !== undefined;
      if (other !== undefined && !missing.some(each => each.outcome?.kind === 'Running')) throw foundationBuilding(other);
      if (missing.length > 0 && (await this.#builderOf(work, missing)) === 'Process') {
        for (const each of missing) await this.#process(work, each);
        return { ...this.#ready(work, wanted), findings: this.#findings(wanted, 'Process') };
      }
      return await this.#jobs(work, wanted);
    } finally {
      if (!waiting) for (const { key } of wanted) waits.leave(key, name);
      for (const key of claimed) waits.release(key);
    }
  }

  async #look(work: FoundationWork, wanted: Wanted): Promise<void> {
    const outcome = this.#outcomeOf(work, wanted);
    if (outcome?.kind === 'Built') return this.#take(work, wanted, outcome);
    if (outcome) wanted.outcome = outcome;
    // One that runs is about to push; one that failed has not.
    if (outcome?.kind !== 'Running' && outcome?.kind !== 'Failed') await this.#find(work, wanted);
  }

  #outcomeOf({ build, observed }: FoundationWork, { platform }: Wanted): JobOutcome | undefined {
    const name = jobName(build.metadata.name, platform.platform, (build.status?.attempts ?? 0) + 1);
    const mine = observed.find(({ job }) => job.metadata.name === name);
    return mine && jobOutcome(mine, waitedFor(build, mine.job), this.#o.now());
  }

  /** The digest is all that is believed of what a Job says. */
  async #take(work: FoundationWork, wanted: Wanted, built: Extract<JobOutcome, { kind: 'Built' }>): Promise<void> {
    const { digest, warnings } = built;
    const reference = `${work.build.spec.output.repository}@${digest}`;
    const query = queryOf(work, wanted);
    const found = await readFoundation(this.#o.registry, query, reference);
    const said = work.observed.find(({ job }) => job.metadata.name === built.job);
    if (found) {
      // A Job may have begun before the build was changed.
      const current = said && generationOf(said.job) === work.build.metadata.generation;
      wanted.found = { ...madeHere(found, warnings), ...(current ? { environment: query.environment } : {}) };
      return;
    }
    const message = `the Job says that it pushed ${reference}, which is not there or is no foundation of this build`;
    if (said) wanted.outcome = vainOutcome(said, message);
  }

  async #find(work: FoundationWork, wanted: Wanted): Promise<void> {
    const { registry, known, builders, jobs, atWork } = this.#o;
    const { build } = work;
    const { key } = wanted;
    const gone = new Set<string>();
    const query = {
      ...queryOf(work, wanted),
      gone: (message: string) => void gone.add(message),
      accept: (reference: string) => this.#isTrusted(work, reference),
    };
    const own = (build.status?.foundations ?? []).filter(f => f.key === key);
    const found = await findFoundation(registry, query, [...own, ...known(key)]);
    if (found) wanted.found = found;
    else for (const message of gone) this.#o.say(build, 'FoundationGone', `${message}; it is built again`);
    if (found || !builders.includes('Job')) return;
    const other = await jobs.otherBuilder(key, build.metadata.uid ?? '', atWork);
    // Between the two looks another may have made it and said so in its status; what it pushed is not to be built again.
    const late = other === undefined ? await findFoundation(registry, query, known(key)) : undefined;
    if (other !== undefined) wanted.other = other;
    if (late) wanted.found = late;
  }

  async #isTrusted({ build, auth, keys }: FoundationWork, image: string): Promise<boolean> {
    const refusal = await foundationRefusal(this.#o, { image, keys, auth });
    if (refusal === undefined) return true;
    this.#o.say(build, 'FoundationRefused', `foundation ${image} is not trusted: ${refusal}; it is built again`);
    return false;
  }

  /** Which builder makes what is missing. It is asked only when something is. */
  async #builderOf({ build }: FoundationWork, missing: readonly Wanted[]): Promise<BuilderName> {
    const { builders, hasImage, process, architectures } = this.#o;
    const builder = build.spec.execution.builder ?? builders[0];
    if (builder === undefined || !builders.includes(builder)) {
      const allowed = builders.length === 0 ? 'none' : builders.join(', ');
      throw new StallingError(
        'BuilderNotAllowed',
        `the definition asks for builder ${builder ?? 'Job'}; allowed here: ${allowed}`,
      );
    }
    const has = builder === 'Process' ? [process.architecture] : [...new Set(architectures())].filter(Boolean).toSorted();
    const not = missing.filter(({ platform }) => !has.includes(architectureOf(platform.platform)));
    if (not.length > 0) {
      const names = not.map(({ platform }) => platform.platform).join(', ');
      const needs = `the definition has steps to run, which needs the architecture of ${names}`;
      const list = has.join(', ') || 'none';
      if (builder === 'Process')
        throw new StallingError('PlatformUnsupported', `${needs}; the machine of the controller has ${list}`);
      const message = `${needs}; the nodes of the cluster have ${list}; it goes on when such a node is there`;
      throw new WaitingError('PlatformUnsupported', message, platformMs);
    }
    if (builder === 'Job' && !hasImage) {
      const message = 'the definition has steps to run in a Job, and the controller was started without --builder-image';
      throw new WaitingError('BuilderUnavailable', message, 300_000);
    }
    return builder;
  }

  async #process(work: FoundationWork, wanted: Wanted): Promise<void> {
    const { build, base, signal, onStep } = work;
    const { registry, process, inputs } = this.#o;
    const { repository } = build.spec.output;
    const { platform } = wanted.platform;
    const access = { ...(await inputs.access(build.spec, signal)), onStep: (step: string) => onStep({ platform, step }) };
    const { digest, warnings } = await process.build(taskOf(build, base, wanted), access);
    signal.throwIfAborted();
    const query = queryOf(work, wanted);
    const found = await readFoundation(registry, query, `${repository}@${digest}`);
    if (!found)
      throw new TransientError('FoundationNotFound', `the foundation ${repository}@${digest} was pushed and is not there`);
    wanted.found = { ...madeHere(found, warnings), environment: query.environment };
  }

  async #jobs(work: FoundationWork, wanted: readonly Wanted[]): Promise<FoundationsResult> {
    const { jobs, now } = this.#o;
    const facts = wanted.map(({ platform, found, outcome }) => ({
      platform: platform.platform,
      found: found !== undefined,
      outcome,
      counted: countOf(work.build, platform.platform),
    }));
    const step = foundationStep(facts, now(), interruptionDelayMs);
    const before = work.build.status?.builder === 'Process' ? 'Process' : 'Assemble';
    const used = work.observed.length > 0 || step.kind !== 'Assemble' ? 'Job' : before;
    if (step.kind === 'Assemble') return { ...this.#ready(work, wanted), findings: this.#findings(wanted, used) };
    if (step.kind === 'Fail' && step.failed) {
      return { kind: 'Failed', failed: step.failed, findings: this.#findings(wanted, used) };
    }
    const { made, ...rest } = await makeJobs(this.#o, work, wanted, step);
    const running = [...step.running, ...made];
    // With those that were lost the status names all, so that none is forgotten while the others run.
    const named = running.length > 0 ? [...running, ...step.resting] : [];
    const findings = { ...this.#findings(wanted, used, named), ...counted(work.build, step.resting) };
    const [lost] = step.resting;
    if (lost && step.restMs !== undefined) {
      return { kind: 'Resting', lost, restMs: step.restMs, busy: running.length > 0, ...rest, findings };
    }
    const all = { ...findings, jobs: this.#named(jobs.namespace, running) };
    return { kind: 'Running', outcomes: running, ...rest, findings: all };
  }

  #ready({ base }: FoundationWork, wanted: readonly Wanted[]): { kind: 'Ready'; onto: Base } {
    return { kind: 'Ready', onto: { ...base, platforms: wanted.map(({ found, platform }) => found?.onto ?? platform) } };
  }

  #findings(wanted: readonly Wanted[], builder: BuilderName | 'Assemble', running: readonly JobOutcome[] = []): Findings {
    const found = wanted.flatMap(w => (w.found ? [{ platform: w.platform.platform, ...w.found }] : []));
    const warnings = [...new Set(found.flatMap(f => f.warnings))].slice(0, 64).map(line => line.slice(0, 1024).toWellFormed());
    return {
      builder,
      foundations: found.map(({ platform, key, reference, built, environment }) => ({
        platform,
        key,
        reference,
        ...(built ? { built } : {}),
        ...(environment === undefined ? {} : { environment }),
      })),
      ...(warnings.length > 0 ? { warnings } : {}),
      ...(running.length > 0 ? { jobs: this.#named(this.#o.jobs.namespace, running) } : {}),
    };
  }

  #named(namespace: string, outcomes: readonly JobOutcome[]): ImageBuildStatusJob[] {
    return outcomes.map(({ platform, job, pod }) => ({ platform, namespace, name: job, ...(pod === undefined ? {} : { pod }) }));
  }
}

function foundationBuilding(other: string): WaitingError {
  const message = `its foundation is being built for ${other}, and is used when it is there`;
  return new WaitingError('FoundationBuilding', message, otherBuildMs);
}

function queryOf({ build, plan, auth }: FoundationWork, { key, platform }: Wanted): FoundationQuery {
  const { spec } = build;
  const environment = foundationEnvironment(spec, plan.foundation);
  return { key, base: platform, repository: spec.output.repository, auth, environment };
}

function madeHere(found: Foundation, warnings: string[]): Foundation {
  return { ...found, built: true, warnings: found.warnings.length > 0 ? found.warnings : warnings };
}
