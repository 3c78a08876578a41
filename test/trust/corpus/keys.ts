/** Keys of the kinds that cosign makes, and signing with them as it does; apart from the product's code, so that a mistake of that is not made twice. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'RSA-1024' | 'RSA-2048' | 'RSA-3072' | 'Ed25519';

export interface TestKey {
  kind: KeyKind;
  privateKey: KeyObject;
  /** SPKI, PEM. */
  pem: string;
  /** Lower-case hex of SHA-256 over the SPKI in DER. */
  fingerprint: string;
}

export function newKey(kind: KeyKind = 'P-256'): TestKey {
  return keyOf(kind, generate(kind));
}

function generate(kind: KeyKind): KeyObject {
  if (kind === 'Ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (kind === 'P-256' || kind === 'P-384' || kind === 'P-521') return generateKeyPairSync('ec', { namedCurve: kind }).privateKey;
  return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(4)) }).privateKey;
}

export function keyOf(kind: KeyKind, privateKey: KeyObject): TestKey {
  const publicKey = createPublicKey(privateKey);
  return {
    kind,
    privateKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    fingerprint: createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
  };
}

const hashes: Readonly<Record<KeyKind, string | null>> = {
  'P-256': 'sha256',
  'P-384': 'sha384',
  'P-521': 'sha512',
  'RSA-1024': 'sha256',
  'RSA-2048': 'sha256',
  'RSA-3072': 'sha256',
  Ed25519: null,
};

/** With the hash that cosign takes for the key, or another. ECDSA in DER, RSA with PKCS #1 v1.5. */
export function signBytes(key: TestKey, bytes: Uint8Array, hash: string | null = hashes[key.kind]): Buffer {
  return sign(hash, bytes, key.privateKey);
}

export function sha256hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
