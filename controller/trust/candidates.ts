/** Everything in a registry that may be a signature or an attestation of an image: effects, bounded, and nothing judged. */
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError, TooLargeError } from '../registry/errors.ts';
import { type Descriptor, mediaTypes } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import type { BrokenCandidate, Candidate, SignatureNotes } from './candidate.ts';
import {
  attestationTag,
  envelopeMediaType,
  experimentalSignatureType,
  isBundleType,
  signatureAnnotations,
  signatureTag,
  simpleSigningMediaType,
} from './cosign-forms.ts';
import type { CandidateReason, JudgementReason } from './reasons.ts';
import type { SignatureForm } from './judgement.ts';

/** Of all forms together. */
const maxCandidates = 64;
/** Manifests of referrers that are opened; what else refers to an image may be many. */
const maxReferrers = 64;
const maxPayloadBytes = 1024 * 1024;
/** What makes a signature refer to an image has one or two thousand bytes. */
const maxReferrerBytes = 64 * 1024;
/** A tag of cosign has a layer of some thousand bytes, with certificate and entry of the log, for each signature. */
const maxTagBytes = 1024 * 1024;
/** Requests at a time, of one image. */
const atOnce = 4;

export interface Found {
  candidates: readonly Candidate[];
  /**
   * What is listed and could not be had, as messages: it is not there, or what came is not what is listed. Somebody may have listed it so, which must not
   * keep a good signature from counting; or the registry is broken, and what it does not give might have counted.
   */
  doubtful: readonly string[];
}

interface Where {
  registry: Pick<Registry, 'manifest' | 'blob' | 'hasBlob' | 'referrers'>;
  repository: string;
  auth: DockerConfig | undefined;
}

/** A layer that may hold a candidate, whose bytes are still to be read; or one that is broken as it is. */
type Listed = { kind: 'simple' | 'envelope' | 'bundle'; layer: Descriptor } | BrokenCandidate;

/**
 * Looks in all places: the tags `.sig` and `.att` of cosign, and the referrers by API and tag. What the registry definitely does not have (404) is not
 * there; what it has and is broken, too large or too much becomes a candidate that is refused.
 * @param image `host/repository@digest`
 * @throws TransientError `SignatureLookupFailed` for every other answer, with the registry's words
 */
export async function collectCandidates(
  of: { image: string; auth?: DockerConfig | undefined },
  registry: Where['registry'],
): Promise<Found> {
  const reference = parseReference(of.image);
  const { digest } = reference;
  if (digest === undefined) throw new StallingError('InvalidImage', `${of.image} has no digest; only digests are verified`);
  const where = { registry, repository: repositoryOf(reference), auth: of.auth };
  const doubtful: string[] = [];
  try {
    const lists = await Promise.all([
      attached(where, { tag: signatureTag(digest), kind: 'simple' }, doubtful),
      attached(where, { tag: attestationTag(digest), kind: 'envelope' }, doubtful),
      referring(where, digest, doubtful),
    ]);
    const candidates = await eachOf(bounded(lists), listed => read(where, listed, doubtful));
    return { candidates, doubtful };
  } catch (error) {
    if (error instanceof TransientError) throw lookupFailed(of.image, error);
    throw error;
  }
}

/** @returns the error that says that an image could not be judged, because of this one */
export function lookupFailed(image: string, error: TransientError): TransientError {
  if (error.reason === ('SignatureLookupFailed' satisfies JudgementReason)) return error;
  const retryAfter = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
  return new TransientError(
    'SignatureLookupFailed' satisfies JudgementReason,
    `the signatures of ${image} could not be looked up, which does not mean that there are none: ${error.message}`,
    { cause: error, ...retryAfter },
  );
}

