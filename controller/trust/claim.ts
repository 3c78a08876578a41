/** What a candidate claims, and what must hold for it to count: whatever its form, it is a signature over bytes. Pure. */
import { X509Certificate } from 'node:crypto';
import {
  BUNDLE_V01_MEDIA_TYPE,
  BUNDLE_V02_MEDIA_TYPE,
  BUNDLE_V03_LEGACY_MEDIA_TYPE,
  BUNDLE_V03_MEDIA_TYPE,
  type Bundle,
  bundleFromJSON,
} from '@sigstore/bundle';
import type {
  BrokenCandidate,
  BundleCandidate,
  Candidate,
  EnvelopeCandidate,
  SignatureNotes,
  SimpleCandidate,
} from './candidate.ts';
import { checkBundleCosts, checkNoteCosts } from './costs.ts';
import { type Envelope, parseEnvelope, preAuthEncoding } from './dsse.ts';
import type { SignatureForm } from './judgement.ts';
import { RefusedCandidate, quoted } from './refused.ts';
import { checkPayload } from './simple-signing.ts';
import { type Statement, readStatement, signaturePredicateType } from './statement.ts';
import { base64Of, objectOf, parseObject, parseStrictly, stringOf } from './strict-json.ts';

export interface Signed {
  /** What the signature is over. */
  bytes: Buffer<ArrayBuffer>;
  signature: Buffer<ArrayBuffer>;
  /** What a log may have hashed instead of `bytes`: the payload of an envelope. */
  payload: Buffer<ArrayBuffer>;
  /** What a timestamp is over; cosign takes the whole envelope in the old form of attestations. */
  timestamped: Buffer<ArrayBuffer>;
  /** What it comes with: a bundle says that itself, the older forms may have a certificate beside. */
  material: 'key' | 'certificate' | 'either';
  /**
   * Log entries, timestamps and the certificate, read only where they matter.
   * @throws RefusedCandidate when they cannot be read
   */
  bundle: () => Bundle;
}

export interface Claim {
  form: SignatureForm;
  /** Of what holds it: the layer. */
  digest: string;
  /** Of envelopes. */
  statement?: Statement;
  signed: Signed;
}

/** Whether a claim says that the image is signed; every other one says something else about it. */
export function isSignature({ form }: Claim): boolean {
  return form !== 'Attestation';
}

/**
 * What a candidate says of the image of this digest. Nothing of it is verified yet.
 * @throws RefusedCandidate when it is not about this image, or cannot be read in exactly one way
 */
export function claimOf(candidate: Exclude<Candidate, BrokenCandidate>, digest: string): Claim {
  switch (candidate.kind) {
    case 'simple':
      return simpleClaim(candidate, digest);
    case 'envelope':
      return envelopeClaim(candidate, digest);
    case 'bundle':
      return bundleClaim(candidate, digest);
  }
}

/** The form that a candidate has as long as nothing of it is read. */
export function formOf(candidate: Candidate): SignatureForm {
  if (candidate.kind === 'broken') return candidate.form;
  return candidate.kind === 'simple' ? 'Signature' : candidate.kind === 'envelope' ? 'Attestation' : 'Bundle';
}

function simpleClaim({ bytes: raw, digest: holder, notes }: SimpleCandidate, digest: string): Claim {
  checkNoteCosts(notes);
  const bytes = bufferOf(raw);
  checkPayload(bytes, digest);
  const signature = base64Of(notes.signature, 'the annotation with the signature');
  const content = {
    messageSignature: { messageDigest: { algorithm: 'SHA2_256', digest: '00' }, signature: notes.signature },
  };
  const signed = { bytes, signature, payload: bytes, timestamped: signature, ...noted(notes, content) };
  return { form: 'Signature', digest: holder, signed };
}

/** An envelope beside an image is never its signature, whatever it says: signatures of this age are of the simple form. */
function envelopeClaim({ bytes, digest: holder, notes }: EnvelopeCandidate, digest: string): Claim {
  checkNoteCosts(notes);
  const envelope = parseEnvelope(bytes);
  const statement = readStatement(envelope, digest);
  const { payloadType, payload, signature } = envelope;
  const content = {
    dsseEnvelope: { payloadType, payload: payload.toString('base64'), signatures: [{ sig: signature.toString('base64') }] },
  };
  const signed = { ...signedBy(envelope), timestamped: bufferOf(bytes), ...noted(notes, content) };
  return { form: 'Attestation', digest: holder, statement, signed };
}

