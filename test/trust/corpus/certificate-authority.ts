/** A certificate authority like Fulcio, with its certificate log: certificates of a few minutes that name an identity. */
import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { bits, boolean, der, extension, octets, oid, sequence, text, time } from '../../cluster/der.ts';
import { newKey, signBytes, type TestKey } from './keys.ts';
import type { TestLog } from './transparency-log.ts';
import { canonical } from './transparency-log.ts';

export interface TestAuthority {
  key: TestKey;
  certificate: Buffer;
  /** Key of the log of its certificates. */
  certificateLog: TestKey;
}

export interface CertificateParts {
  /** A URI, or an e-mail address where it has an @ and no scheme; undefined leaves the extension out. */
  subject: string | undefined;
  issuer: string;
  /** Epoch milliseconds. */
  notBefore: number;
  /** Default: ten minutes later. */
  notAfter?: number;
  /** Whether the log's timestamp is in it; default: yes. */
  logged?: boolean;
  /** Another log than the authority's. */
  certificateLog?: TestKey;
  /** Use of the key; default: code signing. */
  use?: string;
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
const authorityName = sequence(der(0x31, sequence(oid('2.5.4.3'), text('authority of the tests'))));
const spki = (key: TestKey): Buffer => createPublicKey(key.pem).export({ type: 'spki', format: 'der' });
const identifier = (key: TestKey): Buffer => createHash('sha1').update(spki(key)).digest();
const timestampsExtension = '1.3.6.1.4.1.11129.2.4.2';
const codeSigning = '1.3.6.1.5.5.7.3.3';

interface Body {
  subject: Buffer;
  key: TestKey;
  from: number;
  to: number;
  serial: Buffer;
}

function bodyOf({ subject, key, from, to, serial }: Body, extensions: Buffer[]): Buffer {
  return sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    authorityName,
    sequence(time(new Date(from)), time(new Date(to))),
    subject,
    spki(key),
    der(0xa3, sequence(...extensions)),
  );
}

const signedBy = (key: TestKey, body: Buffer): Buffer => sequence(body, ecdsaWithSha256, bits(signBytes(key, body)));

/** @param at epoch milliseconds; valid from a day before, for ten years */
export function newAuthority(at: number): TestAuthority {
  const key = newKey();
  const day = 86_400_000;
  const body = { subject: authorityName, key, from: at - day, to: at + 3650 * day, serial: Buffer.from([1]) };
  const extensions = [
    extension('2.5.29.19', true, sequence(boolean)),
    extension('2.5.29.15', true, der(0x03, Buffer.from([1, 0x06]))),
    extension('2.5.29.14', false, octets(identifier(key))),
  ];
  return { key, certificate: signedBy(key, bodyOf(body, extensions)), certificateLog: newKey() };
}

/** A certificate for a key, in DER. */
export function certify(authority: TestAuthority, key: TestKey, o: CertificateParts): Buffer {
  const body = {
    subject: sequence(),
    key,
    from: o.notBefore,
    to: o.notAfter ?? o.notBefore + 600_000,
    serial: Buffer.concat([Buffer.from([1]), randomBytes(15)]),
  };
  const extensions = [
    extension('2.5.29.15', true, der(0x03, Buffer.from([7, 0x80]))),
    extension('2.5.29.37', false, sequence(oid(o.use ?? codeSigning))),
    extension('2.5.29.14', false, octets(identifier(key))),
    extension('2.5.29.35', false, sequence(der(0x80, identifier(authority.key)))),
    ...(o.subject === undefined ? [] : [extension('2.5.29.17', true, sequence(alternativeName(o.subject)))]),
    extension('1.3.6.1.4.1.57264.1.1', false, Buffer.from(o.issuer)),
    extension('1.3.6.1.4.1.57264.1.8', false, text(o.issuer)),
  ];
  if (o.logged === false) return signedBy(authority.key, bodyOf(body, extensions));
  const log = o.certificateLog ?? authority.certificateLog;
  const timestamp = certificateTimestamp(log, authority, { body: bodyOf(body, extensions), at: o.notBefore });
  return signedBy(authority.key, bodyOf(body, [...extensions, timestamp]));
}

const alternativeName = (name: string): Buffer =>
  name.includes('@') && !name.includes('://') ? der(0x81, Buffer.from(name)) : der(0x86, Buffer.from(name));

const number = (value: number | bigint, bytes: number): Buffer => Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex');

/** The log's word for the certificate without this extension (RFC 6962, 3.2 and 3.3). */
function certificateTimestamp(log: TestKey, authority: TestAuthority, of: { body: Buffer; at: number }): Buffer {
  const at = number(of.at, 8);
  const issuer = createHash('sha256').update(spki(authority.key)).digest();
  const signed = [Buffer.from([0, 0]), at, number(1, 2), issuer, number(of.body.length, 3), of.body, number(0, 2)];
  const signature = signBytes(log, Buffer.concat(signed));
  const logId = Buffer.from(log.fingerprint, 'hex');
  const parts = [Buffer.from([0]), logId, at, number(0, 2), Buffer.from([4, 3]), number(signature.length, 2), signature];
  const timestamp = Buffer.concat(parts);
  const list = Buffer.concat([number(timestamp.length + 2, 2), number(timestamp.length, 2), timestamp]);
  return extension(timestampsExtension, false, octets(list));
}

export function pemOf(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

export interface RootParts {
  authorities?: readonly TestAuthority[];
  logs?: readonly TestLog[];
  /** Epoch milliseconds, of all that is in it. */
  from?: number;
  until?: number;
}

/** A trusted_root.json. */
export function trustedRoot({ authorities = [], logs = [], from = 0, until }: RootParts): string {
  const validFor = {
    start: new Date(from).toISOString(),
    ...(until === undefined ? {} : { end: new Date(until).toISOString() }),
  };
  const log = (key: TestKey, host: string): object => ({
    baseUrl: `https://${host}`,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: spki(key).toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
    logId: { keyId: Buffer.from(key.fingerprint, 'hex').toString('base64') },
  });
  return canonical({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: logs.map(({ key, host }) => log(key, host)),
    certificateAuthorities: authorities.map(({ certificate }) => ({
      subject: { organization: 'scantling', commonName: 'authority of the tests' },
      uri: 'https://fulcio.example.com',
      certChain: { certificates: [{ rawBytes: certificate.toString('base64') }] },
      validFor,
    })),
    ctlogs: authorities.map(({ certificateLog }) => log(certificateLog, 'ctlog.example.com')),
    timestampAuthorities: [],
  });
}