/** The layers of cosign's tag, which grows with each signature. */
async function attached(
  where: Where,
  { tag, kind }: { tag: string; kind: 'simple' | 'envelope' },
  doubtful: string[],
): Promise<Listed[]> {
  const form = kind === 'simple' ? 'Signature' : 'Attestation';
  const name = `${where.repository}:${tag}`;
  try {
    const { json, digest } = await where.registry.manifest(name, where.auth, undefined, maxTagBytes);
    return layersIn(json, { kind, mediaType: kind === 'simple' ? simpleSigningMediaType : envelopeMediaType, form, digest });
  } catch (error) {
    if (error instanceof NotFoundError) return [];
    if (!isBroken(error)) throw error;
    // Nothing shows that this is what the tag names: a proxy may have answered.
    doubtful.push(messageOf(error));
    return [broken({ form, digest: tag }, reasonOf(error), messageOf(error))];
  }
}

/** Layers of one media type; a manifest that is none is one broken candidate, and other layers are not ours. */
function layersIn(
  json: unknown,
  { kind, mediaType, form, digest }: { kind: 'simple' | 'envelope'; mediaType: string; form: SignatureForm; digest: string },
): Listed[] {
  const layers = layersOf(json);
  if (!layers) return [broken({ form, digest }, 'Malformed', 'it is no manifest with layers')];
  return layers.map(layer => {
    if (layer.mediaType === mediaType) return { kind, layer };
    return broken(
      { form, digest: layer.digest },
      'Malformed',
      `its media type is ${layer.mediaType.slice(0, 100)}, not ${mediaType}`,
    );
  });
}

/** What refers to the image. What another type is listed of, and is no signature then, is looked at last: lists do not always say the type. */
async function referring(where: Where, digest: string, doubtful: string[]): Promise<Listed[]> {
  const all = await where.registry.referrers(where.repository, digest, where.auth);
  const entries = all.filter(({ mediaType }) => mediaType === mediaTypes.manifest || mediaType === mediaTypes.dockerManifest);
  const ordered = [...entries.filter(isLikely), ...entries.filter(entry => !isLikely(entry))];
  const opened = await eachOf(ordered.slice(0, maxReferrers), entry => referrer(where, { digest, entry }, doubtful));
  const beyond = ordered.slice(maxReferrers).filter(isLikely);
  return [
    ...opened.flat(),
    ...beyond.map(entry =>
      broken({ form: 'Bundle', digest: entry.digest }, 'TooMany', `more than ${maxReferrers} artifacts refer to the image`),
    ),
  ];
}

function isLikely({ artifactType: type }: Descriptor): boolean {
  return type === undefined || type === mediaTypes.empty || type === experimentalSignatureType || isBundleType(type);
}

/** The candidates in one referrer; none in one that is something else. */
async function referrer(where: Where, of: { digest: string; entry: Descriptor }, doubtful: string[]): Promise<Listed[]> {
  const { entry } = of;
  const held = { form: 'Bundle', digest: entry.digest } as const;
  if (entry.size > maxReferrerBytes)
    return [broken(held, 'TooLarge', `its manifest has ${entry.size} bytes; ${maxReferrerBytes} are read`)];
  let json: unknown;
  try {
    // What the list says of its size may be a lie, of whoever wrote the list.
    const image = `${where.repository}@${entry.digest}`;
    ({ json } = await where.registry.manifest(image, where.auth, undefined, maxReferrerBytes));
  } catch (error) {
    return [unread(held, error, doubtful)];
  }
  const layers = layersOf(json);
  const subject = member(member(json, 'subject'), 'digest');
  // A list that is kept in a tag may name anything; what says to be about another image is not about this one.
  if (!layers || (subject !== undefined && subject !== of.digest)) return [];
  if (artifactTypeOf(json) === experimentalSignatureType) {
    return layersIn(json, { kind: 'simple', mediaType: simpleSigningMediaType, form: 'Signature', digest: entry.digest });
  }
  return layers.filter(({ mediaType }) => isBundleType(mediaType)).map(layer => ({ kind: 'bundle', layer }));
}

/** One of each list in turn, so that many of one form leave room for the others; what is beyond is said. */
function bounded(lists: readonly (readonly Listed[])[]): Listed[] {
  const longest = Math.max(...lists.map(list => list.length));
  const inTurn = Array.from({ length: longest }, (_, i) => lists.flatMap(list => list.slice(i, i + 1))).flat();
  const beyond = inTurn.slice(maxCandidates);
  const one = beyond.slice(0, 1).map(listed => {
    const words = `${beyond.length} more are attached to the image; ${maxCandidates} are looked at`;
    return broken(held(listed), 'TooMany', words);
  });
  return [...inTurn.slice(0, maxCandidates), ...one];
}