function bundleClaim({ bytes, digest: holder }: BundleCandidate, digest: string): Claim {
  const json = parseStrictly(bytes, 'the bundle');
  const bundle = readBundle(json);
  if (bundle.content.$case !== 'dsseEnvelope') {
    throw new RefusedCandidate(
      'Unsupported',
      'the bundle signs the manifest itself; only statements in an envelope are accepted',
    );
  }
  const { payloadType, payload, signatures } = bundle.content.dsseEnvelope;
  const [only, second] = signatures;
  if (!only || second) throw new RefusedCandidate('SeveralSignatures', 'the bundle has not exactly one signature');
  const envelope = { payloadType, payload: bufferOf(payload), signature: bufferOf(only.sig) };
  const statement = readStatement(envelope, digest);
  const material = bundle.verificationMaterial.content.$case === 'publicKey' ? 'key' : 'certificate';
  const signed: Signed = { ...signedBy(envelope), timestamped: envelope.signature, material, bundle: () => bundle };
  const form = statement.predicateType === signaturePredicateType ? 'Bundle' : 'Attestation';
  return { form, digest: holder, statement, signed };
}

function signedBy(envelope: Envelope): Pick<Signed, 'bytes' | 'signature' | 'payload'> {
  return { bytes: preAuthEncoding(envelope), signature: envelope.signature, payload: envelope.payload };
}

/** What the older forms have in annotations, as the bundle that they would be. */
function noted(notes: SignatureNotes, content: object): Pick<Signed, 'material' | 'bundle'> {
  return {
    material: notes.certificate === undefined ? 'key' : 'either',
    bundle: () =>
      readBundle({
        mediaType: BUNDLE_V01_MEDIA_TYPE,
        verificationMaterial: {
          ...certificateOf(notes),
          tlogEntries: notes.logEntry === undefined ? [] : [logEntryOf(notes.logEntry)],
          ...(notes.timestamp === undefined ? {} : { timestampVerificationData: timestampOf(notes.timestamp) }),
        },
        ...content,
      }),
  };
}

function certificateOf({ certificate }: SignatureNotes): object {
  if (certificate === undefined) return { publicKey: { hint: '' } };
  try {
    const rawBytes = new X509Certificate(certificate).raw.toString('base64');
    return { x509CertificateChain: { certificates: [{ rawBytes }] } };
  } catch {
    // OpenSSL's words say nothing that helps.
    throw new RefusedCandidate('Malformed', 'the certificate beside the signature cannot be read');
  }
}

function logEntryOf(note: string): object {
  const what = 'the log entry beside the signature';
  const entry = parseObject(Buffer.from(note), what);
  const payload = objectOf(entry['Payload'], `Payload of ${what}`);
  const { logIndex, integratedTime, body, logID } = payload;
  if (!Number.isSafeInteger(logIndex) || !Number.isSafeInteger(integratedTime)) {
    throw new RefusedCandidate('Malformed', `${what} has no whole numbers for its index and time`);
  }
  const { kind, apiVersion } = parseObject(base64Of(body, `the body of ${what}`), `the body of ${what}`);
  const id = stringOf(logID, `logID of ${what}`);
  if (!/^[0-9a-f]{64}$/.test(id)) throw new RefusedCandidate('Malformed', `logID of ${what} is not 64 hex digits`);
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(id, 'hex').toString('base64') },
    kindVersion: { kind: stringOf(kind, `kind of ${what}`), version: stringOf(apiVersion, `apiVersion of ${what}`) },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp: stringOf(entry['SignedEntryTimestamp'], `the promise of ${what}`) },
    canonicalizedBody: body,
  };
}

function timestampOf(note: string): object {
  const signedTimestamp = parseObject(Buffer.from(note), 'the timestamp beside the signature')['SignedRFC3161Timestamp'];
  return { rfc3161Timestamps: [{ signedTimestamp: stringOf(signedTimestamp, 'the timestamp beside the signature') }] };
}

/** Of which the library knows what they have to hold; it would take what only looks like one. */
const bundleTypes: readonly unknown[] = [
  BUNDLE_V01_MEDIA_TYPE,
  BUNDLE_V02_MEDIA_TYPE,
  BUNDLE_V03_LEGACY_MEDIA_TYPE,
  BUNDLE_V03_MEDIA_TYPE,
];

function readBundle(json: unknown): Bundle {
  const object = objectOf(json, 'the bundle');
  const { mediaType, dsseEnvelope } = object;
  if (!bundleTypes.includes(mediaType)) {
    const said = typeof mediaType === 'string' ? quoted(mediaType) : 'no type';
    throw new RefusedCandidate('Malformed', `the bundle is of ${said}; versions 0.1, 0.2 and 0.3 are read`);
  }
  const signatures =
    typeof dsseEnvelope === 'object' && dsseEnvelope !== null ? Reflect.get(dsseEnvelope, 'signatures') : undefined;
  if (Array.isArray(signatures) && signatures.length !== 1) {
    throw new RefusedCandidate(
      'SeveralSignatures',
      `the bundle has ${signatures.length} signatures; sign again, with one in each bundle`,
    );
  }
  checkBundleCosts(object);
  try {
    return bundleFromJSON(json);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new RefusedCandidate('Malformed', `the bundle cannot be read: ${quoted(words)}`);
  }
}

/** The same bytes; a thread's message brings plain arrays. */
function bufferOf(bytes: Uint8Array): Buffer<ArrayBuffer> {
  return Buffer.from(bytes);
}
