/** One pass of work on a build that has a slot: as far as it goes now, and what came of it. */
import { StallingError, TransientError } from '../api/errors.ts';
import type { ImageBuild, ImageBuildSpec } from '../api/image-build.ts';
import { shortStep } from '../api/short-step.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import { metrics } from '../telemetry/metrics.ts';
import { isAllowed, recordOf } from '../trust/judgement.ts';
import type { RecordedJudgement, StatusJudgement } from '../trust/judgement.ts';
import type { Trust } from '../trust/trust.ts';
import { baseInfo } from './base.ts';
import { BlobCopier } from './blob-copier.ts';
import { BuildError } from './build-error.ts';
import type { BuildTimes } from './build-trace.ts';
import type { BuildInputs } from './build-inputs.ts';
import { refusedCheckMs } from './build-jobs.ts';
import type { BuildJobs, ObservedJob } from './build-jobs.ts';
import { pullPlan } from './context.ts';
import type { Plan } from './context.ts';
import { Foundations } from './foundations.ts';
import type { FoundationServices, FoundationWork } from './foundations.ts';
import { generationOf, isFinished, jobOutcome, unknownStep } from './job-outcome.ts';
import type { JobOutcome, JobPlace } from './job-outcome.ts';
import type { KnownOrigins } from './known-origin.ts';
import { builderVersion, imageTag } from './name.ts';
import type { Step } from './progress.ts';
import { publishImage } from './publish.ts';
import { Sealing, untrusted } from './sealing.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { BuildEvent, Findings } from './status.ts';
import { lacksJob, waitedFor, withRefusal } from './waited-for.ts';
import type { RefusedJob } from './waited-for.ts';

type Running = Extract<JobOutcome, { kind: 'Running' }>;

/** What a pod needs to start may go, and come, without a change of the pod. */
const startCheckMs = 30_000;

/** Where a pass has come to, for the status: everything but what was thrown. */
export type RunResult = Extract<BuildEvent, { kind: 'Running' | 'Succeeded' | 'Thrown' | 'Interrupted' }>;

export interface BuildRunServices extends FoundationServices {
  keys: SigningKeys;
  origins: Pick<KnownOrigins, 'of'>;
  /** What the definition of that name has recorded of its base. */
  baseTrust: (definition: string) => RecordedJudgement | undefined;
}

export class BuildRun {
  readonly #registry: Registry;
  readonly #inputs: BuildInputs;
  readonly #jobs: BuildJobs;
  readonly #foundations: Foundations;
  readonly #now: () => number;
  readonly #copier: BlobCopier;
  readonly #keys: SigningKeys;
  readonly #sealing: Sealing;
  readonly #trust: Pick<Trust, 'judgeImage'>;
  readonly #baseTrust: BuildRunServices['baseTrust'];

  constructor(services: BuildRunServices) {
    this.#registry = services.registry;
    this.#inputs = services.inputs;
    this.#jobs = services.jobs;
    this.#foundations = new Foundations(services);
    this.#now = services.now;
    this.#copier = new BlobCopier(services.registry);
    this.#keys = services.keys;
    this.#sealing = new Sealing(services);
    this.#trust = services.trust;
    this.#baseTrust = services.baseTrust;
  }

