/** What a trusted_root.json says, without the keys that are revoked. Pure. */
import { type KeyObject, X509Certificate, createPublicKey } from 'node:crypto';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { type TrustMaterial, toTrustMaterial } from '@sigstore/verify';
import { spkiFingerprint } from './fingerprint.ts';
import { RefusedCandidate, quoted } from './refused.ts';
import type { Revocation } from './rules.ts';
import { objectOf, parseStrictly } from './strict-json.ts';

const maxRead = 32;
const read = new Map<string, TrustMaterial>();

/**
 * Authorities, logs and timestamp services that count. One whose key is revoked does not, or no longer from the time of its revocation.
 * @throws RefusedCandidate `RootInvalid`
 */
export function trustMaterialOf(trustedRoot: string, revoked: readonly Revocation[]): TrustMaterial {
  const key = `${revoked.map(({ fingerprint, since }) => `${fingerprint} ${since ?? ''}`).join(',')}\n${trustedRoot}`;
  const known = read.get(key);
  if (known) return known;
  if (read.size >= maxRead) read.clear();
  const material = materialOf(trustedRoot, revoked);
  read.set(key, material);
  return material;
}

function materialOf(trustedRoot: string, revoked: readonly Revocation[]): TrustMaterial {
  try {
    const root = TrustedRoot.fromJSON(objectOf(parseStrictly(Buffer.from(trustedRoot), 'the trusted root'), 'the trusted root'));
    const logs = <T extends TrustedRoot['tlogs'][number]>(log: T): T[] => {
      const until = endOf(log.publicKey ? [spkiFingerprint(logKey(log.publicKey.rawBytes))] : [], revoked);
      if (until === 'never') return [];
      if (until === undefined || !log.publicKey) return [log];
      return [{ ...log, publicKey: { ...log.publicKey, validFor: endingAt(log.publicKey.validFor, until) } }];
    };
    const authorities = <T extends TrustedRoot['certificateAuthorities'][number]>(authority: T): T[] => {
      const chain = authority.certChain?.certificates ?? [];
      const until = endOf(
        chain.map(({ rawBytes }) => spkiFingerprint(new X509Certificate(rawBytes).publicKey)),
        revoked,
      );
      if (until === 'never') return [];
      return until === undefined ? [authority] : [{ ...authority, validFor: endingAt(authority.validFor, until) }];
    };
    return toTrustMaterial(
      {
        ...root,
        tlogs: root.tlogs.flatMap(logs),
        ctlogs: root.ctlogs.flatMap(logs),
        certificateAuthorities: root.certificateAuthorities.flatMap(authorities),
        timestampAuthorities: root.timestampAuthorities.flatMap(authorities),
      },
      () => {
        throw new Error('no public key');
      },
    );
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new RefusedCandidate('RootInvalid', `the trusted root cannot be used: ${quoted(words)}`);
  }
}

/** Logs of the first years have keys in PKCS #1. */
export function logKey(rawBytes: Buffer | undefined): KeyObject {
  const key = Buffer.from(rawBytes ?? []);
  try {
    return createPublicKey({ key, format: 'der', type: 'spki' });
  } catch {
    return createPublicKey({ key, format: 'der', type: 'pkcs1' });
  }
}

/** When one of these keys ceases to count by revocation; undefined when none is revoked. */
function endOf(fingerprints: readonly string[], revoked: readonly Revocation[]): number | 'never' | undefined {
  const ends = revoked.filter(({ fingerprint }) => fingerprints.includes(fingerprint)).map(({ since }) => since);
  if (ends.length === 0) return undefined;
  return ends.some(since => since === undefined) ? 'never' : Math.min(...ends.map(Number)) - 1;
}

function endingAt(
  validFor: { start?: Date | undefined; end?: Date | undefined } | undefined,
  until: number,
): { start: Date | undefined; end: Date } {
  return { start: validFor?.start, end: new Date(Math.min(validFor?.end?.getTime() ?? until, until)) };
}
