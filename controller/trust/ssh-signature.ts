/** Signatures of files by SSH keys (PROTOCOL.sshsig of OpenSSH), as Git writes them: pure. */
import { createHash } from 'node:crypto';
import { type SSHCertificate, isCertificate, readCertificate } from './ssh-certificate.ts';
import { type Presence, type SSHPublicKey, readSSHKey, verifySSH } from './ssh-key.ts';
import { MalformedSSH, WireReader, wireString } from './ssh-wire.ts';

const magic = 'SSHSIG';
const [begin, end] = ['-----BEGIN SSH SIGNATURE-----', '-----END SSH SIGNATURE-----'];
/** A certificate with many principals is far below it. */
const mostBytes = 64 * 1024;

export interface SSHSignature {
  key: SSHPublicKey;
  /** Where the key comes with one. */
  certificate?: SSHCertificate;
  namespace: string;
  hash: 'sha256' | 'sha512';
  signature: Buffer;
}

/** @throws MalformedSSH also for anything around the armor */
export function readSSHSignature(armored: Buffer): SSHSignature {
  const wire = new WireReader(unarmored(armored));
  if (wire.take(magic.length).toString('latin1') !== magic)
    throw new MalformedSSH('it does not begin as a signature of SSH does');
  const version = wire.uint32();
  if (version !== 1) throw new MalformedSSH(`it is of version ${version}; 1 is known`);
  const blob = wire.string();
  const namespace = wire.string().toString('utf8');
  // Of no meaning yet, and not covered by the signature.
  if (wire.string().length > 0) throw new MalformedSSH('its reserved field is not empty');
  const hash = wire.text();
  const signature = wire.string();
  wire.end();
  if (hash !== 'sha256' && hash !== 'sha512')
    throw new MalformedSSH(`it is over the hash ${JSON.stringify(hash.slice(0, 32))}; sha256 and sha512 count`);
  const certificate = isCertificate(blob) ? readCertificate(blob) : undefined;
  return { key: certificate?.key ?? readSSHKey(blob), ...(certificate ? { certificate } : {}), namespace, hash, signature };
}

/** Undefined when the key has not signed the payload for this namespace. @throws MalformedSSH */
export function verifySSHSignature({ key, namespace, hash, signature }: SSHSignature, payload: Buffer): Presence | undefined {
  const digest = createHash(hash).update(payload).digest();
  const signed = [Buffer.from(magic), ...[namespace, '', hash, digest].map(part => wireString(part))];
  return verifySSH(key, Buffer.concat(signed), signature);
}

/** The bytes between the two lines, which must be all there is. */
function unarmored(armored: Buffer): Buffer {
  if (armored.length > mostBytes) throw new MalformedSSH(`it is larger than ${mostBytes} bytes`);
  const lines = armored.toString('latin1').split('\n');
  if (lines.shift() !== begin) throw new MalformedSSH(`it does not begin with ${begin} on a line of its own`);
  if (lines.pop() !== '' || lines.pop() !== end) throw new MalformedSSH(`it does not end with ${end} on a line of its own`);
  const encoded = lines.join('');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) throw new MalformedSSH('its armor holds what is not base64');
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) throw new MalformedSSH('its armor is not base64 as it is written');
  return bytes;
}
