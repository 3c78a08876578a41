/** A transparency log like Rekor's, of one key: signs what it is given, at the time that it is told. */
import { createHash } from 'node:crypto';
import type { Envelope } from './envelope.ts';
import { newKey, sha256hex, signBytes, type TestKey } from './keys.ts';
import type { Json } from './repository.ts';

export interface TestLog {
  key: TestKey;
  /** Host, which checkpoints are signed as. */
  host: string;
}

export function newLog(host = 'log.example.com'): TestLog {
  return { key: newKey(), host };
}

/** JSON with the members of every object in order (RFC 8785, for what is in entries). */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');

/** The body of an entry on bytes and their signature; `verifier`: the key or the certificate, in PEM. */
export function hashedRecord(payload: Uint8Array, signature: string, verifier: string): Json {
  return {
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: { hash: { algorithm: 'sha256', value: sha256hex(payload) } },
      signature: { content: signature, publicKey: { content: base64(verifier) } },
    },
  };
}

/** The body of an entry on an envelope. */
export function envelopeRecord(envelope: Envelope, verifier: string): Json {
  return {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: { algorithm: 'sha256', value: sha256hex(JSON.stringify(envelope)) },
      payloadHash: { algorithm: 'sha256', value: sha256hex(Buffer.from(envelope.payload, 'base64')) },
      signatures: envelope.signatures.map(({ sig }) => ({ signature: sig, verifier: base64(verifier) })),
    },
  };
}

interface Logged {
  body: string;
  /** Epoch seconds. */
  integratedTime: number;
  logIndex: number;
  /** Hex. */
  logID: string;
}

function logged(log: TestLog, body: Json, at: number): Logged {
  return { body: base64(canonical(body)), integratedTime: Math.floor(at / 1000), logIndex: 41, logID: log.key.fingerprint };
}

const promise = (log: TestLog, entry: Logged): string => signBytes(log.key, Buffer.from(canonical(entry))).toString('base64');

/**
 * An entry as annotations of signatures carry it.
 * @param at epoch milliseconds
 */
export function entryNote(log: TestLog, body: Json, at: number): string {
  const entry = logged(log, body, at);
  return JSON.stringify({ SignedEntryTimestamp: promise(log, entry), Payload: entry });
}

export interface EntryParts {
  /** Whether it has a signed entry timestamp; default: yes. */
  promise?: boolean;
  /** Whether it has a proof of inclusion; default: yes. */
  proof?: boolean;
}

/**
 * An entry as bundles carry it.
 * @param at epoch milliseconds
 */
export function bundleEntry(log: TestLog, body: Json, at: number, o: EntryParts = {}): Json {
  const entry = logged(log, body, at);
  const { kind, apiVersion } = body;
  return {
    logIndex: String(entry.logIndex),
    logId: { keyId: base64(Buffer.from(entry.logID, 'hex')) },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(entry.integratedTime),
    ...(o.promise === false ? {} : { inclusionPromise: { signedEntryTimestamp: promise(log, entry) } }),
    ...(o.proof === false ? {} : { inclusionProof: proofOf(log, Buffer.from(entry.body, 'base64')) }),
    canonicalizedBody: entry.body,
  };
}

const hashed = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** The entry as the first of two. */
function proofOf(log: TestLog, body: Buffer): Json {
  const sibling = hashed(Buffer.from('the other entry'));
  const root = hashed(Buffer.from([1]), hashed(Buffer.from([0]), body), sibling).toString('base64');
  const note = `${log.host} - 7\n2\n${root}\n`;
  const signature = Buffer.concat([Buffer.from(log.key.fingerprint.slice(0, 8), 'hex'), signBytes(log.key, Buffer.from(note))]);
  const envelope = `${note}\n\u2014 ${log.host} ${signature.toString('base64')}\n`;
  return { logIndex: '0', treeSize: '2', rootHash: root, hashes: [sibling.toString('base64')], checkpoint: { envelope } };
}
