/** The keys and policies of the demo's steps about trust. */
import { generateKeyPairSync } from 'node:crypto';
import { trustpolicies, type TrustPolicy } from '../../controller/api/trust-policy.ts';
import { nameOfRepository } from '../../controller/trust/scope.ts';
import type { Environment } from '../cluster/environment.ts';
import type { TestKey } from '../trust/corpus/keys.ts';

type Admin = Pick<Environment, 'admin'>;

const images = 'by-hand';
const rest = 'everything-else';
const commits = 'commits';

async function apply({ admin }: Admin, name: string, spec: object): Promise<void> {
  const object = { apiVersion: 'scantling.dev/v1alpha1' as const, kind: 'TrustPolicy' as const, metadata: { name }, spec };
  await admin.apply<TrustPolicy>(trustpolicies, object, { fieldManager: 'kubectl' });
}

/** Images below a name are signed with a key; the others are not looked at, and that is said. */
export async function trustImages(stage: Admin, o: { prefix: string; key: TestKey; revoked?: boolean }): Promise<void> {
  const { prefix, key, revoked } = o;
  await apply(stage, rest, { scope: { root: true }, mode: 'Skip' });
  await apply(stage, images, {
    scope: { prefix },
    authorities: [{ name: 'release', key: { data: key.pem } }],
    ...(revoked ? { revoked: [{ fingerprint: key.fingerprint, reason: 'it leaked' }] } : {}),
  });
}

/** Commits of a repository are signed with an SSH key that nobody has. */
export async function trustCommits(stage: Admin, url: string): Promise<void> {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.from(x ?? '', 'base64url'))]);
  await apply(stage, commits, {
    scope: { prefix: nameOfRepository(url) },
    subjects: ['Git'],
    authorities: [
      {
        name: 'maintainers',
        ssh: { allowedSigners: `release@example.com namespaces="git" ssh-ed25519 ${blob.toString('base64')}` },
      },
    ],
  });
}

/** As SSH writes it: its length, of fewer than 256 bytes, before it. */
function field(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
}

/** Says so: a policy that only goes away is waited for, for a minute. */
export async function trustAnyCommit(stage: Admin): Promise<void> {
  await apply(stage, commits, { scope: { root: true }, subjects: ['Git'], mode: 'Skip' });
}

/** Nothing is configured any more, a minute later. */
export async function trustNothing({ admin }: Admin): Promise<void> {
  for (const name of [images, rest, commits]) await admin.delete(trustpolicies, name);
}
