/** Whose key an entry of the transparency log was made with. Pure. */
import { X509Certificate, createPublicKey } from 'node:crypto';
import { spkiFingerprint } from './fingerprint.ts';
import { RefusedCandidate } from './refused.ts';
import { type JSONObject, objectOf, parseObject } from './strict-json.ts';

/**
 * Checks that the entry names this key. The library compares only signature and digest; an entry that somebody else made for the same signature would
 * pass there, and not with cosign.
 * @param body the entry as the log has signed it
 * @throws RefusedCandidate `LogInvalid`
 */
export function checkKeyOfEntry(body: Buffer, fingerprint: string): void {
  const found = keyIn(parseObject(body, 'the log entry'));
  const theirs = found === undefined ? undefined : fingerprintOf(found);
  if (theirs === fingerprint) return;
  const what = theirs === undefined ? 'names no key that can be read' : `is of another key (${theirs})`;
  throw new RefusedCandidate('LogInvalid', `its log entry ${what}, not of the one that signed (${fingerprint})`);
}

/** Text in PEM, or the bytes of a key or certificate in DER. */
type Found = { pem: string } | { key: Buffer } | { certificate: Buffer };

/** Where each kind of entry has it. */
function keyIn(body: JSONObject): Found | undefined {
  const spec = objectOf(body['spec'], 'spec of the log entry');
  switch (`${String(body['kind'])} ${String(body['apiVersion'])}`) {
    case 'hashedrekord 0.0.1':
      return pemIn(at(spec, 'signature', 'publicKey', 'content'));
    case 'dsse 0.0.1':
      return pemIn(at(spec, 'signatures', '0', 'verifier'));
    case 'intoto 0.0.2':
      return pemIn(at(spec, 'content', 'envelope', 'signatures', '0', 'publicKey'));
    case 'hashedrekord 0.0.2':
      return verifierIn(at(spec, 'hashedRekordV002', 'signature', 'verifier'));
    case 'dsse 0.0.2':
      return verifierIn(at(spec, 'dsseV002', 'signatures', '0', 'verifier'));
    default:
      return undefined;
  }
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Reflect.get(current, name);
  }
  return current;
}

function pemIn(value: unknown): Found | undefined {
  return typeof value === 'string' ? { pem: Buffer.from(value, 'base64').toString('utf8') } : undefined;
}

function verifierIn(verifier: unknown): Found | undefined {
  const key = at(verifier, 'publicKey', 'rawBytes');
  if (typeof key === 'string') return { key: Buffer.from(key, 'base64') };
  const certificate = at(verifier, 'x509Certificate', 'rawBytes');
  return typeof certificate === 'string' ? { certificate: Buffer.from(certificate, 'base64') } : undefined;
}

function fingerprintOf(found: Found): string | undefined {
  try {
    if ('key' in found) return spkiFingerprint(createPublicKey({ key: found.key, format: 'der', type: 'spki' }));
    const isKey = 'pem' in found && !found.pem.includes('BEGIN CERTIFICATE');
    if (isKey) return spkiFingerprint(createPublicKey(found.pem));
    return spkiFingerprint(new X509Certificate('pem' in found ? found.pem : found.certificate).publicKey);
  } catch {
    // What cannot be read is no key of ours.
    return undefined;
  }
}
