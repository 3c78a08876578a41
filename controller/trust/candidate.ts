/** What may be a signature or an attestation of an image, as it was found in the registry: plain data, which a worker thread can be given. */
import type { SignatureForm } from './judgement.ts';
import type { CandidateReason } from './reasons.ts';

/** Annotations of a layer that hold what proves its signature. All of it is as it was found, so nothing of it is trusted. */
export interface SignatureNotes {
  /** Base64. */
  signature?: string;
  /** PEM. */
  certificate?: string;
  /** JSON of a log entry with its promise. */
  logEntry?: string;
  /** JSON of an RFC 3161 timestamp. */
  timestamp?: string;
}

/** A payload of simple signing, in `sha256-<hex>.sig` or a referrer of cosign's experimental type. */
export interface SimpleCandidate {
  kind: 'simple';
  /** Of the layer. */
  digest: string;
  bytes: Uint8Array;
  notes: SignatureNotes;
}

/** A DSSE envelope, in `sha256-<hex>.att`. */
export interface EnvelopeCandidate {
  kind: 'envelope';
  digest: string;
  bytes: Uint8Array;
  notes: SignatureNotes;
}

/** A sigstore bundle, in a referrer. */
export interface BundleCandidate {
  kind: 'bundle';
  digest: string;
  bytes: Uint8Array;
}

/** What was found and cannot be a signature, or was not looked at, and why. */
export interface BrokenCandidate {
  kind: 'broken';
  form: SignatureForm;
  digest: string;
  reason: CandidateReason;
  message: string;
}

export type Candidate = SimpleCandidate | EnvelopeCandidate | BundleCandidate | BrokenCandidate;
