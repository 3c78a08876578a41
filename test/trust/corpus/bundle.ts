/** Sigstore bundles as referrers of an image, as cosign 3 stores them. */
import { type Envelope, envelopeOf, statementOf, type StatementParts } from './envelope.ts';
import type { TestImage } from './image.ts';
import type { TestKey } from './keys.ts';
import { type Json, type Stored, types } from './repository.ts';

export const bundleV03 = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const bundleV01 = 'application/vnd.dev.sigstore.bundle+json;version=0.1';
export const bundleV02 = 'application/vnd.dev.sigstore.bundle+json;version=0.2';

export interface BundleParts {
  mediaType?: string;
  /** Default: a key, without a hint. */
  material?: Json;
  log?: readonly Json[];
  timestamps?: readonly Json[];
}

export function bundleOf(envelope: Envelope, o: BundleParts = {}): Json {
  const { mediaType = bundleV03, material = { publicKey: { hint: '' } }, log = [], timestamps } = o;
  return {
    mediaType,
    verificationMaterial: {
      ...material,
      tlogEntries: log,
      ...(timestamps === undefined ? {} : { timestampVerificationData: { rfc3161Timestamps: timestamps } }),
    },
    dsseEnvelope: envelope,
  };
}

/** A bundle with one signature of a key over a statement on the image, without a log. */
export function signedBundle(image: TestImage, key: TestKey, o: StatementParts & BundleParts = {}): Json {
  return bundleOf(envelopeOf(statementOf(image, o), [key]), o);
}

export interface ReferrerParts {
  artifactType?: string;
  /** Type of the only layer. */
  layerType?: string;
  /** Another manifest that it says to be about. */
  subject?: Stored;
  /** What the list of referrers says besides, where there is no referrers API. */
  entry?: Json;
  annotations?: Record<string, string>;
  /** Layers after the bundle. */
  moreLayers?: readonly Stored[];
}

/**
 * Attaches a bundle to an image, and writes the referrers tag besides, which counts where there is no API.
 * @param bundle the document, or its very bytes
 */
export async function attachBundle(image: TestImage, bundle: Json | Buffer | string, o: ReferrerParts = {}): Promise<Stored> {
  const { repository } = image;
  const layer = await repository.blob(bundle, o.layerType ?? bundleV03);
  const config = await repository.blob('{}', types.empty);
  const { mediaType, digest, size } = o.subject ?? image;
  const artifactType = o.artifactType ?? bundleV03;
  const stored = await repository.manifest({
    schemaVersion: 2,
    mediaType: types.manifest,
    artifactType,
    config,
    layers: [layer, ...(o.moreLayers ?? [])],
    subject: { mediaType, digest, size },
    annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope', ...o.annotations },
  });
  await repository.addReferrer(image.digest, { ...stored, artifactType, ...o.entry });
  return stored;
}
