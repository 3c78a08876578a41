/**
 * What is written of a signature: pure but for the key. Two forms, because no reader has both: a layer of the tag `sha256-<hex>.sig`, which is all that
 * hosts look at (containers/image), and a bundle that refers to the image, which cosign 3 and later look at first.
 */
import { sha256 } from '../registry/digest.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Descriptor } from '../registry/media-types.ts';
import { bundleMediaType, signatureAnnotations, simpleSigningMediaType, simpleSigningType } from './cosign-forms.ts';
import { preAuthEncoding } from './dsse.ts';
import type { SigningKey } from './signing-key.ts';
import { signaturePredicateType, statementPayloadType } from './statement.ts';

/**
 * The payload of the older form. containers/image takes exactly these members. `reference` is `repository:tag`: with it a pull by digest and a pull by that
 * tag are both accepted by its default (matchRepoDigestOrExact), and by matchRepository; a repository alone would refuse every pull by tag.
 */
export function simpleSigningPayload({ reference, digest }: { reference: string; digest: string }): Buffer {
  const critical = {
    identity: { 'docker-reference': reference },
    image: { 'docker-manifest-digest': digest },
    type: simpleSigningType,
  };
  return Buffer.from(JSON.stringify({ critical, optional: null }));
}

/** The layer that a signature of the older form is. */
export function signatureLayer(payload: Buffer, key: SigningKey): Descriptor {
  return {
    mediaType: simpleSigningMediaType,
    digest: sha256(payload),
    size: payload.length,
    annotations: { [signatureAnnotations.signature]: key.sign(payload).toString('base64') },
  };
}

/** Whether a layer is the signature of this payload by that key. */
export function isSignatureLayer(layer: unknown, payload: Buffer, key: SigningKey): boolean {
  const { mediaType, digest, annotations } = record(layer);
  if (mediaType !== simpleSigningMediaType || digest !== sha256(payload)) return false;
  const signature = record(annotations)[signatureAnnotations.signature];
  return typeof signature === 'string' && key.verify(payload, Buffer.from(signature, 'base64'));
}

/** Something that is said of an image, as in-toto has it. */
export interface Said {
  predicateType: string;
  predicate: unknown;
}

/** That the image is signed: what cosign 3 writes for `sign`. */
export const signed: Said = { predicateType: signaturePredicateType, predicate: {} };

/** The bytes of a statement; equal where all of it is. */
export function statementOf(digest: string, { predicateType, predicate }: Said): Buffer {
  const [algorithm = '', hex = ''] = digest.split(':');
  const subject = [{ digest: { [algorithm]: hex } }];
  return Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate }));
}

/** The bundle with a statement in it, signed. */
export function bundleOf(statement: Buffer, key: SigningKey): Buffer {
  const signature = key.sign(encoded(statement)).toString('base64');
  return Buffer.from(
    JSON.stringify({
      mediaType: bundleMediaType,
      verificationMaterial: { publicKey: { hint: hintOf(key) }, tlogEntries: [] },
      dsseEnvelope: {
        payload: statement.toString('base64'),
        payloadType: statementPayloadType,
        signatures: [{ sig: signature }],
      },
    }),
  );
}

/** Whether a bundle holds this statement, signed by that key. */
export function isBundleOf(bundle: Uint8Array, statement: Buffer, key: SigningKey): boolean {
  const { mediaType, dsseEnvelope } = record(parsed(bundle));
  const { payload, payloadType, signatures } = record(dsseEnvelope);
  if (mediaType !== bundleMediaType || payloadType !== statementPayloadType || payload !== statement.toString('base64'))
    return false;
  const [signature, ...more] = Array.isArray(signatures) ? (signatures as unknown[]) : [];
  const { sig } = record(signature);
  return more.length === 0 && typeof sig === 'string' && key.verify(encoded(statement), Buffer.from(sig, 'base64'));
}

/** The empty configuration that the manifest of each bundle needs. */
export const bundleConfig: Buffer = Buffer.from('{}');

/** The manifest that makes a bundle refer to its image. */
export function bundleManifest(
  bundle: Buffer,
  subject: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>,
  predicateType: string,
): Buffer {
  const { mediaType, digest, size } = subject;
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: bundleMediaType,
    config: { mediaType: mediaTypes.empty, digest: sha256(bundleConfig), size: bundleConfig.length },
    layers: [{ mediaType: bundleMediaType, digest: sha256(bundle), size: bundle.length }],
    subject: { mediaType, digest, size },
    annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope', 'dev.sigstore.bundle.predicateType': predicateType },
  };
  return Buffer.from(JSON.stringify(manifest));
}

function encoded(payload: Buffer): Buffer {
  return preAuthEncoding({ payloadType: statementPayloadType, payload: Buffer.from(payload) });
}

/** As sigstore's own signers name a key: base64 of the SHA-256 of its SPKI. Nobody has to look at it. */
function hintOf({ fingerprint }: SigningKey): string {
  return Buffer.from(fingerprint, 'hex').toString('base64');
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
