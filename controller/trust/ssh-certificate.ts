/** Certificates of SSH (PROTOCOL.certkeys of OpenSSH): a key, whom it belongs to and when, signed by another key. Pure. */
import { fingerprintOfSSH } from './fingerprint.ts';
import { type SSHPublicKey, isKeyType, readKeyFields, readSSHKey, verifySSH } from './ssh-key.ts';
import { MalformedSSH, WireReader, wireString } from './ssh-wire.ts';

export interface SSHCertificate {
  /** What signs, with its own fingerprint. */
  key: SSHPublicKey;
  /** Whose signature makes it count. */
  authority: SSHPublicKey;
  /** For people: what the authority calls it. */
  keyId: string;
  principals: readonly string[];
  /** Epoch milliseconds; Infinity for no end. */
  validAfter: number;
  validBefore: number;
}

/** `ssh-ed25519-cert-v01@openssh.com` → `ssh-ed25519`; undefined for what is no type of certificate. */
function plainType(type: string): string | undefined {
  const base = /^(.+)-cert-v01@openssh\.com$/.exec(type)?.[1];
  if (base === undefined) return undefined;
  const plain = base.startsWith('sk-') ? `${base}@openssh.com` : base;
  return isKeyType(plain) ? plain : undefined;
}

/** Whether a blob is a certificate and not a plain key. */
export function isCertificate(blob: Buffer): boolean {
  return plainType(new WireReader(blob).text()) !== undefined;
}

/**
 * The certificate, with its signature checked. Whether its authority counts, and at this time, is for others to say.
 * @throws MalformedSSH for certificates of hosts and those with critical options, which are about logging in
 */
export function readCertificate(blob: Buffer): SSHCertificate {
  const wire = new WireReader(blob);
  const type = plainType(wire.text());
  if (type === undefined) throw new MalformedSSH('it is no certificate of a kind that counts');
  wire.string();
  const from = wire.at;
  const fields = readKeyFields(type, wire);
  const key = Buffer.concat([wireString(type), blob.subarray(from, wire.at)]);
  wire.uint64();
  const role = wire.uint32();
  const keyId = wire.string().toString('utf8');
  const principals = listOf(wire.string());
  const [after, before] = [wire.uint64(), wire.uint64()];
  const critical = wire.string();
  wire.string();
  wire.string();
  const authority = readSSHKey(wire.string());
  const signed = blob.subarray(0, wire.at);
  const signature = wire.string();
  wire.end();
  if (role !== 1) throw new MalformedSSH('it is a certificate of a host, not of a user');
  if (critical.length > 0) throw new MalformedSSH('its certificate has critical options, which say nothing of commits');
  if (!verifySSH(authority, signed, signature)) throw new MalformedSSH('its certificate is not signed by the authority it names');
  return {
    key: { type, blob: key, fingerprint: fingerprintOfSSH(key), ...fields },
    authority,
    keyId,
    principals,
    validAfter: milliseconds(after),
    validBefore: milliseconds(before),
  };
}

function listOf(bytes: Buffer): string[] {
  const wire = new WireReader(bytes);
  const list: string[] = [];
  while (!wire.ended) list.push(wire.text());
  return list;
}

function milliseconds(seconds: bigint): number {
  return seconds > 8_640_000_000_000n ? Infinity : Number(seconds) * 1000;
}
