/** X.509 certificates for servers on the loopback address (RFC 5280), so that tests need no openssl. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { bits, boolean, der, extension, octets, oid, sequence, text, time } from './der.ts';

export interface Certificate {
  /** PEM. */
  certificate: string;
  /** PEM, PKCS #8. */
  key: string;
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
const nameOf = (commonName: string) => sequence(der(0x31, sequence(oid('2.5.4.3'), text(commonName))));

/** A subject alternative name: an IPv4 address when it looks like one, else a DNS name. */
function alternativeName(name: string): Buffer {
  return /^\d+\.\d+\.\d+\.\d+$/.test(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name));
}

interface Parties {
  subject: string;
  issuer: string;
  subjectKey: KeyObject;
  issuerKey: KeyObject;
  signingKey: KeyObject;
  extensions: Buffer[];
}

const keyIdentifier = (key: KeyObject) =>
  createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();

function certify({ subject, issuer, subjectKey, issuerKey, signingKey, extensions }: Parties): string {
  const day = 86_400_000;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    nameOf(issuer),
    sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + 365 * day))),
    nameOf(subject),
    subjectKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        ...extensions,
        extension('2.5.29.14', false, octets(keyIdentifier(subjectKey))),
        extension('2.5.29.35', false, sequence(der(0x80, keyIdentifier(issuerKey)))),
      ),
    ),
  );
  const whole = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, signingKey)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** A certificate authority of its own, valid for a year from yesterday. */
export function createAuthority(commonName: string): Certificate {
  const { publicKey, privateKey } = newKey();
  const extensions = [
    extension('2.5.29.19', true, sequence(boolean)),
    extension('2.5.29.15', true, der(0x03, Buffer.from([1, 0x06]))),
  ];
  const certificate = certify({
    subject: commonName,
    issuer: commonName,
    subjectKey: publicKey,
    issuerKey: publicKey,
    signingKey: privateKey,
    extensions,
  });
  return { certificate, key: pem(privateKey) };
}

/** A certificate for servers (DNS names and IPv4 addresses) and for clients, signed by an authority that `createAuthority(commonName)` made. */
export function issueCertificate(authority: Certificate & { commonName: string }, names: readonly string[]): Certificate {
  const { publicKey, privateKey } = newKey();
  const signingKey = createPrivateKey(authority.key);
  const extensions = [
    extension('2.5.29.15', true, der(0x03, Buffer.from([7, 0x80]))),
    extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
    extension('2.5.29.17', false, sequence(...names.map(alternativeName))),
  ];
  const certificate = certify({
    subject: names[0] ?? '',
    issuer: authority.commonName,
    subjectKey: publicKey,
    issuerKey: createPublicKey(signingKey),
    signingKey,
    extensions,
  });
  return { certificate, key: pem(privateKey) };
}
