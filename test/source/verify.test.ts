import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import type { SystemSource } from '../../controller/api/system-source.ts';
import { type TrustPolicySpec, trustpolicies } from '../../controller/api/trust-policy.ts';
import { registry } from '../../controller/telemetry/metric-table.ts';
import { fingerprintOfSSH } from '../../controller/trust/fingerprint.ts';
import { signHead, signedMerge, signedTag } from '../cluster/signed-commits.ts';
import { until } from '../kube/until.ts';
import { samplesOf } from '../telemetry/exposition.ts';
import { type CraftedKey, ed25519Key, publicLine } from '../trust/commits/sshsig.ts';
import { type RunningController, type SourceWorld, definitionYaml, startSourceWorld } from './source-fixture.ts';

let world: SourceWorld;
let controller: RunningController;
before(async () => {
  world = await startSourceWorld();
  controller = await world.startController();
});
after(async () => {
  await controller.stop();
  await world.stop();
});

const [alice, bob] = [ed25519Key(), ed25519Key()];
const signers = (...keys: CraftedKey[]): string => keys.map((key, i) => `signer${i}@example.com ${publicLine(key)}\n`).join('');

async function secret(name: string, data: Record<string, string>): Promise<void> {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: defaultNamespace }, data: encoded } as const;
  await world.admin.apply(secrets, object, { fieldManager: 'test' });
}

async function policy(name: string, spec: object): Promise<void> {
  const object = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name },
    spec: spec as TrustPolicySpec,
  } as const;
  await world.admin.apply(trustpolicies, object, { fieldManager: 'test', force: true });
}

/** The prefix that covers one repository of the Git server. */
const prefixOf = (repository: string): string => `${new URL(world.git.url).host}/${repository}`;

const verified = (source: SystemSource): [string | undefined, string | undefined] => {
  const condition = conditionOf(source.status?.conditions, 'SourceVerified');
  return [condition?.status, condition?.reason];
};
const eventsOf = (name: string): string[] => controller.events.filter(e => e.regarding.name === name).map(e => e.reason);
const countedOf = async (policy: string): Promise<(string | undefined)[]> =>
  samplesOf(await registry.metrics())
    .filter(({ name, labels }) => name === 'scantling_trust_verifications_total' && labels['policy'] === policy)
    .map(({ labels }) => labels['result']);

