/** Policies in files that several commands change. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { TrustPolicy } from '../../controller/api/trust-policy.ts';
import { openPolicyFiles, readPolicyFiles } from '../../controller/cli/policy-files.ts';
import type { PolicyEdit } from '../../controller/cli/trust-edit.ts';
import { trustDirectory } from './trust-directory.ts';
import { run } from './trust-run.ts';

const d = trustDirectory();

function policy(name: string): TrustPolicy {
  const scope = { prefix: `registry.example.com/${name}` };
  const spec = { scope, subjects: ['Image' as const], mode: 'Skip' as const, require: 'Any', exclusive: false };
  return { apiVersion: 'scantling.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name }, spec };
}

function revoking(digit: string): PolicyEdit {
  return { kind: 'revoke', entry: { fingerprint: digit.repeat(64) } };
}

describe('commands that change files at the same time', () => {
  test('lose nothing of each other', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const stores = await Promise.all(names.map(() => openPolicyFiles(d.policies)));
    await Promise.all(stores.map((store, i) => store.create(policy(names[i] ?? ''))));
    const now = (await readPolicyFiles([d.policies])).map(found => found.policy.metadata.name);
    assert.deepEqual(now.toSorted(), names);
    assert.deepEqual(
      readdirSync(d.path).filter(file => file.startsWith('.')),
      [],
    );
  });

  test('refuse what was changed since it was read', async () => {
    await (await openPolicyFiles(d.policies)).create(policy('os'));
    const [first, second] = [await openPolicyFiles(d.policies), await openPolicyFiles(d.policies)];
    const [os] = await first.policies();
    assert.ok(os);
    await first.change(os, [revoking('a')]);
    await assert.rejects(second.change(os, [revoking('b')]), /changed by somebody else meanwhile; nothing was written/);
    assert.deepEqual(d.stored().spec.revoked, [{ fingerprint: 'a'.repeat(64) }]);
  });

  test('leave a link to the file, and write where it leads', async () => {
    await (await openPolicyFiles(d.policies)).create(policy('os'));
    const link = d.put('link.yaml', '');
    rmSync(link);
    symlinkSync(d.policies, link);
    const { code, said } = await run(['trust', 'revoke', 'a'.repeat(64), '--policy', 'os', '--file', link]);
    assert.equal(code, 0, said);
    assert.equal(readlinkSync(link), d.policies);
    assert.deepEqual(d.stored().spec.revoked, [{ fingerprint: 'a'.repeat(64) }]);
  });
});
