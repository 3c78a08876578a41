/** Signatures and attestations made in memory, in each form, by keys made here; and rules that name those keys. */
import { type KeyObject, createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { Candidate, SignatureNotes } from '../../controller/trust/candidate.ts';
import { preAuthEncoding } from '../../controller/trust/dsse.ts';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { type ImageToJudge, judgeCandidates } from '../../controller/trust/judge-image.ts';
import type { CandidateVerdict, Judgement } from '../../controller/trust/judgement.ts';
import type { Governing, ImageAuthority, KeyAuthority, PublicKey, Revocation, Rules } from '../../controller/trust/rules.ts';
import { signaturePredicateType, statementPayloadType } from '../../controller/trust/statement.ts';

export const now = Date.parse('2026-06-01T12:00:00Z');
export const day = 86_400_000;
export const digest = `sha256:${'ab'.repeat(32)}`;
export const other = `sha256:${'cd'.repeat(32)}`;
export const image = `registry.test/os/edge@${digest}`;

export interface Pair {
  privateKey: KeyObject;
  publicKey: PublicKey;
}

export type KeyKind = 'p256' | 'p384' | 'p521' | 'rsa' | 'ed25519';

export function newPair(kind: KeyKind = 'p256'): Pair {
  const { privateKey, publicKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: { p256: 'P-256', p384: 'P-384', p521: 'P-521' }[kind] });
  const [key] = publicKeysOf(String(publicKey.export({ type: 'spki', format: 'pem' })));
  if (!key) throw new Error('a pair has a public key');
  return { privateKey, publicKey: key };
}

export function signWith({ privateKey, publicKey }: Pair, bytes: Uint8Array, hash?: string): Buffer {
  const own: Readonly<Record<string, string>> = { 'ecdsa-p384': 'sha384', 'ecdsa-p521': 'sha512' };
  const plain = publicKey.algorithm === 'ed25519' ? null : (own[publicKey.algorithm] ?? 'sha256');
  return sign(hash ?? plain, bytes, privateKey);
}

export function payloadOf(of: string = digest): object {
  return {
    critical: {
      identity: { 'docker-reference': 'registry.test/os/edge' },
      image: { 'docker-manifest-digest': of },
      type: 'cosign container image signature',
    },
    optional: null,
  };
}

/** The simple form. `payload` as an object or as the text itself. */
export function simple(pair: Pair, o: { payload?: object | string; hash?: string; notes?: SignatureNotes } = {}): Candidate {
  const payload = o.payload ?? payloadOf();
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const signature = signWith(pair, bytes, o.hash).toString('base64');
  return { kind: 'simple', digest: digestOf(bytes), bytes, notes: { signature, ...o.notes } };
}

export function statementOf(o: { subject?: unknown; predicateType?: string; predicate?: unknown; type?: string } = {}): object {
  return {
    _type: o.type ?? 'https://in-toto.io/Statement/v1',
    subject: o.subject ?? [{ digest: { sha256: digest.slice(7) } }],
    predicateType: o.predicateType ?? signaturePredicateType,
    predicate: o.predicate ?? {},
  };
}

export interface EnvelopeOptions {
  statement?: object | string;
  payloadType?: string;
}

function envelopeJSON(pair: Pair, o: EnvelopeOptions): { payload: string; payloadType: string; signatures: object[] } {
  const statement = o.statement ?? statementOf();
  const payload = Buffer.from(typeof statement === 'string' ? statement : JSON.stringify(statement));
  const payloadType = o.payloadType ?? statementPayloadType;
  const sig = signWith(pair, preAuthEncoding({ payloadType, payload })).toString('base64');
  return { payload: payload.toString('base64'), payloadType, signatures: [{ keyid: '', sig }] };
}

/** A DSSE envelope as `.att` holds it. */
export function envelope(pair: Pair, o: EnvelopeOptions & { change?: (json: Record<string, unknown>) => void } = {}): Candidate {
  const json: Record<string, unknown> = { ...envelopeJSON(pair, o) };
  o.change?.(json);
  const bytes = Buffer.from(JSON.stringify(json));
  return { kind: 'envelope', digest: digestOf(bytes), bytes, notes: {} };
}

/** A bundle of version 0.3. */
export function bundle(pair: Pair, o: EnvelopeOptions & { change?: (json: Record<string, unknown>) => void } = {}): Candidate {
  const json: Record<string, unknown> = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: '' }, tlogEntries: [] },
    dsseEnvelope: envelopeJSON(pair, o),
  };
  o.change?.(json);
  const bytes = Buffer.from(JSON.stringify(json));
  return { kind: 'bundle', digest: digestOf(bytes), bytes };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function keyAuthority(name: string, pairs: readonly Pair[], o: Partial<KeyAuthority> = {}): KeyAuthority {
  const keys = pairs.map(({ publicKey }) => publicKey);
  return { kind: 'key', policy: 'os', name, keys, transparencyLog: 'Ignored', ...o };
}

export function rulesOf(
  authorities: readonly ImageAuthority[],
  o: Partial<Governing<ImageAuthority>> & { revoked?: readonly Revocation[] } = {},
): Rules<ImageAuthority> {
  const { revoked = [], ...governing } = o;
  return {
    subject: 'Image',
    name: 'registry.test/os/edge',
    configured: true,
    governing: [
      {
        policy: 'os',
        generation: 3,
        mode: 'Enforce',
        require: 'Any',
        exclusive: false,
        authorities,
        attestations: [],
        unread: [],
        ...governing,
      },
    ],
    revoked,
    basis: 'sha256:basis',
  };
}

export function judge(rules: Rules<ImageAuthority>, candidates: readonly Candidate[], o: Partial<ImageToJudge> = {}): Judgement {
  return judgeCandidates({ rules, image, now, ...o }, candidates);
}

export function reasonsOf({ candidates }: { candidates: readonly CandidateVerdict[] }): string[] {
  return candidates.map(({ reason }) => reason);
}
