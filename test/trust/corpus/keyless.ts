/** Signatures with certificates of a few minutes, each in the log: what CI systems make. */
import { bundleOf, bundleV03 } from './bundle.ts';
import { minute, noon } from './cases.ts';
import { type CertificateParts, certify, newAuthority, pemOf, type TestAuthority, trustedRoot } from './certificate-authority.ts';
import { envelopeOf, statementOf, type StatementParts } from './envelope.ts';
import type { TestImage } from './image.ts';
import { newKey } from './keys.ts';
import type { Json } from './repository.ts';
import {
  bundleNote,
  certificateNote,
  chainNote,
  payloadOf,
  signatureNote,
  type SignedLayer,
  signedLayer,
} from './simple-signing.ts';
import {
  bundleEntry,
  entryNote,
  type EntryParts,
  envelopeRecord,
  hashedRecord,
  newLog,
  type TestLog,
} from './transparency-log.ts';

export const authority = newAuthority(noon);
export const log = newLog();
export const root = trustedRoot({ authorities: [authority], logs: [log] });
export const issuer = 'https://token.example.com';
export const subject = 'https://git.example.com/acme/os/.github/workflows/build.yml@refs/heads/main';

export interface KeylessParts extends Partial<CertificateParts>, EntryParts {
  authority?: TestAuthority;
  /** The log that it is entered in. */
  log?: TestLog;
  /** Version of the bundle. */
  mediaType?: string;
  /** When the log says that it was signed; default: a minute after the certificate begins. Epoch milliseconds. */
  time?: number;
  statement?: StatementParts;
}

/** When certificates begin, unless a case says otherwise: they are long over at noon. */
export const begin = noon - 60 * minute;

function certificateFor(key: ReturnType<typeof newKey>, o: KeylessParts): Buffer {
  return certify(o.authority ?? authority, key, { subject, issuer, notBefore: begin, ...o });
}

/** A bundle with the one certificate. */
export function keylessBundle(image: TestImage, o: KeylessParts = {}): Json {
  const key = newKey();
  const certificate = certificateFor(key, o);
  const envelope = envelopeOf(statementOf(image, o.statement), [key]);
  const entry = bundleEntry(o.log ?? log, envelopeRecord(envelope, pemOf(certificate)), o.time ?? begin + minute, o);
  const rawBytes = certificate.toString('base64');
  const { mediaType = bundleV03 } = o;
  const material =
    mediaType === bundleV03 ? { certificate: { rawBytes } } : { x509CertificateChain: { certificates: [{ rawBytes }] } };
  return bundleOf(envelope, { material, mediaType, log: [entry] });
}

/** The same as cosign 1 and 2 keep it, in annotations. */
export function keylessLayer(image: TestImage, o: KeylessParts = {}): SignedLayer {
  const key = newKey();
  const certificate = pemOf(certificateFor(key, o));
  const layer = signedLayer(key, payloadOf(image));
  const record = hashedRecord(layer.payload, layer.annotations[signatureNote] ?? '', certificate);
  const chain = pemOf((o.authority ?? authority).certificate);
  const notes = {
    [certificateNote]: certificate,
    [chainNote]: chain,
    [bundleNote]: entryNote(o.log ?? log, record, o.time ?? begin + minute),
  };
  return { ...layer, annotations: { ...layer.annotations, ...notes } };
}