describe('a SystemSource whose commits are verified', () => {
  it('says that they are not while nobody has asked for it', async () => {
    const git = await world.source('open', { 'a.yaml': definitionYaml('open') });
    const source = await world.ready('open', 'Succeeded', await git.head());
    assert.deepEqual(verified(source), ['Unknown', 'NotConfigured']);
    assert.equal(source.status?.verification?.decision, 'NotConfigured');
    assert.equal(source.status?.lastVerifiedRevision, undefined);
    await world.remove('open');
  });

  it('applies nothing of an unsigned commit, and what is signed by its own keys', async () => {
    await secret('own-keys', { allowed_signers: signers(alice) });
    const git = await world.source(
      'own',
      { 'a.yaml': definitionYaml('own') },
      { verify: { mode: 'Head', secretRef: { name: 'own-keys' } } },
    );
    const refused = await world.ready('own', 'Untrusted', await git.head());
    assert.match(await world.message('own'), /is not signed; by spec\.verify ssh has to sign/);
    assert.deepEqual(verified(refused), ['False', 'Untrusted']);
    assert.equal(await world.definition('own'), undefined);
    assert.equal(refused.status?.lastAppliedRevision, undefined);
    await until('the event', () => eventsOf('own').includes('SourceRefused'));
    const good = await signHead(git, alice);
    const source = await world.ready('own', 'Succeeded', good);
    assert.deepEqual(verified(source), ['True', 'Trusted']);
    assert.equal(source.status?.lastVerifiedRevision, `main@sha1:${good}`);
    assert.deepEqual(source.status?.verification?.signers, [
      { authority: 'spec.verify/ssh', form: 'SSH', key: fingerprintOfSSH(alice.blob) },
    ]);
    assert.ok(await world.definition('own'));
    const first = eventsOf('own');
    assert.ok(first.includes('SourceTrusted') && first.includes('NewRevision'), String(first));

    await git.commit(
      { 'a.yaml': definitionYaml('own', '  kernelArguments: [quiet]\n'), 'b.yaml': definitionYaml('own-2') },
      'unsigned',
    );
    const again = await world.ready('own', 'Untrusted', await git.head());
    assert.match(await world.message('own'), new RegExp(`; ${good.slice(0, 12)} stays applied$`));
    assert.equal(again.status?.lastAppliedRevision, `main@sha1:${good}`);
    assert.equal(again.status?.lastVerifiedRevision, `main@sha1:${good}`);
    assert.equal((await world.definition('own'))?.spec.kernelArguments, undefined);
    assert.equal(await world.definition('own-2'), undefined);
    await world.remove('own');
  });

  it('judges again at once when a policy comes, revokes or goes, and deletes nothing', async () => {
    const git = await world.source('ruled', { 'a.yaml': definitionYaml('ruled') });
    const signed = await signHead(git, bob);
    await world.ready('ruled', 'Succeeded', signed);
    const scope = { prefix: prefixOf('ruled') };
    const authorities = [
      { name: 'alice', ssh: { allowedSigners: signers(alice) } },
      { name: 'bob', ssh: { allowedSigners: signers(bob) } },
    ];
    await policy('ruled', { scope, subjects: ['Git'], authorities: authorities.slice(0, 1) });
    const refused = await world.ready('ruled', 'Untrusted', signed);
    assert.match(await world.message('ruled'), /by TrustPolicy ruled alice has to sign; it was applied when it was allowed/);
    assert.equal(refused.status?.lastAppliedRevision, `main@sha1:${signed}`);
    assert.ok(await world.definition('ruled'));

    await policy('ruled', { scope, subjects: ['Git'], authorities });
    const trusted = await world.ready('ruled', 'Succeeded', signed);
    assert.deepEqual(
      [trusted.status?.verification?.policy, trusted.status?.verification?.signers?.[0]?.authority],
      ['ruled', 'ruled/bob'],
    );

    const revoked = [{ fingerprint: fingerprintOfSSH(bob.blob), reason: 'lost' }];
    await policy('ruled', { scope, subjects: ['Git'], authorities, revoked });
    const source = await world.ready('ruled', 'Revoked', signed);
    assert.deepEqual(verified(source), ['False', 'Revoked']);
    assert.ok(await world.definition('ruled'));
    // Whoever still counts signs what comes next, and vouches for what is below it.
    await git.commit({ 'c.txt': 'reviewed\n' }, 'reviewed');
    await world.ready('ruled', 'Succeeded', await signHead(git, alice));

    await policy('ruled', { scope, subjects: ['Git'], mode: 'Skip' });
    await until('it is said', async () => verified(await world.get('ruled'))[1] === 'Skipped');
    await policy('ruled', { scope, subjects: ['Git'], authorities: authorities.slice(1), mode: 'Warn', revoked });
    await until('it is said', async () => verified(await world.get('ruled'))[1] === 'Warned');
    await world.ready('ruled', 'Succeeded', await git.head());
    assert.ok(eventsOf('ruled').includes('TrustWarned'));

    const bare = await world.source('uncovered', { 'a.yaml': definitionYaml('uncovered') });
    await world.ready('uncovered', 'NoPolicy', await bare.head());
    await world.admin.delete(trustpolicies, 'ruled');
    await world.ready('uncovered', 'Succeeded', await bare.head());
    for (const name of ['ruled', 'uncovered']) await world.remove(name);
  });

  it('verifies every commit since the last one, over all parents of a merge', async () => {
    await secret('line-keys', { allowed_signers: signers(alice, bob) });
    const verify = { mode: 'Ancestry', secretRef: { name: 'line-keys' } } as const;
    const git = await world.source('line', { 'a.yaml': definitionYaml('line') }, { verify });
    await git.commit({ 'old.txt': 'unsigned, before the first that is verified\n' }, 'old');
    await world.ready('line', 'Succeeded', await signHead(git, alice));

    // Three signed commits at once, one of them on a branch that is merged.
    await git.commit({ 'b.txt': '1\n' }, 'one');
    const one = await signHead(git, bob);
    await git.commit({ 'c.txt': '1\n' }, 'side', { branch: 'side', parent: one });
    await signHead(git, bob, 'side');
    await git.commit({ 'd.txt': '1\n' }, 'two');
    await signHead(git, alice);
    const merged = await signedMerge(git, alice, 'side');
    const source = await world.ready('line', 'Succeeded', merged);
    assert.equal(source.status?.verification?.signers?.length, 2);

    // A signed merge of a branch with an unsigned commit in its middle.
    await git.commit({ 'e.txt': '1\n' }, 'unsigned', { branch: 'bad', parent: merged });
    const unsigned = await git.head('bad');
    await git.commit({ 'f.txt': '1\n' }, 'signed', { branch: 'bad' });
    await signHead(git, alice, 'bad');
    await signedMerge(git, alice, 'bad');
    await world.ready('line', 'Untrusted', await git.head());
    assert.match(
      await world.message('line'),
      new RegExp(`^commit ${unsigned?.slice(0, 12)}, which \\w+ brings with it, does not count`),
    );
    assert.equal((await world.get('line')).status?.lastVerifiedRevision, `main@sha1:${merged}`);
    await world.patch('line', { verify: { from: await git.head() } });
    await world.ready('line', 'Succeeded', await git.head());
    await world.remove('line');
  });

  it('verifies the tag that it follows', async () => {
    await secret('tag-keys', { allowed_signers: signers(alice) });
    const spec = { ref: { tag: 'v1' }, verify: { mode: 'Tag', secretRef: { name: 'tag-keys' } } } as const;
    const git = await world.source('tagged', { 'a.yaml': definitionYaml('tagged') }, spec);
    const oid = (await git.head()) ?? '';
    await git.tag(['v1'], oid);
    await world.ready('tagged', 'Untrusted', oid);
    assert.match(await world.message('tagged'), /names no annotated tag/);
    await signedTag(git, bob, { name: 'v1', oid });
    await until('the tag is seen', async () => /not among its keys/.test(await world.message('tagged')));
    await signedTag(git, alice, { name: 'v0', ref: 'v1', oid });
    await until('the tag is seen', async () => /the tag calls itself "v0", not "v1"/.test(await world.message('tagged')));
    await signedTag(git, alice, { name: 'v1', oid });
    const source = await world.ready('tagged', 'Succeeded', oid);
    assert.deepEqual(verified(source), ['True', 'Trusted']);
    await world.remove('tagged');
  });

  it('asks nothing again after a restart, and refuses nothing that could not be looked at', async () => {
    await secret('kept-keys', { allowed_signers: signers(alice) });
    const git = await world.source(
      'kept',
      { 'a.yaml': definitionYaml('kept') },
      { verify: { mode: 'Head', secretRef: { name: 'kept-keys' } } },
    );
    const oid = await signHead(git, alice);
    await world.ready('kept', 'Succeeded', oid);
    await controller.stop();
    world.git.requests.clear();
    controller = await world.startController();
    await world.twoPolls('kept');
    const before = (await world.get('kept')).status?.verification;
    assert.equal(before?.decision, 'Trusted');

    await git.commit({ 'g.txt': '1\n' }, 'next');
    // A poll's answer is shorter.
    const fault = world.git.requests.fail(({ path }) => path === '/kept.git/git-upload-pack', { cutAfterBytes: 250 });
    const next = await signHead(git, alice);
    await until(
      'the fetch fails',
      async () => conditionOf((await world.get('kept')).status?.conditions, 'Ready')?.status === 'False',
    );
    assert.match(await world.message('kept'), /^http/);
    assert.deepEqual(verified(await world.get('kept')), ['True', 'Trusted']);
    fault();
    await world.ready('kept', 'Succeeded', next);
    await world.remove('kept');
  });

  it('verifies with the lesser transport too, as far as that goes', async t => {
    world.git.settings.protocolV2 = false;
    t.after(() => {
      world.git.settings.protocolV2 = true;
    });
    await secret('lesser-keys', { allowed_signers: signers(alice) });
    const verify = { mode: 'Ancestry', secretRef: { name: 'lesser-keys' } } as const;
    const git = await world.source('lesser', { 'a.yaml': definitionYaml('lesser') }, { verify });
    const first = await world.ready('lesser', 'Succeeded', await signHead(git, alice));
    assert.equal(first.status?.transport, 'v1-shallow');
    await git.commit({ 'b.txt': '1\n' }, 'one');
    await signHead(git, alice);
    await git.commit({ 'b.txt': '2\n' }, 'two');
    await world.ready('lesser', 'Succeeded', await signHead(git, alice));
    await git.commit({ 'b.txt': '3\n' }, 'unsigned');
    await git.commit({ 'b.txt': '4\n' }, 'signed');
    await world.ready('lesser', 'Untrusted', await signHead(git, alice));
    const oid = (await git.head()) ?? '';
    await signedTag(git, alice, { name: 'v1', oid });
    await world.patch('lesser', { ref: { branch: null, tag: 'v1' }, verify: { mode: 'Tag' } });
    await world.ready('lesser', 'Succeeded', oid);
    await world.remove('lesser');
  });

  it('counts what cannot be judged, because the server does not give it, as failed and not as refused', async t => {
    world.git.settings.protocolV2 = false;
    const end = world.git.requests.fail(e => e.path.startsWith('/withheld.git') && e.method === 'POST', { status: 503 });
    t.after(() => {
      world.git.settings.protocolV2 = true;
      end();
    });
    const authorities = [{ name: 'people', ssh: { allowedSigners: signers(alice) } }];
    await policy('withheld', { scope: { prefix: prefixOf('withheld') }, subjects: ['Git'], authorities });
    await world.source('withheld', { 'a.yaml': definitionYaml('withheld') });
    await until('a failed look-up is counted', async () => (await countedOf('withheld')).includes('failed'));
    assert.deepEqual(await countedOf('withheld'), ['failed']);
    await world.remove('withheld');
    await world.admin.delete(trustpolicies, 'withheld');
  });

  it('judges what a limited authority changes by the trees', async () => {
    const git = await world.source('parts', {
      'systems/a.yaml': definitionYaml('parts'),
      'edge/b.yaml': definitionYaml('parts-edge'),
    });
    const scope = { prefix: prefixOf('parts') };
    const authorities = [
      { name: 'all', ssh: { allowedSigners: signers(alice) } },
      { name: 'edge', paths: ['edge/**'], ssh: { allowedSigners: signers(bob) } },
    ];
    await policy('parts', { scope, subjects: ['Git'], authorities });
    await world.ready('parts', 'Succeeded', await signHead(git, alice));
    await git.commit({ 'edge/deep/c.txt': '1\n' }, 'within');
    const within = await world.ready('parts', 'Succeeded', await signHead(git, bob));
    assert.equal(within.status?.verification?.signers?.[0]?.authority, 'parts/edge');
    await git.commit({ 'edge/b.yaml': null, 'systems/d.txt': '1\n' }, 'beyond');
    await world.ready('parts', 'Untrusted', await signHead(git, bob));
    assert.match(
      await world.message('parts'),
      /the commit changes "systems\/d\.txt", and signer0@example\.com may sign for edge\/\*\* only/,
    );
    assert.ok(await world.definition('parts-edge'), 'nothing of it is removed');
    await world.admin.delete(trustpolicies, 'parts');
    await world.remove('parts');
  });
});
