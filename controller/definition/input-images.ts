/** The images that a definition is made of, by digest: its base and those of its workloads. */
import { parseDuration } from '../api/duration.ts';
import { StallingError, TransientError, WaitingError, messageOf } from '../api/errors.ts';
import { type SystemDefinition, type SystemDefinitionStatusBase, systemdefinitions } from '../api/system-definition.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import { recordIn, type StatusJudgement } from '../trust/judgement.ts';
import type { BaseChecks } from './base-checks.ts';
import type { FollowedImages } from './followed-images.ts';
import { type ImageConditions, ImageFindings } from './image-findings.ts';
import type { DefinitionReason } from './reasons.ts';
import { failureOf, type ImageInQuestion, type ImageTrust } from './image-trust.ts';
import { workloadImages } from './workloads.ts';

export interface InputImages {
  base: { image: string; digest: string; available?: string; trust?: StatusJudgement };
  /** Image as in the spec → digest, of those that are named by tag. */
  workloads: ReadonlyMap<string, string>;
  /** What trust says of each workload's image, by its name in the spec. */
  workloadTrust: ReadonlyMap<string, StatusJudgement>;
  conditions: ImageConditions;
  warnings: string[];
  /** Milliseconds until tags are to be looked up again; undefined when none is followed. */
  againMs: number | undefined;
}

export interface ImageSources {
  client: Client;
  followed: FollowedImages;
  checks: BaseChecks;
  trust: ImageTrust;
}

export interface ResolveOptions {
  auth: DockerConfig | undefined;
  /** Tags are looked up now, due or not. */
  force: boolean;
  /** The base in status was found good for the present spec. */
  accepted: boolean;
}

/** No shorter, whatever is stored: each definition may ask a registry this often. */
const shortestIntervalMs = 10_000;
/** What a definition is based on wakes it when it has an image. */
const baseRecheckMs = 60_000;
const failedCheckMs = 30_000;

/**
 * Resolves the images, and has each judged before anything is made of it. While one in use cannot be looked up, or has a new digest that cannot be
 * built on or is not trusted, its last digest stays and a condition says why.
 * @throws StallingError, WaitingError or TransientError when there is nothing to build on.
 */
export async function resolveImages(
  sources: ImageSources,
  definition: SystemDefinition,
  o: ResolveOptions,
): Promise<InputImages> {
  const findings = new ImageFindings(definition);
  const look: Look = lookWith(sources.followed, definition, o, findings);
  try {
    const [base, workloads] = await Promise.all([
      resolveBase({ ...sources, look, findings }, definition, o),
      resolveWorkloads({ trust: sources.trust, look, findings }, definition),
    ]);
    const [conditions, warnings] = [findings.conditions(), findings.warnings()];
    return { base, ...workloads, conditions, warnings, againMs: findings.againMs };
  } catch (error) {
    if (!(error instanceof StallingError)) throw error;
    // The next push of the tag may be one that can be built on.
    throw new StallingError(error.reason, error.message, { cause: error, lookAgainMs: findings.againMs });
  }
}

/** An image as it is named, and what the name stands for; `error` when that could not be found out now. */
interface Seen {
  image: string;
  digest: string | undefined;
  error?: Error;
  /** What another definition's status says of it. */
  trust?: StatusJudgement | undefined;
}

type Look = (field: string, image: string, known: string | undefined) => Promise<Seen>;

function lookWith(followed: FollowedImages, { spec }: SystemDefinition, o: ResolveOptions, findings: ImageFindings): Look {
  const intervalMs = Math.max(shortestIntervalMs, parseDuration(spec.base.interval));
  return async (field, image, known) => {
    const sight = await followed.look(image, { auth: o.auth, force: o.force, intervalMs, known });
    findings.lookAgain(sight.againMs);
    if (!sight.looked) findings.unsure();
    const { digest, error, againMs } = sight;
    return { image, digest, ...(error ? { error: lookupError({ field, image, error, againMs }) } : {}) };
  };
}

