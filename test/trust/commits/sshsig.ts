/** Signatures of SSH as no ssh-keygen makes them: of keys in security tokens, over weak hashes, with fields that mean nothing. */
import { type KeyObject, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { wireString } from '../../../controller/trust/ssh-wire.ts';

export interface CraftedKey {
  blob: Buffer;
  privateKey: KeyObject;
  type: string;
  application?: string;
}

const base64url = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');
const mpint = (bytes: Buffer): Buffer => wireString((bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);

export function ed25519Key(application?: string): CraftedKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const type = application === undefined ? 'ssh-ed25519' : 'sk-ssh-ed25519@openssh.com';
  const x = base64url(publicKey.export({ format: 'jwk' }).x);
  return keyOf(type, privateKey, [wireString(x)], application);
}

export function p256Key(application?: string): CraftedKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const type = application === undefined ? 'ecdsa-sha2-nistp256' : 'sk-ecdsa-sha2-nistp256@openssh.com';
  const { x, y } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), base64url(x), base64url(y)]);
  return keyOf(type, privateKey, [wireString('nistp256'), wireString(point)], application);
}

export function rsaKey(bits: number): CraftedKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const { e, n } = publicKey.export({ format: 'jwk' });
  return keyOf('ssh-rsa', privateKey, [mpint(base64url(e)), mpint(base64url(n))]);
}

function keyOf(type: string, privateKey: KeyObject, fields: Buffer[], application?: string): CraftedKey {
  const parts = [wireString(type), ...fields, ...(application === undefined ? [] : [wireString(application)])];
  return { type, privateKey, blob: Buffer.concat(parts), ...(application === undefined ? {} : { application }) };
}

/** The line of allowed_signers after principals and options. */
export function publicLine({ type, blob }: CraftedKey): string {
  return `${type} ${blob.toString('base64')}`;
}

export interface Crafting {
  namespace?: string;
  hash?: string;
  version?: number;
  reserved?: string;
  /** Of the signature itself; default: what the key makes. */
  signatureType?: string;
  /** Of a security token: 1 touched, 4 verified. */
  flags?: number;
  /** In place of the key's own. */
  blob?: Buffer;
  /** After the last field. */
  extra?: Buffer;
}

export function craft(key: CraftedKey, payload: Uint8Array, o: Crafting = {}): Buffer {
  const {
    namespace = 'git',
    hash = 'sha512',
    version = 1,
    reserved = '',
    flags = 1,
    blob = key.blob,
    extra = Buffer.alloc(0),
  } = o;
  const digest = createHash(hash).update(payload).digest();
  const signed = Buffer.concat([Buffer.from('SSHSIG'), ...[namespace, '', hash, digest].map(part => wireString(part))]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(version);
  const fields = [blob, namespace, reserved, hash, signature(key, signed, o.signatureType, flags)].map(part => wireString(part));
  return armor(Buffer.concat([Buffer.from('SSHSIG'), head, ...fields, extra]));
}

export function armor(bytes: Buffer): Buffer {
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
  return Buffer.from(['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n'));
}

function signature(key: CraftedKey, data: Buffer, given: string | undefined, flags: number): Buffer {
  const { privateKey, application } = key;
  const counter = Buffer.from([0, 0, 0, 7]);
  const signed =
    application === undefined ? data : Buffer.concat([sha256(application), Buffer.from([flags]), counter, sha256(data)]);
  const presence = application === undefined ? [] : [Buffer.from([flags]), counter];
  if (privateKey.asymmetricKeyType === 'ed25519')
    return Buffer.concat([wireString(given ?? key.type), wireString(sign(null, signed, privateKey)), ...presence]);
  if (privateKey.asymmetricKeyType === 'rsa') {
    const type = given ?? 'rsa-sha2-512';
    const hash = type === 'ssh-rsa' ? 'sha1' : type === 'rsa-sha2-256' ? 'sha256' : 'sha512';
    return Buffer.concat([wireString(type), wireString(sign(hash, signed, privateKey))]);
  }
  const raw = sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const numbers = [raw.subarray(0, 32), raw.subarray(32)].map(number => mpint(withoutZeros(number)));
  return Buffer.concat([wireString(given ?? key.type), wireString(Buffer.concat(numbers)), ...presence]);
}

function sha256(bytes: string | Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function withoutZeros(number: Buffer): Buffer {
  const from = number.findIndex(byte => byte !== 0);
  return number.subarray(from < 0 ? number.length : from);
}
