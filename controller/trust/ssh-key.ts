/** Public keys and certificates of SSH as blobs (RFC 4253 §6.6, PROTOCOL.u2f and PROTOCOL.certkeys of OpenSSH), and what they sign: pure. */
import { type KeyObject, createHash, createPublicKey, verify } from 'node:crypto';
import { fingerprintOfSSH } from './fingerprint.ts';
import { MalformedSSH, WireReader } from './ssh-wire.ts';

/** A key that can check signatures. */
export interface SSHPublicKey {
  /** As `ssh-ed25519`. */
  type: string;
  blob: Buffer;
  /** As ssh-keygen -l prints it. */
  fingerprint: string;
  key: KeyObject;
  /** Of a key that lives in a security token: what the token was told that it signs for. */
  application?: string;
}

/** What a signature says about the person at the security token. */
export interface Presence {
  /** The token was touched. */
  touched: boolean;
}

interface Kind {
  read(wire: WireReader): { key: KeyObject; application?: string };
  /** Names of signatures, and the hash of each; null where the kind of key has its own. */
  signatures: Readonly<Record<string, string | null>>;
}

const rsaBits = { least: 2048, most: 16_384 };

const kinds: Readonly<Record<string, Kind>> = {
  'ssh-ed25519': { read: wire => ({ key: ed25519(wire) }), signatures: { 'ssh-ed25519': null } },
  'ssh-rsa': { read: wire => ({ key: rsa(wire) }), signatures: { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' } },
  'ecdsa-sha2-nistp256': ecdsaKind('nistp256', 'P-256', 'sha256'),
  'ecdsa-sha2-nistp384': ecdsaKind('nistp384', 'P-384', 'sha384'),
  'ecdsa-sha2-nistp521': ecdsaKind('nistp521', 'P-521', 'sha512'),
  'sk-ssh-ed25519@openssh.com': {
    read: wire => ({ key: ed25519(wire), application: wire.text() }),
    signatures: { 'sk-ssh-ed25519@openssh.com': null },
  },
  'sk-ecdsa-sha2-nistp256@openssh.com': {
    read: wire => ({ key: ecdsa(wire, 'nistp256', 'P-256'), application: wire.text() }),
    signatures: { 'sk-ecdsa-sha2-nistp256@openssh.com': 'sha256' },
  },
};

/** Kinds of plain keys that sign. */
export function isKeyType(type: string): boolean {
  return Object.hasOwn(kinds, type);
}

/** @throws MalformedSSH also for a kind that does not count, such as ssh-dss, and for RSA of less than 2,048 bits */
export function readSSHKey(blob: Buffer): SSHPublicKey {
  const wire = new WireReader(blob);
  const type = wire.text();
  const read = readKeyFields(type, wire);
  wire.end();
  return { type, blob, fingerprint: fingerprintOfSSH(blob), ...read };
}

/** The fields of a key after its type, which certificates have in their middle. */
export function readKeyFields(type: string, wire: WireReader): { key: KeyObject; application?: string } {
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (!kind) throw new MalformedSSH(`its key is of kind ${JSON.stringify(type.slice(0, 64))}, which does not count`);
  return kind.read(wire);
}

/**
 * Checks a signature (type and its own fields, as SSH writes them) of `data`. Returns undefined when it is not by this key.
 * @throws MalformedSSH for what no such key makes, signatures over SHA-1 among it
 */
export function verifySSH(key: SSHPublicKey, data: Buffer, signature: Buffer): Presence | undefined {
  const wire = new WireReader(signature);
  const type = wire.text();
  const signatures = kinds[key.type]?.signatures ?? {};
  if (!Object.hasOwn(signatures, type)) {
    throw new MalformedSSH(
      `its signature is of kind ${JSON.stringify(type.slice(0, 64))}, which a key ${key.type} must not make`,
    );
  }
  const hash = signatures[type] ?? null;
  const raw = wire.string();
  const [flags, counter] = key.application === undefined ? [1, Buffer.alloc(0)] : [wire.byte(), wire.take(4)];
  wire.end();
  const signed = key.application === undefined ? data : tokenData(key.application, flags, counter, data);
  return verifyRaw(key.key, hash, signed, raw) ? { touched: (flags & 1) !== 0 } : undefined;
}

/** What a security token signs (PROTOCOL.u2f). */
function tokenData(application: string, flags: number, counter: Buffer, data: Buffer): Buffer {
  return Buffer.concat([sha256(Buffer.from(application, 'latin1')), Buffer.from([flags]), counter, sha256(data)]);
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function verifyRaw(key: KeyObject, hash: string | null, data: Buffer, raw: Buffer): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return raw.length === 64 && verify(null, data, key, raw);
  if (type === 'rsa') {
    const length = Math.ceil((details?.modulusLength ?? 0) / 8);
    // Some programs leave zeros at the beginning out, which OpenSSH allows.
    return raw.length <= length && verify(hash, data, key, Buffer.concat([Buffer.alloc(length - raw.length), raw]));
  }
  const length = { prime256v1: 32, secp384r1: 48, secp521r1: 66 }[details?.namedCurve ?? ''];
  const wire = new WireReader(raw);
  const [r, s] = [wire.unsigned(), wire.unsigned()];
  wire.end();
  if (length === undefined || r.length > length || s.length > length) return false;
  const padded = [r, s].flatMap(number => [Buffer.alloc(length - number.length), number]);
  return verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, Buffer.concat(padded));
}

function ecdsaKind(curve: string, crv: string, hash: string): Kind {
  return { read: wire => ({ key: ecdsa(wire, curve, crv) }), signatures: { [`ecdsa-sha2-${curve}`]: hash } };
}

function ed25519(wire: WireReader): KeyObject {
  const x = wire.string();
  if (x.length !== 32) throw new MalformedSSH('its key is cut short');
  return keyOf({ kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') });
}

function ecdsa(wire: WireReader, curve: string, crv: string): KeyObject {
  if (wire.text() !== curve) throw new MalformedSSH('its key names another curve than its kind does');
  const point = wire.string();
  const half = (point.length - 1) / 2;
  if (point[0] !== 4 || !Number.isInteger(half)) throw new MalformedSSH('its key is no point that is written whole');
  const part = (from: number): string => point.toString('base64url', from, from + half);
  return keyOf({ kty: 'EC', crv, x: part(1), y: part(1 + half) });
}

function rsa(wire: WireReader): KeyObject {
  const [e, n] = [wire.unsigned(), wire.unsigned()];
  const bits = n.length * 8 - Math.clz32(n[0] ?? 0) + 24;
  if (bits < rsaBits.least || bits > rsaBits.most)
    throw new MalformedSSH(`its key is RSA of ${bits} bits; ${rsaBits.least} to ${rsaBits.most} are taken`);
  return keyOf({ kty: 'RSA', e: e.toString('base64url'), n: n.toString('base64url') });
}

function keyOf(jwk: Record<string, string>): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new MalformedSSH('its key is none that can be decoded');
  }
}