function lookupError(o: { field: string; image: string; error: Error; againMs: number }): Error {
  const { field, image, error, againMs } = o;
  const options = { cause: error, retryAfterMs: againMs };
  if (error instanceof NotFoundError) {
    const reason: DefinitionReason = field === 'spec.base.image' ? 'BaseNotFound' : 'WorkloadImageNotFound';
    return new TransientError(reason, `${field}: ${image} is not in its registry; correct the name, or push the image`, options);
  }
  return error instanceof TransientError ? new TransientError(error.reason, `${field}: ${error.message}`, options) : error;
}

interface BaseSources extends Pick<ImageSources, 'client' | 'checks' | 'trust'> {
  look: Look;
  findings: ImageFindings;
}

async function resolveBase(
  o: BaseSources,
  definition: SystemDefinition,
  { auth, accepted }: ResolveOptions,
): Promise<InputImages['base']> {
  const { findings } = o;
  const seen = await seeBase(o, definition);
  const { image, error } = seen;
  const remembered = rememberedBase(definition, image);
  const before = remembered?.digest;
  const { digest, available } = findings.choose({ before, seen: seen.digest });
  if (digest === undefined) throw error ?? new Error(`${image} has no digest`);
  if (error) findings.failed(error);

  const repository = repositoryOf(parseReference(image));
  const name = fieldAndName(definition, image);
  const base: Base = {
    name,
    refusal: of => o.checks.refusal(`${repository}@${of}`, definition.spec.platforms, auth),
    asked: (of, what = name) => ({
      what,
      image: `${repository}@${of}`,
      recorded: of === before ? recordIn(remembered?.trust) : seen.trust,
      ...(of === seen.digest ? { commit: seen.trust?.commit } : {}),
    }),
  };
  const candidate = available ?? digest;
  if (before !== undefined && candidate !== before) {
    const next = { before, candidate, waits: available !== undefined, accepted };
    return { image, ...(await updateBase(o, base, next)) };
  }
  // Nothing of it is read before it is trusted.
  const trust = await o.trust.require(base.asked(digest));
  if (before === undefined || !accepted) await require(base, digest);
  return { image, digest, trust };
}

interface Base {
  /** For people. */
  name: string;
  /** Why a digest of it cannot be built on. */
  refusal: (digest: string) => Promise<StallingError | undefined>;
  asked: (digest: string, what?: string) => ImageInQuestion;
}

async function require({ refusal }: Base, digest: string): Promise<void> {
  const refused = await refusal(digest);
  if (refused) throw refused;
}

/** The base that is in use, or the newer one where that may be used. `waits`: it is not approved yet. */
async function updateBase(
  { trust, findings }: BaseSources,
  base: Base,
  { before, candidate, waits, accepted }: { before: string; candidate: string; waits: boolean; accepted: boolean },
): Promise<Omit<InputImages['base'], 'image'>> {
  const next = base.asked(candidate, `${base.name}, whose digest is now ${candidate} (${before} stays in use)`);
  const verdict = await trust.judge(next);
  const { record } = verdict;
  const distrusted = failureOf(next, verdict);
  const problem = distrusted ? undefined : await base.refusal(candidate).catch(asError);
  if (record && !distrusted && !problem && !waits) {
    trust.rename(next, base.name);
    return { digest: candidate, trust: record };
  }
  const kept = await trust.require(base.asked(before));
  if (!accepted) await require(base, before);
  if (problem instanceof StallingError) findings.blocked(problem, before);
  else if (problem) findings.failed(problem);
  // What is not trusted is in the condition ImageTrusted.
  else if (!distrusted) findings.waits(base.name, { used: before, available: candidate });
  const later = problem ?? distrusted;
  if (later && !(later instanceof StallingError)) findings.lookAgain(failedCheckMs);
  return { digest: before, available: candidate, trust: kept };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error));
}

