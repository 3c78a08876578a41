/** The images that a definition is made of, by digest: its base and those of its workloads. */
import { parseDuration } from '../api/duration.ts';
import { StallingError, TransientError, WaitingError, messageOf } from '../api/errors.ts';
import { type SystemDefinition, type SystemDefinitionStatusBase, systemdefinitions } from '../api/system-definition.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { BaseChecks } from './base-checks.ts';
import type { FollowedImages } from './followed-images.ts';
import { type ImageConditions, ImageFindings } from './image-findings.ts';
import type { DefinitionReason } from './reasons.ts';
import { workloadImages } from './workloads.ts';

export interface InputImages {
  base: { image: string; digest: string; available?: string };
  /** Image as in the spec → digest, of those that are named by tag. */
  workloads: ReadonlyMap<string, string>;
  conditions: ImageConditions;
  warnings: string[];
  /** Milliseconds until tags are to be looked up again; undefined when none is followed. */
  againMs: number | undefined;
}

export interface ImageSources {
  client: Client;
  followed: FollowedImages;
  checks: BaseChecks;
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
 * Resolves the images. While one in use cannot be looked up, or has a new digest that cannot be built on, its last digest stays and a condition
 * says why.
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
      resolveWorkloads(definition, look, findings),
    ]);
    const [conditions, warnings] = [findings.conditions(), findings.warnings()];
    return { base, workloads, conditions, warnings, againMs: findings.againMs };
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

async function resolveBase(
  o: Pick<ImageSources, 'client' | 'checks'> & { look: Look; findings: ImageFindings },
  definition: SystemDefinition,
  { auth, accepted }: ResolveOptions,
): Promise<InputImages['base']> {
  const { findings } = o;
  const { image, digest: seen, error } = await seeBase(o, definition);
  const before = rememberedBase(definition, image)?.digest;
  const choice = findings.choose({ before, seen });
  const { digest } = choice;
  if (digest === undefined) throw error ?? new Error(`${image} has no digest`);
  if (error) findings.failed(error);

  const repository = repositoryOf(parseReference(image));
  const refusal = (of: string) => o.checks.refusal(`${repository}@${of}`, definition.spec.platforms, auth);
  const require = async (of: string): Promise<void> => {
    const refused = await refusal(of);
    if (refused) throw refused;
  };
  const candidate = choice.available ?? digest;
  if (before === undefined || candidate === before) {
    if (before === undefined || !accepted) await require(digest);
    return { image, digest };
  }
  const problem = await refusal(candidate).catch(failureOf);
  if (!problem && choice.available === undefined) return { image, digest };
  if (!accepted) await require(before);
  if (problem instanceof StallingError) findings.blocked(problem, before);
  else if (!problem) findings.waits(fieldAndName(definition, image), { used: before, available: candidate });
  else {
    findings.failed(problem);
    findings.lookAgain(failedCheckMs);
  }
  return { image, digest: before, available: candidate };
}

function failureOf(error: unknown): Error {
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
  return { image: repositoryOf(reference), digest: reference.digest };
}

async function resolveWorkloads(
  definition: SystemDefinition,
  look: Look,
  findings: ImageFindings,
): Promise<ReadonlyMap<string, string>> {
  const { spec, status } = definition;
  const before = new Map(status?.workloadImages?.map(({ image, digest }) => [image, digest]));
  const tags = workloadImages(spec).filter(image => parseReference(image).digest === undefined);
  const resolved = await Promise.all(
    tags.map(async (image): Promise<[string, string]> => {
      const used = before.get(image);
      // What waits for approval is only in a condition: without a look it would vanish from there at each start.
      const seen = await look('spec.workloads', image, spec.base.update === 'Manual' ? undefined : used);
      const { digest, available } = findings.choose({ before: used, seen: seen.digest });
      if (digest === undefined) throw seen.error ?? new Error(`${image} has no digest`);
      if (seen.error) findings.failed(seen.error);
      if (available !== undefined) findings.waits(`workload image ${image}`, { used: digest, available });
      return [image, digest];
    }),
  );
  return new Map(resolved);
}
