/** The keys in a trusted_root.json, for people and for revocations. Pure. */
import { X509Certificate, type KeyObject } from 'node:crypto';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { algorithmName, spkiFingerprint } from './fingerprint.ts';
import type { RootKey } from './rules.ts';
import { objectOf, parseStrictly } from './strict-json.ts';
import { logKey } from './trust-material.ts';

interface Range {
  start?: Date | undefined;
  end?: Date | undefined;
}

/** Each key once in each part; of certificates each of the chain, because each can be revoked. */
export function keysOfRoot(trustedRoot: string): RootKey[] {
  const root = TrustedRoot.fromJSON(objectOf(parseStrictly(Buffer.from(trustedRoot), 'the trusted root'), 'the trusted root'));
  const all = [
    ...authorities('CertificateAuthority', root.certificateAuthorities),
    ...logs('Log', root.tlogs),
    ...logs('CertificateLog', root.ctlogs),
    ...authorities('Timestamps', root.timestampAuthorities),
  ];
  return [...new Map(all.map(key => [`${key.part} ${key.fingerprint}`, key])).values()];
}

function logs(part: RootKey['part'], given: TrustedRoot['tlogs']): RootKey[] {
  return given.flatMap(({ baseUrl, publicKey }) =>
    publicKey ? [keyOf(logKey(publicKey.rawBytes), { part, name: baseUrl, range: publicKey.validFor })] : [],
  );
}

function authorities(part: RootKey['part'], given: TrustedRoot['certificateAuthorities']): RootKey[] {
  return given.flatMap(({ certChain, validFor: range }) =>
    (certChain?.certificates ?? []).map(({ rawBytes }) => {
      const certificate = new X509Certificate(rawBytes);
      return keyOf(certificate.publicKey, { part, name: certificate.subject.replaceAll('\n', ', '), range });
    }),
  );
}

const words: Readonly<Record<RootKey['part'], string>> = {
  CertificateAuthority: 'certificate authority',
  Log: 'log',
  CertificateLog: 'log of certificates',
  Timestamps: 'timestamp service',
};

function keyOf(
  key: KeyObject,
  { part, name, range }: { part: RootKey['part']; name: string; range: Range | undefined },
): RootKey {
  return {
    part,
    fingerprint: spkiFingerprint(key),
    algorithm: algorithmName(key),
    identity: [words[part], name].filter(Boolean).join(' '),
    ...(range?.start === undefined ? {} : { notBefore: range.start.getTime() }),
    ...(range?.end === undefined ? {} : { notAfter: range.end.getTime() }),
  };
}
