/**
 * Private keys that we sign with: cosign's encrypted format and plain PKCS#8. What is secret stays in Buffers and in node:crypto, and no message quotes it.
 * Only P-256 is taken: what hosts pull with (containers/image) checks ECDSA with SHA-256 alone, so that a signature of another key would be one that no host sees.
 */
import { createPrivateKey, createPublicKey, scrypt, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { StallingError } from '../api/errors.ts';
import { spkiFingerprint } from './fingerprint.ts';
import type { SigningReason } from './reasons.ts';

/** An open key. The key itself never leaves it. */
export interface SigningKey {
  /** As TrustPolicy's revoked takes it. */
  readonly fingerprint: string;
  /** Its public half: SPKI in PEM. */
  readonly publicKey: string;
  /** ECDSA with SHA-256, in DER: what cosign and containers/image read. */
  sign(bytes: Uint8Array): Buffer;
  /** Whether a signature over these bytes is its own. */
  verify(bytes: Uint8Array, signature: Uint8Array): boolean;
}

const maxKeyBytes = 64 * 1024;
/** cosign writes N 65536 (before 2.0: 32768), r 8 and p 1, and its library knows 131072. More would only be there to take the controller's memory: 128·N·r bytes. */
const bounds = { n: 1 << 17, r: 8, p: 4 };
const encryptedLabels: readonly string[] = ['ENCRYPTED SIGSTORE PRIVATE KEY', 'ENCRYPTED COSIGN PRIVATE KEY'];

/**
 * Opens a key. `password` is undefined where there is none; an empty one is one.
 * @throws StallingError `SigningKeyInvalid`, which says what is wrong with format, password or kind of key
 */
export async function openSigningKey(pem: Uint8Array, password: Uint8Array | undefined): Promise<SigningKey> {
  const { label, body } = blockOf(pem);
  const der = encryptedLabels.includes(label) ? await decrypted(body, password) : plain(label, body);
  try {
    return keyOf(der);
  } finally {
    der.fill(0);
  }
}

function blockOf(pem: Uint8Array): { label: string; body: Buffer } {
  if (pem.length > maxKeyBytes) throw invalid(`is larger than ${maxKeyBytes} bytes`);
  const text = Buffer.from(pem.buffer, pem.byteOffset, pem.length).toString('latin1');
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g)];
  const [first, ...more] = blocks;
  if (!first) throw invalid('holds no private key in PEM');
  if (more.length > 0) throw invalid('holds more than one block of PEM');
  return { label: first[1] ?? '', body: Buffer.from(first[2] ?? '', 'base64') };
}

function plain(label: string, body: Buffer): Buffer {
  if (label === 'PRIVATE KEY') return body;
  const converted = 'openssl pkcs8 -topk8 -nocrypt makes PKCS#8 of it, and cosign import-key-pair an encrypted key';
  if (label === 'EC PRIVATE KEY' || label === 'RSA PRIVATE KEY') throw invalid(`is in the older format ${label}; ${converted}`);
  if (label === 'ENCRYPTED PRIVATE KEY') throw invalid(`is an encrypted PKCS#8 key, which is not read; ${converted}`);
  if (label === 'PUBLIC KEY') throw invalid('is a public key; the private one signs');
  throw invalid(`is ${label}; wanted is a key of cosign (ENCRYPTED SIGSTORE PRIVATE KEY) or a plain one in PKCS#8 (PRIVATE KEY)`);
}

interface Sealed {
  n: number;
  r: number;
  p: number;
  salt: Buffer;
  nonce: Buffer;
  ciphertext: Buffer;
}

async function decrypted(body: Buffer, password: Uint8Array | undefined): Promise<Buffer> {
  const sealed = sealedOf(body);
  if (password === undefined) throw invalid('is encrypted, and cosign.password is missing; an empty one must be there too');
  const key = await derived(password, sealed);
  try {
    const opened = xsalsa20poly1305(key, sealed.nonce).decrypt(sealed.ciphertext);
    return Buffer.from(opened.buffer, opened.byteOffset, opened.length);
  } catch {
    // It says no more than that its tag is wrong.
    throw invalid('is not opened by cosign.password (a line break at the end of the password counts)');
  } finally {
    key.fill(0);
  }
}

/** What cosign has in the block: JSON with the parameters of scrypt and of NaCl's secretbox. */
function sealedOf(body: Buffer): Sealed {
  const json = record(parsed(body));
  const kdf = record(json['kdf']);
  const cipher = record(json['cipher']);
  if (kdf['name'] !== 'scrypt' || cipher['name'] !== 'nacl/secretbox') {
    throw invalid('is not encrypted as cosign does it (scrypt and nacl/secretbox)');
  }
  const { N: n, r, p } = record(kdf['params']);
  if (!isPowerOfTwo(n, bounds.n) || !isCount(r, bounds.r) || !isCount(p, bounds.p)) {
    throw invalid(`has parameters of scrypt that are not taken (N a power of 2 up to ${bounds.n}, r up to 8, p up to 4)`);
  }
  const salt = bytesOf(kdf['salt']);
  const nonce = bytesOf(cipher['nonce']);
  const ciphertext = bytesOf(json['ciphertext']);
  if (!salt || nonce?.length !== 24 || !ciphertext || ciphertext.length <= 16) throw invalid('is cut off or damaged');
  return { n, r, p, salt, nonce, ciphertext };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // The parser's words quote the text.
    throw invalid('is damaged: what the block holds is no JSON');
  }
}

function derived(password: Uint8Array, { n, r, p, salt }: Sealed): Promise<Buffer> {
  const options = { N: n, r, p, maxmem: 128 * n * r + 128 * r * p + (1 << 20) };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function keyOf(der: Buffer): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    throw invalid('holds no key that can be decoded (PKCS#8)');
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type !== 'ec' || details?.namedCurve !== 'prime256v1') {
    const what = type === 'ec' ? `on the curve ${details?.namedCurve ?? 'without a name'}` : `of kind ${type ?? 'unknown'}`;
    throw invalid(`is a key ${what}; hosts check ECDSA on P-256 with SHA-256 alone (cosign generate-key-pair makes one)`);
  }
  const publicKey = createPublicKey(key);
  return {
    fingerprint: spkiFingerprint(publicKey),
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
    sign: bytes => sign('sha256', bytes, key),
    verify: (bytes, signature) => verify('sha256', bytes, publicKey, signature),
  };
}

function isCount(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most;
}

function isPowerOfTwo(value: unknown, most: number): value is number {
  return isCount(value, most) && value > 1 && Number.isInteger(Math.log2(value));
}

function bytesOf(value: unknown): Buffer | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(value) ? Buffer.from(value, 'base64') : undefined;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function invalid(message: string): StallingError {
  return new StallingError('SigningKeyInvalid' satisfies SigningReason, message);
}
