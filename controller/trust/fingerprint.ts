/** Public keys in PEM, and the fingerprints that revocations and people know keys by: pure. */
import { type KeyObject, createHash, createPublicKey } from 'node:crypto';
import { StallingError } from '../api/errors.ts';
import type { PolicyReason } from './reasons.ts';
import type { PublicKey } from './rules.ts';

/** Keys of one authority at most; as many as its status holds. */
const maxKeys = 64;
const rsaBits = { least: 2048, most: 8192 };

const curves: Readonly<Record<string, string>> = { prime256v1: 'ecdsa-p256', secp384r1: 'ecdsa-p384', secp521r1: 'ecdsa-p521' };

/**
 * Every key of a text in PEM, in order, each once. All blocks count: a key that is shown and not used, or used and not shown, is one that nobody decided on.
 * @throws StallingError `InvalidKey`, with no word of the text: a private key may have been put there by mistake
 */
export function publicKeysOf(pem: string): PublicKey[] {
  const blocks = blocksOf(pem);
  if (blocks.length > maxKeys) throw invalid(`holds ${blocks.length} keys; ${maxKeys} are read at most`);
  const keys = blocks.map((block, i) => publicKeyOf(block, blocks.length > 1 ? `block ${i + 1}: ` : ''));
  return [...new Map(keys.map(key => [key.fingerprint, key])).values()];
}

/** Lower-case hex of the SHA-256 of a key's SubjectPublicKeyInfo (DER): of cosign keys and of certificates' keys. */
export function spkiFingerprint(key: KeyObject): string {
  return createHash('sha256')
    .update(canonical(key).export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** As `ecdsa-p256`, `rsa-3072`, `ed25519`; of a kind that we do not take, the name that OpenSSL has for it. */
export function algorithmName({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string {
  if (type === 'rsa') return `rsa-${details?.modulusLength ?? 0}`;
  const curve = details?.namedCurve;
  return (curve === undefined ? undefined : (curves[curve] ?? curve)) ?? type ?? 'unknown';
}

/** `SHA256:<base64, no padding>` of a key in the wire format of SSH, as ssh-keygen -l prints it. */
export function fingerprintOfSSH(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

interface Block {
  label: string;
  pem: string;
}

function blocksOf(pem: string): Block[] {
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY/.test(pem)) {
    throw invalid('holds a private key, which nobody but the signer may have; give the public one, and make a new pair of keys');
  }
  const blocks = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)].map(([text, label = '']) => ({
    label,
    pem: text,
  }));
  const begun = pem.match(/-----BEGIN /g)?.length ?? 0;
  if (begun === 0) throw invalid('holds no key in PEM (-----BEGIN PUBLIC KEY-----)');
  if (begun !== blocks.length) throw invalid('holds a block of PEM that is cut or broken');
  return blocks;
}

function publicKeyOf({ label, pem }: Block, where: string): PublicKey {
  if (label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY') {
    const what = label === 'CERTIFICATE' ? 'a certificate' : label.startsWith('PGP') ? 'a key of OpenPGP' : 'something else';
    throw invalid(`${where}is ${what}, and not a public key (-----BEGIN PUBLIC KEY-----)`);
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    // OpenSSL's words name no cause that a person could act on.
    throw invalid(`${where}is no public key that can be decoded`);
  }
  const algorithm = algorithmOf(key, where);
  const same = canonical(key);
  return { fingerprint: spkiFingerprint(same), algorithm, pem: String(same.export({ type: 'spki', format: 'pem' })) };
}

function algorithmOf(key: KeyObject, where: string): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return algorithmName(key);
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    if (bits >= rsaBits.least && bits <= rsaBits.most) return algorithmName(key);
    throw invalid(`${where}is an RSA key of ${bits} bits; ${rsaBits.least} to ${rsaBits.most} are taken`);
  }
  if (type === 'ec') {
    const curve = details?.namedCurve ?? 'without a name';
    if (Object.hasOwn(curves, curve)) return algorithmName(key);
    throw invalid(`${where}is on the curve ${curve}; P-256, P-384 and P-521 are taken`);
  }
  throw invalid(`${where}is a key of kind ${type ?? 'unknown'}; ECDSA (P-256, P-384, P-521), RSA and Ed25519 are taken`);
}

/** One key may be encoded in several ways (compressed points, absent parameters); its fingerprint is that of one of them. */
function canonical(key: KeyObject): KeyObject {
  return createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' });
}

function invalid(message: string): StallingError {
  return new StallingError('InvalidKey' satisfies PolicyReason, message);
}
