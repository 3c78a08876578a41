/** The keys of authorities for commits, read: what signatures are checked with, and what is shown of them. */
import type { Key } from 'openpgp';
import { type AllowedSigner, matchesPatterns, parseAllowedSigners } from './allowed-signers.ts';
import { openPGPKeyFacts, readOpenPGPKeyring, shareRevocations } from './openpgp-signature.ts';
import { checkGlobs } from './path-globs.ts';
import type { GitAuthority, Governing, KeyFacts, OpenPGPAuthority, SSHAuthority } from './rules.ts';

/** An authority with its keys ready. */
export type ReadyAuthority =
  | { kind: 'ssh'; authority: SSHAuthority; signers: readonly AllowedSigner[] }
  | { kind: 'openPGP'; authority: OpenPGPAuthority; keys: readonly Key[] };

/** @throws StallingError `InvalidKey`, TransientError when the library for OpenPGP cannot be loaded */
export async function readyAuthority(authority: GitAuthority): Promise<ReadyAuthority> {
  checkGlobs(authority.paths ?? []);
  if (authority.kind === 'ssh') return { kind: 'ssh', authority, signers: parseAllowedSigners(authority.allowedSigners) };
  return { kind: 'openPGP', authority, keys: await readOpenPGPKeyring(authority.keys) };
}

/** All that count for some rule, each once. @throws as readyAuthority */
export async function readyAuthorities(governing: readonly Governing<GitAuthority>[]): Promise<ReadyAuthority[]> {
  const all = new Map(governing.flatMap(({ authorities }) => authorities.map(a => [`${a.policy}/${a.name}`, a] as const)));
  const ready = await Promise.all([...all.values()].map(readyAuthority));
  shareRevocations(ready.flatMap(one => (one.kind === 'openPGP' ? one.keys : [])));
  return ready;
}

/** Of all its keys; of OpenPGP those of the primary keys. */
export function fingerprintsOf(ready: ReadyAuthority): string[] {
  return ready.kind === 'ssh' ? ready.signers.map(({ key }) => key.fingerprint) : ready.keys.map(key => key.getFingerprint());
}

/** What status shows of an authority's keys. @throws StallingError `InvalidKey` */
export async function gitKeysOf(authority: GitAuthority): Promise<KeyFacts[]> {
  const ready = await readyAuthority(authority);
  if (ready.kind === 'openPGP') return Promise.all(ready.keys.map(openPGPKeyFacts));
  const { principals } = ready.authority;
  return ready.signers
    .filter(
      signer => principals === undefined || signer.certAuthority || principals.some(p => matchesPatterns(p, signer.principals)),
    )
    .map(({ key, principals, validAfter, validBefore }) => ({
      fingerprint: key.fingerprint,
      algorithm: key.type.slice(0, 32),
      identity: principals.slice(0, 256),
      ...(validAfter === undefined ? {} : { notBefore: validAfter }),
      ...(validBefore === undefined ? {} : { notAfter: validBefore }),
    }));
}
