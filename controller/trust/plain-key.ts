/** Signatures by public keys, without certificates and logs. Pure. */
import { type KeyObject, createPublicKey, verify } from 'node:crypto';
import { ed25519ph } from '@noble/curves/ed25519.js';
import type { PublicKey } from './rules.ts';

const maxParsed = 1024;
const parsed = new Map<string, KeyObject>();

/**
 * Whether a signature is that of the key over the bytes. The hash is that of the key, as cosign chooses it: SHA-256 for P-256 and RSA (PKCS #1
 * v1.5), SHA-384 for P-384, SHA-512 for P-521; for these two also SHA-256, which cosign 2, podman and skopeo take for every key. Ed25519 is plain, as
 * cosign 2 signs, or Ed25519ph over the SHA-512, as cosign 3 does.
 */
export function verifyWithKey(key: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  return verifyWithKeyObject(keyObjectOf(key.pem), bytes, signature);
}

export function verifyWithKeyObject(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (hashesFor(key).some(hash => holds(hash, { key, bytes, signature }))) return true;
  return key.asymmetricKeyType === 'ed25519' && holdsPrehashed(key, bytes, signature);
}

/** The key of a PEM text; parsed once. */
export function keyObjectOf(pem: string): KeyObject {
  const known = parsed.get(pem);
  if (known) return known;
  if (parsed.size >= maxParsed) parsed.clear();
  const key = createPublicKey(pem);
  parsed.set(pem, key);
  return key;
}

/** Of a key that is too weak, or of another kind, none. */
function hashesFor({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly (string | null)[] {
  if (type === 'ed25519') return [null];
  if (type === 'rsa') return (details?.modulusLength ?? 0) >= 2048 ? ['sha256'] : [];
  if (type !== 'ec') return [];
  const curves: Readonly<Record<string, string[]>> = {
    prime256v1: ['sha256'],
    secp384r1: ['sha384', 'sha256'],
    secp521r1: ['sha512', 'sha256'],
  };
  return curves[details?.namedCurve ?? ''] ?? [];
}

function holds(
  hash: string | null,
  { key, bytes, signature }: { key: KeyObject; bytes: Uint8Array; signature: Uint8Array },
): boolean {
  try {
    return verify(hash, bytes, key, signature);
  } catch {
    // OpenSSL throws at some texts that are no signature, and says no to the others; both mean that it is none.
    return false;
  }
}

/** Ed25519ph (RFC 8032, 5.1, without a context), which Node does not have. */
function holdsPrehashed(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  const point = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  try {
    return ed25519ph.verify(signature, bytes, point, { zip215: false });
  } catch {
    // As above: it throws at what has not the length of a signature.
    return false;
  }
}
