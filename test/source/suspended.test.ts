/** What a suspended source says of the commit that it has applied, when keys are revoked meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransientError, WaitingError } from '../../controller/api/errors.ts';
import type { SystemSource } from '../../controller/api/system-source.ts';
import { verifiedWhileSuspended } from '../../controller/source/suspended.ts';
import type { GitAuthority, Rules } from '../../controller/trust/rules.ts';
import { commitBasis } from '../../controller/trust/verify-commit.ts';

const commit = 'c'.repeat(40);
const key = 'SHA256:one';

function rules(basis: string, revoked: string[] = []): Rules<GitAuthority> {
  const revocations = revoked.map(fingerprint => ({ fingerprint, policy: 'os' }));
  return { subject: 'Git', name: 'git.example.com/os', configured: true, governing: [], revoked: revocations, basis };
}

function sourceOf(o: { mode?: 'Tag'; basis?: string } = {}): SystemSource {
  const judged = { decision: 'Trusted', reason: 'Trusted', message: 'signed by alice', digest: commit } as const;
  const basis = o.basis ?? commitBasis({ rules: rules('before'), mode: 'Head' });
  const signers = [{ authority: 'os/alice', form: 'SSH', key }];
  const defaults = {
    allowInsecure: false,
    path: '.',
    interval: '1m',
    timeout: '60s',
    suspend: true,
    prune: true,
    maxRemovals: '25%',
  };
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemSource',
    metadata: { name: 'os' },
    spec: {
      ...defaults,
      limits: { packBytes: 1, objects: 1, fileBytes: 1 },
      url: 'https://git.example.com/os.git',
      ref: o.mode === 'Tag' ? { tag: 'v1' } : { branch: 'main' },
      ...(o.mode === undefined ? {} : { verify: { mode: o.mode } }),
    },
    status: { verification: { ...judged, basis, signers, revision: `main@sha1:${commit}` } },
  };
}

async function says(source: SystemSource, gitRules: () => Rules<GitAuthority>): Promise<(string | undefined)[]> {
  const said = await verifiedWhileSuspended(source, { trust: { gitRules }, readSecret: async () => undefined, now: () => 0 });
  return [said?.status, said?.reason];
}

test('it goes on saying what was judged while the policies are the same', async () => {
  assert.deepEqual(await says(sourceOf(), () => rules('before')), ['True', 'Trusted']);
  assert.deepEqual(await says({ ...sourceOf(), status: {} }, () => rules('before')), [undefined, undefined]);
});

test('it says that nobody knows when who may sign has changed, and no more that the commit is verified', async () => {
  assert.deepEqual(await says(sourceOf(), () => rules('after', [key])), ['Unknown', 'Suspended']);
});

test('of a tag, whose object is not asked for, the keys are looked at', async () => {
  const source = sourceOf({ mode: 'Tag', basis: 'of the tag' });
  assert.deepEqual(await says(source, () => rules('after')), ['True', 'Trusted']);
  assert.deepEqual(await says(source, () => rules('after', [key])), ['Unknown', 'Suspended']);
});

function reading(): never {
  throw new TransientError('TrustNotLoaded', 'not all TrustPolicies are read yet');
}

test('it says nothing while policies are being read', async () => {
  await assert.rejects(says(sourceOf(), reading), WaitingError);
});