function fieldAndName({ spec }: SystemDefinition, image: string): string {
  return spec.base.definitionRef ? `spec.base.definitionRef ${spec.base.definitionRef.name}` : `spec.base.image ${image}`;
}

/** What status.base says of this image; another image in the spec was never resolved. */
function rememberedBase({ status }: SystemDefinition, image: string): SystemDefinitionStatusBase | undefined {
  return status?.base?.image === image ? status.base : undefined;
}

async function seeBase({ client, look }: { client: Client; look: Look }, definition: SystemDefinition): Promise<Seen> {
  const { image = '', definitionRef } = definition.spec.base;
  if (definitionRef) return imageOfDefinition(client, definitionRef.name);
  const { digest } = parseReference(image);
  if (digest !== undefined) return { image, digest };
  const before = rememberedBase(definition, image);
  return look('spec.base.image', image, before?.available ?? before?.digest);
}

async function imageOfDefinition(client: Client, name: string): Promise<Seen> {
  const other = await findObject(client, systemdefinitions, name);
  const image = other?.status?.image;
  if (image === undefined) {
    const why = other ? 'has no image yet' : 'does not exist; apply it or correct the name';
    throw new WaitingError(
      'BaseNotReady' satisfies DefinitionReason,
      `spec.base.definitionRef: SystemDefinition ${name} ${why}`,
      baseRecheckMs,
    );
  }
  const reference = parseReference(image);
  return { image: repositoryOf(reference), digest: reference.digest, trust: recordIn(other?.status?.trust) };
}

async function resolveWorkloads(
  { trust, look, findings }: { trust: ImageTrust; look: Look; findings: ImageFindings },
  definition: SystemDefinition,
): Promise<Pick<InputImages, 'workloads' | 'workloadTrust'>> {
  const { spec, status } = definition;
  const before = new Map(status?.workloadImages?.map(w => [w.image, w]));
  const workloads = new Map<string, string>();
  const workloadTrust = new Map<string, StatusJudgement>();
  const asked = (image: string, digest: string): ImageInQuestion => ({
    what: `spec.workloads: ${image}`,
    image: `${repositoryOf(parseReference(image))}@${digest}`,
    recorded: recordIn(before.get(image)?.trust),
  });
  const resolve = async (image: string): Promise<void> => {
    const named = parseReference(image).digest;
    if (named !== undefined) {
      workloadTrust.set(image, await trust.require(asked(image, named)));
      return;
    }
    const used = before.get(image)?.digest;
    // What waits for approval is only in a condition: without a look it would vanish from there at each start.
    const seen = await look('spec.workloads', image, spec.base.update === 'Manual' ? undefined : used);
    const { digest, available } = findings.choose({ before: used, seen: seen.digest });
    if (digest === undefined) throw seen.error ?? new Error(`${image} has no digest`);
    if (seen.error) findings.failed(seen.error);
    if (available !== undefined) findings.waits(`workload image ${image}`, { used: digest, available });
    const verdict = await trust.judge(asked(image, digest));
    const distrusted = failureOf(asked(image, digest), verdict);
    if (!distrusted && verdict.record) {
      workloads.set(image, digest);
      workloadTrust.set(image, verdict.record);
      return;
    }
    if (used === undefined || used === digest) throw distrusted ?? new Error(`${image} was not judged`);
    if (!(distrusted instanceof StallingError)) findings.lookAgain(failedCheckMs);
    workloads.set(image, used);
    workloadTrust.set(image, await trust.require(asked(image, used)));
  };
  const images = workloadImages(spec);
  await Promise.all(images.map(resolve));
  // In the order of the spec, whichever answer came first.
  const inOrder = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
    new Map(images.flatMap(image => (map.has(image) ? [[image, map.get(image) as T]] : [])));
  return { workloads: inOrder(workloads), workloadTrust: inOrder(workloadTrust) };
}
