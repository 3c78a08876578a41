/** `scantling trust` on a cluster: what it writes, what the API server refuses, and keys that wait for a person. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { trustpolicies, type TrustPolicy, type TrustPolicyStatusPendingKey } from '../../controller/api/trust-policy.ts';
import { crds, customResourceDefinitions, established } from '../cluster/manifests.ts';
import { startApi, type Api } from '../kube/api-fixture.ts';
import { trustDirectory } from './trust-directory.ts';
import { cosignKey, openPGPKey, type TestKey } from './trust-keys.ts';
import { run, type Ran } from './trust-run.ts';

describe('trust on a cluster', () => {
  const d = trustDirectory();
  let api: Api;
  let number = 0;
  before(async () => {
    api = await startApi();
    for (const crd of crds().filter(c => c.metadata.name.startsWith('trustpolicies'))) {
      await api.admin.apply(customResourceDefinitions, crd, { fieldManager: 'test' });
      await established(api.admin, crd.metadata.name);
    }
  });
  after(() => api?.stop());

  const trust = (words: readonly string[], o?: Parameters<typeof run>[1]): Promise<Ran> =>
    run(['trust', ...words, '--kubeconfig', api.cluster.adminKubeconfig], o);
  const throughProxy = (words: readonly string[], o?: Parameters<typeof run>[1]): Promise<Ran> =>
    run(['trust', ...words, '--kubeconfig', api.proxy.kubeconfigFor(api.cluster.adminToken)], o);
  const get = (name: string): Promise<TrustPolicy> => api.admin.get(trustpolicies, name);
  /** A prefix of its own for each test. */
  const newPrefix = (): string => `registry.example.com/os-${number++}`;
  const pending = async (key: TestKey, more: Partial<TrustPolicyStatusPendingKey> = {}): Promise<string> => {
    const prefix = newPrefix();
    const name = prefix.replaceAll(/[^a-z0-9]+/g, '-');
    const spec = { scope: { prefix }, discovery: { enabled: true } };
    const policy = { apiVersion: 'scantling.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name }, spec };
    await api.admin.apply(trustpolicies, policy, { fieldManager: 'test' });
    const location = 'https://example.com/k.pem';
    const status = { pendingKeys: [{ fingerprint: key.fingerprint, location, key: key.text, ...more }] };
    await api.admin.mergePatch(trustpolicies, name, { status }, { fieldManager: 'test', subresource: 'status' });
    return name;
  };

  test('a key makes a policy, and the next one goes into it', async () => {
    const prefix = newPrefix();
    const first = await trust(['add', d.file, '--prefix', prefix, '--policy', 'grows'], { answers: ['yes'] });
    assert.equal(first.code, 0, first.said);
    const second = d.put('second.pub', (await cosignKey()).text);
    assert.equal((await trust(['add', second, '--prefix', prefix, '--authority', 'second'], { answers: ['yes'] })).code, 0);
    const { spec, metadata } = await get('grows');
    assert.deepEqual([spec.authorities?.length, spec.authorities?.[1]?.name, spec.mode], [2, 'second', 'Enforce']);
    assert(metadata.managedFields?.every(f => f.manager === 'scantling-cli'));
  });

  test('what the API server refuses is said in its words, and nothing is written', async () => {
    const { code, said } = await trust(['add', d.file, '--prefix', newPrefix(), '--policy', 'Wrong_Name'], { answers: ['yes'] });
    assert.equal(code, 1);
    assert.match(said, /Wrong_Name/);
  });

  test('every write is tried first', async () => {
    const wanted = { resource: 'trustpolicies', verb: 'create' };
    const before = api.proxy.calls(wanted).length;
    await throughProxy(['add', d.file, '--prefix', newPrefix()], { answers: ['yes'] });
    const writes = api.proxy.calls(wanted).slice(before);
    assert.deepEqual(
      writes.map(({ query }) => query['dryRun']),
      ['All', undefined],
    );
  });

  test('a key that waits is shown, asked about, and becomes an authority', async () => {
    const key = await cosignKey();
    const name = await pending(key);
    assert.match((await trust(['list'])).out, new RegExp(`${name}.*Pending +${key.fingerprint}`));
    const declined = await trust(['approve', key.fingerprint], { answers: ['no'] });
    assert.equal(declined.code, 1);
    assert.match(declined.said, /^Key: +https:\/\/example\.com\/k\.pem$/m);
    assert.equal((await get(name)).spec.authorities, undefined);
    assert.equal((await trust(['approve', key.fingerprint], { answers: ['yes'] })).code, 0);
    assert.equal((await get(name)).spec.authorities?.[0]?.key?.data, key.text);
  });

  test('without a terminal the whole fingerprint is the answer, and its beginning is none (T9)', async () => {
    const key = await cosignKey();
    await pending(key);
    assert.equal((await trust(['approve', key.fingerprint.slice(0, 20)])).code, 2);
    assert.equal((await trust(['approve', key.fingerprint])).code, 0);
  });

  test('accepting a key that waits never accepts the next one (W3)', async () => {
    const [first, second] = [await cosignKey(), await cosignKey()];
    const name = await pending(first);
    const status = { pendingKeys: [first, second].map(k => ({ fingerprint: k.fingerprint, key: k.text })) };
    await api.admin.mergePatch(trustpolicies, name, { status }, { fieldManager: 'test', subresource: 'status' });
    await trust(['approve', first.fingerprint], { answers: ['yes', 'yes'] });
    assert.equal((await get(name)).spec.authorities?.length, 1);
  });

  test('a fingerprint that is not that of the key beside it approves nothing', async () => {
    const [shown, hidden] = [await cosignKey(), await cosignKey()];
    const name = await pending(shown, { key: hidden.text });
    const { code, said } = await trust(['approve', shown.fingerprint], { answers: ['yes'] });
    assert.equal(code, 1);
    assert.match(said, /no key of the fingerprint .* waits/);
    assert.equal((await get(name)).spec.authorities, undefined);
  });

  test('a key that waits and was revoked meanwhile is not approved (W4)', async () => {
    const key = await cosignKey();
    const name = await pending(key);
    assert.equal((await trust(['revoke', key.fingerprint])).code, 0);
    assert.deepEqual((await get(name)).spec.revoked, [{ fingerprint: key.fingerprint }]);
    assert.match((await trust(['approve', key.fingerprint], { answers: ['yes'] })).said, /is revoked/);
  });

  test('a key for commits does not get into a policy of images', async () => {
    const key = await openPGPKey('alice');
    await pending(key);
    const { code, said } = await trust(['approve', key.fingerprint], { answers: ['yes'] });
    assert.equal(code, 1);
    assert.match(said, /add Git to spec\.subjects/);
  });

  test('a policy that was changed meanwhile is not overwritten', async () => {
    const prefix = newPrefix();
    await trust(['add', d.file, '--prefix', prefix, '--policy', 'contended'], { answers: ['yes'] });
    const second = d.put('second.pub', (await cosignKey()).text);
    const conflict = api.proxy.fail({ resource: 'trustpolicies', verb: 'patch' }, { status: 409 });
    const { code, said } = await throughProxy(['add', second, '--prefix', prefix], { answers: ['yes'] });
    conflict.remove();
    assert.equal(code, 1);
    assert.match(said, /was changed by somebody else meanwhile; nothing was written/);
  });

  test('who applies the policy from Git is named, since he may undo it', async () => {
    const prefix = newPrefix();
    await trust(['add', d.file, '--prefix', prefix, '--policy', 'flux'], { answers: ['yes'] });
    const metadata = { labels: { 'kustomize.toolkit.fluxcd.io/name': 'policies' } };
    await api.admin.mergePatch(trustpolicies, 'flux', { metadata }, { fieldManager: 'test' });
    assert.match(
      (await trust(['revoke', d.key.fingerprint, '--policy', 'flux'])).out,
      /Flux applies it, and may undo this: change its files with --file/,
    );
  });
});