async function read(where: Where, listed: Listed, doubtful: string[]): Promise<Candidate> {
  if (listed.kind === 'broken') return listed;
  const { kind, layer } = listed;
  const { digest, size } = layer;
  if (size > maxPayloadBytes) return broken(held(listed), 'TooLarge', `it has ${size} bytes; ${maxPayloadBytes} are read`);
  try {
    const bytes = await where.registry.blob(where.repository, digest, where.auth, maxPayloadBytes);
    return kind === 'bundle' ? { kind, digest, bytes } : { kind, digest, bytes, notes: notesOf(layer) };
  } catch (error) {
    if (error instanceof TooLargeError) {
      // The descriptor has said less. That is the candidate's own lie where the registry says so too, and otherwise something else has answered.
      const real = await where.registry.hasBlob(where.repository, digest, where.auth);
      if (real !== undefined && real > maxPayloadBytes) return broken(held(listed), reasonOf(error), messageOf(error));
    }
    return unread(held(listed), error, doubtful);
  }
}

/** A candidate that is listed and could not be read. Every failure of the registry goes on; the others are its own. */
function unread(of: Pick<BrokenCandidate, 'form' | 'digest'>, error: unknown, doubtful: string[]): BrokenCandidate {
  if (error instanceof NotFoundError) {
    doubtful.push(messageOf(error));
    return broken(of, 'Missing', `it is listed, and ${messageOf(error)}; push it again, or take it out of the list`);
  }
  if (!isBroken(error)) throw error;
  if (error instanceof TooLargeError) doubtful.push(messageOf(error));
  return broken(of, reasonOf(error), messageOf(error));
}

/** Whether it is what came that is wrong, and not how. */
function isBroken(error: unknown): boolean {
  return error instanceof TooLargeError || (error instanceof StallingError && error.reason === 'InvalidImage');
}

function reasonOf(error: unknown): CandidateReason {
  return error instanceof TooLargeError ? 'TooLarge' : 'Malformed';
}

function broken(of: Pick<BrokenCandidate, 'form' | 'digest'>, reason: CandidateReason, message: string): BrokenCandidate {
  return { kind: 'broken', form: of.form, digest: of.digest, reason, message };
}

function held(listed: Listed): Pick<BrokenCandidate, 'form' | 'digest'> {
  if (listed.kind === 'broken') return listed;
  const form = listed.kind === 'simple' ? 'Signature' : listed.kind === 'envelope' ? 'Attestation' : 'Bundle';
  return { form, digest: listed.layer.digest };
}

/** Undefined where it has none, or where one is no descriptor. */
function layersOf(json: unknown): Descriptor[] | undefined {
  const layers: unknown = member(json, 'layers');
  if (!Array.isArray(layers)) return undefined;
  const right = layers.every((layer: unknown) => {
    const digest = member(layer, 'digest');
    return (
      typeof digest === 'string' &&
      /^sha256:[0-9a-f]{64}$/.test(digest) &&
      typeof member(layer, 'mediaType') === 'string' &&
      Number.isSafeInteger(member(layer, 'size'))
    );
  });
  return right ? (layers as Descriptor[]) : undefined;
}

function artifactTypeOf(json: unknown): unknown {
  return member(json, 'artifactType') ?? member(member(json, 'config'), 'mediaType');
}

function notesOf(layer: Descriptor): SignatureNotes {
  const note = (name: string): string | undefined => {
    const value: unknown = member(layer.annotations, name);
    return typeof value === 'string' ? value : undefined;
  };
  const found = {
    signature: note(signatureAnnotations.signature),
    certificate: note(signatureAnnotations.certificate),
    logEntry: note(signatureAnnotations.logEntry),
    timestamp: note(signatureAnnotations.timestamp),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined && value !== ''));
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

/** In order, a few at a time. */
async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) {
      const item = items[i];
      if (item !== undefined) results[i] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