  /**
   * Signs and judges an image that was built before, as is wanted now.
   * @throws WaitingError `SigningKeyNotFound`, `SigningKeyNotAllowed`; StallingError `SigningKeyInvalid`; TransientError `SigningFailed`, `SignatureLookupFailed`
   */
  async seal(build: ImageBuild, signal: AbortSignal): Promise<Findings> {
    const auth = (await this.#inputs.credentials(build.spec)).both;
    return this.#sealing.again(build, await this.#keys.of(build.spec), { auth, signal });
  }

  /** To look at what was pushed. */
  async credentials(spec: ImageBuildSpec): Promise<DockerConfig | undefined> {
    return (await this.#inputs.credentials(spec)).push;
  }

  /** What its Jobs are at, when all that is to be said is that they run: for that nobody need ask a registry. */
  async look(build: ImageBuild, observed: readonly ObservedJob[]): Promise<RunResult | undefined> {
    const current = await this.#current(build, observed);
    const outcomes = current.map(each => jobOutcome(each, waitedFor(build, each.job), this.#now()));
    const running = outcomes.filter((outcome): outcome is Running => outcome.kind === 'Running');
    // What has not begun is made again as the definition wants it now; its going wakes the build.
    const outdated = current.filter(({ job }) => (generationOf(job) ?? build.metadata.generation) !== build.metadata.generation);
    const waiting = new Set(running.flatMap(({ starting, job }) => (starting ? [job] : [])));
    await this.#jobs.remove(outdated.flatMap(({ job }) => (waiting.has(job.metadata.name) ? [job] : [])));
    const named = build.status?.jobs ?? [];
    const all = named.length > 0 && named.every(({ name }) => running.some(({ job }) => job === name));
    if (!all || running.length < outcomes.length || lacksJob(build)) return undefined;
    // The kubelet lets a pod wait for a Secret that is gone by now, and does not say so in its status.
    if (running.some(({ starting, trouble, pod }) => starting && !trouble && pod !== undefined))
      await this.#inputs.check(build.spec);
    return runningEvent(build, running, { jobs: jobsOf(this.#jobs.namespace, running) });
  }

  /**
   * From context and base to a pushed image that was read back, or to Jobs that make a foundation first. Every step may be repeated: what
   * exists is found, and what is pushed has the same bytes again.
   * @throws BuildError, StallingError, WaitingError, TransientError; the signal's reason when it is aborted.
   */
  async advance(
    build: ImageBuild,
    observed: readonly ObservedJob[],
    { signal, onStep }: Pick<FoundationWork, 'signal' | 'onStep'>,
  ): Promise<RunResult> {
    const { spec, metadata } = build;
    const { repository } = spec.output;
    checkVersion(spec.builderVersion);
    const auth = await this.#inputs.credentials(spec);
    // Nothing is made that cannot be signed, or that nobody may use.
    const keys = await this.#keys.of(spec);
    const [plan, base] = await Promise.all([
      pullPlan(this.#registry, repository, spec.context, auth.push),
      baseInfo(this.#registry, spec.base, auth.pull, { platforms: spec.platforms }),
    ]);
    checkDefinition(build, plan);
    const refused = await this.#judgeBase(spec, auth.pull);
    if (refused)
      return {
        kind: 'Thrown',
        error: untrusted(refused, `base image ${spec.base}`),
        step: 'judge',
        findings: { trust: refused },
      };
    signal.throwIfAborted();
    let onto = base;
    let findings: Findings = { builder: 'Assemble' };
    const times: BuildTimes = {};
    const { foundation } = plan;
    if (foundation) {
      const started = performance.now();
      const work = { build, plan: { ...plan, foundation }, base: onto, auth: auth.both, keys, observed, signal, onStep };
      const result = await this.#foundations.advance(work);
      ({ findings } = result);
      if (result.kind !== 'Ready') return this.#unready(build, result, observed);
      ({ onto } = result);
      const seconds = secondsOf(findings, { started, observed, now: this.#now() });
      if (seconds !== undefined) {
        metrics.buildStepSeconds.observe({ step: 'foundation' }, seconds);
        times.foundation = { start: this.#now() - seconds * 1000, end: this.#now() };
      }
    }
    signal.throwIfAborted();
    this.#sealing.prepare(build, onto, auth.both);
    const started = performance.now();
    const start = this.#now();
    try {
      const tag = imageTag(metadata.name);
      const publication = { onto, base: spec.base, plan, context: spec.context, repository, tag, auth: auth.both };
      const { image, bytes, assembleMs } = await publishImage(this.#registry, this.#copier, publication);
      metrics.buildBytes.inc({ how: 'pushed' }, bytes.pushed);
      metrics.buildBytes.inc({ how: 'reused' }, bytes.reused);
      measure('assemble', started);
      times.assemble = { start, end: start + assembleMs };
      times.push = { start: start + assembleMs, end: this.#now() };
      const pushed = { build, image, plan, foundations: findings.foundations ?? [], auth: auth.both, signal };
      const sealed = await this.#sealing.run(pushed, keys, findings);
      if (sealed.kind === 'Thrown') return sealed;
      return { kind: 'Succeeded', image, findings: sealed.findings, times: { ...times, ...sealed.times } };
    } catch (error) {
      if (signal.aborted) throw error;
      // The foundations that were found or made are kept in the status, whatever became of the push.
      return { kind: 'Thrown', error, findings };
    }
  }

  /** Once more at the time of building: since its definition judged it, a key may have been revoked. Gives what is refused. */
  async #judgeBase(
    { base, definitionRef }: ImageBuildSpec,
    auth: DockerConfig | undefined,
  ): Promise<StatusJudgement | undefined> {
    const last = this.#baseTrust(definitionRef.name);
    const before = last && base.endsWith(`@${last.digest}`) ? last : undefined;
    const recorded = before && isAllowed(before) ? before : undefined;
    const judgement = await this.#trust.judgeImage({
      image: base,
      ...(auth === undefined ? {} : { auth }),
      ...(before?.commit === undefined ? {} : { commit: before.commit }),
      ...(recorded === undefined ? {} : { recorded }),
    });
    return isAllowed(judgement) ? undefined : recordOf(judgement);
  }

  async #unready(
    build: ImageBuild,
    result: Exclude<Awaited<ReturnType<Foundations['advance']>>, { kind: 'Ready' }>,
    observed: readonly ObservedJob[],
  ): Promise<RunResult> {
    const { findings } = result;
    switch (result.kind) {
      case 'Running':
        return besideRefusal(runningEvent(build, result.outcomes, findings), result.refused);
      case 'Resting': {
        const { restMs, busy, refused } = result;
        const { platform, job, pod, reason, message } = result.lost;
        const place: JobPlace = { platform, job, ...(pod === undefined ? {} : { pod }) };
        const error = new TransientError(reason, message);
        const retryAfterMs = refused ? Math.min(restMs, refusedCheckMs) : restMs;
        return { kind: 'Interrupted', error, place, retryAfterMs, busy, ...(refused ? { refused } : {}), findings };
      }
      case 'Failed': {
        const { platform, job, pod, error, reason } = result.failed;
        const place: JobPlace = { platform, job, ...(pod === undefined ? {} : { pod }) };
        const full = error instanceof BuildError ? withLog(error, await this.#jobs.log(place)) : error;
        const of = observed.find(each => each.job.metadata.name === job);
        const generation = of && generationOf(of.job);
        const said = { ...(reason === undefined ? {} : { reason }), ...(generation === undefined ? {} : { generation }) };
        return { kind: 'Thrown', error: full, place, ...said, findings };
      }
    }
  }

  /** The Jobs of the present attempt. Those of an earlier one that still run, beside one that failed, are of no more use. */
  async #current(build: ImageBuild, observed: readonly ObservedJob[]): Promise<ObservedJob[]> {
    const end = `-${(build.status?.attempts ?? 0) + 1}`;
    const others = observed.filter(({ job }) => !job.metadata.name.endsWith(end) && !isFinished(job));
    await this.#jobs.remove(others.map(({ job }) => job));
    return observed.filter(({ job }) => job.metadata.name.endsWith(end));
  }
}

function checkVersion(asked: string): void {
  if (asked === builderVersion) return;
  const message = `asked for builder version ${asked}; this version of Scantling has ${builderVersion}`;
  throw new StallingError('BuilderVersion', message);
}

function checkDefinition({ spec }: ImageBuild, plan: Plan): void {
  if (plan.definition === spec.definitionRef.name) return;
  const message = `context ${spec.context} is of definition ${plan.definition}, not of ${spec.definitionRef.name}`;
  throw new StallingError('InvalidContext', message);
}

/** In its condition the first Job that does not run as it should, or all that do. */
function runningEvent(build: ImageBuild, running: readonly Running[], findings: Findings): RunResult {
  const attempt = (build.status?.attempts ?? 0) + 1;
  const check = running.some(({ starting }) => starting) ? { checkMs: startCheckMs } : {};
  const stuck = running.find(({ trouble }) => trouble);
  if (stuck?.trouble) {
    const { reason, message } = stuck.trouble;
    const where = `attempt ${attempt}, ${stuck.platform}: pod ${stuck.pod ?? 'none yet'} of Job ${stuck.job}`;
    return { kind: 'Running', reason, message: `${where}: ${message}`, findings, ...check };
  }
  const names = running.map(({ platform, job }) => `${job} for ${platform}`).join(', ');
  const message = `attempt ${attempt} is running: Job ${names || 'none yet'}`;
  return { kind: 'Running', reason: 'Building', message, findings, ...check };
}

/** A Job that is refused beside those that are at work is asked for again. What keeps one of these from running is the reason all the same. */
function besideRefusal(event: RunResult, refused: RefusedJob | undefined): RunResult {
  if (!refused || event.kind !== 'Running') return event;
  const reason = event.reason === 'Building' ? 'JobRefused' : event.reason;
  return { ...event, reason, message: withRefusal(event.message, refused), checkMs: refusedCheckMs };
}

/** What a build says that runs beside the controller. */
export function stepEvent({ status }: ImageBuild, { platform, step }: Step): RunResult {
  const what = /^(\[\d+\/\d+\] )?(STEP )?\d+\/\d+: /.test(step) ? `step ${shortStep(step)}` : shortStep(step);
  const message = `attempt ${(status?.attempts ?? 0) + 1} is running: ${what} for ${platform}`;
  return { kind: 'Running', reason: 'Building', message, findings: { builder: 'Process' } };
}

function jobsOf(namespace: string, running: readonly Running[]): NonNullable<Findings['jobs']> {
  return running.map(({ platform, job, pod }) => ({ platform, namespace, name: job, ...(pod === undefined ? {} : { pod }) }));
}

/** A termination message has room for few lines, and a pod that was killed leaves none; its log may have more. */
export function withLog(error: BuildError, lines: readonly string[]): BuildError {
  const log = lines.length > error.log.length ? lines : error.log;
  const last = error.step === unknownStep ? lastStep(log) : undefined;
  const { exitCode, platform } = error;
  return new BuildError(error.message, {
    step: last?.step ?? error.step,
    stepNumber: last?.stepNumber ?? error.stepNumber,
    exitCode,
    log,
    platform,
  });
}

/** buildah announces each step: `STEP 2/3: RUN ...`. */
function lastStep(log: readonly string[]): { step: string; stepNumber: number } | undefined {
  for (const line of log.toReversed()) {
    const [, number, of, text] = /^STEP (\d+)\/(\d+): (.*)$/.exec(line) ?? [];
    if (number !== undefined) return { step: `${number}/${of}: ${text}`, stepNumber: Number(number) };
  }
  return undefined;
}

/** How long the foundations took: beside the controller in this pass, in Jobs since the last was made; undefined when there was nothing to make. */
function secondsOf(
  { builder }: Findings,
  { started, observed, now }: { started: number; observed: readonly ObservedJob[]; now: number },
): number | undefined {
  if (builder === 'Process') return (performance.now() - started) / 1000;
  const made = observed.map(({ job }) => Date.parse(job.metadata.creationTimestamp ?? '')).filter(ms => !Number.isNaN(ms));
  return builder === 'Job' && made.length > 0 ? Math.max(0, now - Math.max(...made)) / 1000 : undefined;
}

function measure(step: 'assemble', started: number): void {
  metrics.buildStepSeconds.observe({ step }, (performance.now() - started) / 1000);
}
