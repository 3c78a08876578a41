/** Signing and judging as steps of a build: of one whose image was pushed just now, and again of one that has succeeded. */
import { StallingError } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { metrics } from '../telemetry/metrics.ts';
import { isAllowed } from '../trust/judgement.ts';
import type { StatusJudgement } from '../trust/judgement.ts';
import type { SigningKey } from '../trust/signing-key.ts';
import type { Base } from './base.ts';
import type { BuildTimes } from './build-trace.ts';
import { pullPlan } from './context.ts';
import { foundationRefusal } from './foundation-trust.ts';
import type { BuildReason } from './reasons.ts';
import { Seal } from './seal.ts';
import type { Pushed, SealServices } from './seal.ts';
import type { Findings } from './status.ts';

/** What came of signing and judging; what is wrong with a step is said with what was done till then. */
export type Sealed =
  | { kind: 'Sealed'; findings: Findings; times: BuildTimes }
  | { kind: 'Thrown'; error: unknown; findings: Findings; step: string };

export class Sealing {
  readonly #o: SealServices;
  readonly #seal: Seal;

  constructor(services: SealServices) {
    this.#o = services;
    this.#seal = new Seal(services);
  }

  /** See Seal. */
  prepare(build: ImageBuild, onto: Base, auth: DockerConfig | undefined): void {
    this.#seal.prepare(build, onto, auth);
  }

  /** @throws the signal's reason */
  async run(image: Omit<Pushed, 'origin'>, keys: readonly SigningKey[], before: Findings): Promise<Sealed> {
    let findings = before;
    let times: BuildTimes = {};
    let step = 'sign';
    try {
      const pushed = { ...image, origin: await this.#o.origins.of(image.build, { wait: keys.length > 0 }) };
      if (keys.length > 0) {
        const signed = await this.#seal.sign(pushed, keys);
        ({ times } = signed);
        findings = { ...findings, ...signed.findings, ...warningsOf(findings.warnings, signed.warnings) };
      }
      pushed.signal.throwIfAborted();
      step = 'judge';
      const start = this.#o.now();
      const trust = await this.#seal.judge(pushed);
      times = { ...times, judge: { start, end: this.#o.now() } };
      findings = { ...findings, trust };
      measure(times);
      if (!isAllowed(trust)) throw untrusted(trust, `the image ${pushed.image.reference}`);
      return { kind: 'Sealed', findings, times };
    } catch (error) {
      if (image.signal.aborted) throw error;
      return { kind: 'Thrown', error, findings, step };
    }
  }

  /**
   * The same for an image that was built before. Refused, it is only said: it was given on already, and who uses it decides by his own judgement.
   * @throws StallingError `Untrusted` for one that was not signed till now and was made on a foundation that nobody vouches for
   */
  async again(
    build: ImageBuild,
    keys: readonly SigningKey[],
    { auth, signal }: Pick<Pushed, 'auth' | 'signal'>,
  ): Promise<Findings> {
    const { spec, status } = build;
    const image = builtImage(build);
    const foundations = status?.foundations ?? [];
    const findings: Findings = {};
    const origin = await this.#o.origins.of(build, { wait: keys.length > 0 });
    if (keys.length > 0) {
      // A build that was signed when it was made looked for itself. One that was not may have taken what anybody pushed.
      if ((status?.signatures ?? []).length === 0) await this.#checkFoundations(build, keys, auth);
      const plan = await pullPlan(this.#o.registry, spec.output.repository, spec.context, auth);
      const signed = await this.#seal.sign({ build, image, plan, foundations, origin, auth, signal }, keys);
      Object.assign(findings, signed.findings, warningsOf(status?.warnings, signed.warnings));
    }
    return { ...findings, trust: await this.#seal.judge({ build, image, origin, auth }) };
  }

  async #checkFoundations(build: ImageBuild, keys: readonly SigningKey[], auth: DockerConfig | undefined): Promise<void> {
    for (const { reference, built } of build.status?.foundations ?? []) {
      const refusal = built === true ? undefined : await foundationRefusal(this.#o, { image: reference, keys, auth });
      if (refusal === undefined) continue;
      const message = `foundation ${reference}: ${refusal}; the image is not signed: delete the ImageBuild, and it is built again`;
      throw untrusted({ message }, 'the image');
    }
  }
}

export function untrusted({ message }: Pick<StatusJudgement, 'message'>, what: string): StallingError {
  return new StallingError('Untrusted' satisfies BuildReason, `${what} is not trusted: ${message}`);
}

function builtImage({ status, metadata }: ImageBuild): Pushed['image'] {
  const { reference, digest, platforms = [] } = status?.image ?? {};
  if (reference === undefined || digest === undefined) throw new Error(`ImageBuild ${metadata.name} has no image`);
  return { reference, digest, platforms };
}

/** Those of lint are first, and there is room for 64. */
function warningsOf(before: readonly string[] | undefined, more: readonly string[]): Pick<Findings, 'warnings'> {
  const all = [...new Set([...(before ?? []), ...more.map(text => text.slice(0, 1024).toWellFormed())])].slice(0, 64);
  return all.length === 0 ? {} : { warnings: all };
}

function measure(times: BuildTimes): void {
  for (const step of ['attest', 'sign', 'judge'] as const) {
    const time = times[step];
    if (time) metrics.buildStepSeconds.observe({ step }, (time.end - time.start) / 1000);
  }
}
