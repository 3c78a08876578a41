/** Images are signed and judged before they count as built: on a real API server and a real registry, with a base that has a package database. */
import assert from 'node:assert/strict';
import { randomBytes, scryptSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { type ImageBuild, imagebuilds } from '../../controller/api/image-build.ts';
import { defaultNamespace, requestedAt, signsAnnotation } from '../../controller/api/names.ts';
import { type SystemDefinitionSpecSigning, systemdefinitions } from '../../controller/api/system-definition.ts';
import type { FoundationBuilder, FoundationTask } from '../../controller/build/foundation-task.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import { keyAuthority, policyOf } from '../trust/policy-scene.ts';
import { StoredSignatures, type TestSigningKey, newSigningKey } from '../trust/signing-scene.ts';
import { type BuildCluster, because, inPhase, readyMessage, startBuildCluster } from './build-cluster.ts';
import { contextOf, pushBase } from './build-fixture.ts';
import { pushFoundation } from './push-foundation.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';
const password = 'the password of the key';
const workload = `registry.example.com/apps/web@sha256:${'cd'.repeat(32)}`;
const text = new TextEncoder();
const file = (path: string, content: string) => ({ path, mode: 0o644, bytes: text.encode(content) });
const files = {
  'etc/motd': 'hello\n',
  'usr/share/containers/systemd/web-app.container': `[Container]\nImage=${workload}\n`,
};

/** As cosign encrypts a key. */
function encrypted(pem: string, secret: string): string {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64');
  const [salt, nonce] = [randomBytes(32), randomBytes(24)];
  const sealed = xsalsa20poly1305(scryptSync(secret, salt, 32, { N: 1024, r: 8, p: 1 }), nonce).encrypt(der);
  const json = {
    kdf: { name: 'scrypt', params: { N: 1024, r: 8, p: 1 }, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(sealed).toString('base64'),
  };
  const label = 'ENCRYPTED SIGSTORE PRIVATE KEY';
  return `-----BEGIN ${label}-----\n${Buffer.from(JSON.stringify(json)).toString('base64')}\n-----END ${label}-----\n`;
}

const signed = (name: string): { keySecretRef: { name: string } } => ({ keySecretRef: { name } });

const finish = (definition: string): ReturnType<typeof contextOf> => contextOf({ definition, layers: [files] });

const digestsOf = ({ status }: ImageBuild): string[] => [
  status?.image?.digest ?? '',
  ...(status?.image?.platforms ?? []).map(p => p.digest),
];

const trustOf = ({ status }: ImageBuild) => conditionOf(status?.conditions, 'ImageTrusted');

const isBy =
  (...keys: TestSigningKey[]) =>
  (build: ImageBuild) => {
    const has = new Set(build.status?.signatures?.map(s => s.key));
    return (
      build.metadata.generation === build.status?.observedGeneration &&
      keys.every(k => has.has(k.fingerprint)) &&
      has.size === keys.length
    );
  };

const founded = (motd: string, containerfile = 'RUN true\n'): ReturnType<typeof contextOf> =>
  contextOf({ definition: 'founded', layers: [{ 'etc/motd': motd }], containerfile });

describe('an image that is to be signed', () => {
  let cluster: BuildCluster;
  let base: string;
  before(async () => {
    cluster = await startBuildCluster();
    const status = 'Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.37-2\n';
    const layer = writeTar([file('usr/lib/os-release', 'ID=debian\nVERSION_ID="13"\n'), file('var/lib/dpkg/status', status)]);
    ({ image: base } = await pushBase(cluster.registry, `${cluster.server.host}/base/debian`, { layers: [layer] }));
  });
  after(() => cluster?.stop());

  const secret = async (name: string, values: Readonly<Record<string, string>>, signs = 'built'): Promise<void> => {
    const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
    const annotations = { [signsAnnotation]: `${cluster.server.host}/${signs}` };
    const metadata = { name, namespace: defaultNamespace, annotations };
    const object = { apiVersion: 'v1', kind: 'Secret', metadata, data } as const;
    await cluster.admin.apply(secrets, object, { fieldManager: 'test' });
  };
  const storedOf = (definition: string): StoredSignatures => new StoredSignatures(cluster.server.host, `built/${definition}`);

  /** By each key each of the digests, once in each form and with each statement. */
  async function holds(build: ImageBuild, keys: readonly TestSigningKey[], statements = 3): Promise<void> {
    const stored = storedOf(build.spec.definitionRef.name);
    const reference = `${build.spec.output.repository}:${build.metadata.name}`;
    for (const digest of digestsOf(build)) {
      for (const key of keys) {
        assert.equal(await stored.taggedBy(digest, key, reference), 1, `${digest} .sig`);
        assert.equal((await stored.statementsBy(digest, key)).length, statements, `${digest} bundles`);
      }
    }
  }

  test('has signatures in both forms, its provenance and what is in it, on index and platforms', async t => {
    const key = await newSigningKey();
    await secret('signer', { 'cosign.key': encrypted(key.pem, password), 'cosign.password': password });
    const running = await cluster.start();
    t.after(() => running.stop());
    const context = finish('signed');
    const name = await cluster.ask(context, { base, signing: signed('signer'), revision: `main@sha1:${commit}` });
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    await holds(build, [key]);

    const { status, spec } = build;
    const digests = digestsOf(build);
    assert.equal(digests.length, 2);
    assert.deepEqual(
      status?.signatures,
      digests.flatMap(digest => ['Signature', 'Bundle'].map(form => ({ digest, key: key.fingerprint, form }))),
    );
    const types = ['https://slsa.dev/provenance/v1', 'https://spdx.dev/Document'];
    assert.deepEqual(
      status?.attestations,
      digests.flatMap(digest => types.map(predicateType => ({ digest, key: key.fingerprint, predicateType }))),
    );
    assert.equal(trustOf(build)?.status, 'Unknown');
    assert.equal(trustOf(build)?.reason, 'NotConfigured');

    for (const digest of digests) {
      const said = await storedOf('signed').statementsBy(digest, key);
      const provenance = JSON.stringify(said.find(s => s.predicateType === types[0])?.predicate);
      for (const wanted of [commit, spec.context.slice(7), base.slice(base.indexOf(':', base.indexOf('@')) + 1), 'cd'.repeat(32)])
        assert.ok(provenance.includes(wanted), wanted);
      const sbom = JSON.stringify(said.find(s => s.predicateType === types[1])?.predicate);
      for (const wanted of ['pkg:deb/debian/bash@5.2.37-2?arch=amd64&distro=debian-13', './etc/motd', 'pkg:oci/web@'])
        assert.ok(sbom.includes(wanted), wanted);
    }
    // Nothing of key or password is anywhere but in the Secret.
    const der = key.pem.replaceAll(/-----[^-]+-----|\s/g, '');
    assert.ok(running.lines.length > 0);
    for (const said of [JSON.stringify(build), JSON.stringify(running.events), running.lines.join('')])
      for (const hidden of [password, der, 'PRIVATE KEY']) assert.ok(!said.includes(hidden));
  });

  test('waits for its key, and says what is wrong with it, before anything is built', async t => {
    const running = await cluster.start();
    t.after(() => running.stop());
    const name = await cluster.ask(finish('keyless'), { base, signing: signed('missing') });
    const waiting = await cluster.becomes(name, 'waiting', because('SigningKeyNotFound'));
    assert.match(readyMessage(waiting), /Secret scantling-system\/missing not found/);
    assert.equal(waiting.status?.image, undefined);
    assert.equal(cluster.server.requests.log.filter(({ path }) => path.includes('keyless') && path.endsWith('.sig')).length, 0);

    const key = await newSigningKey();
    const ask = (value: string) =>
      cluster.admin.mergePatch(
        imagebuilds,
        name,
        { metadata: { annotations: { [requestedAt]: value } } },
        { fieldManager: 'test' },
      );
    await secret('missing', { 'cosign.key': encrypted(key.pem, password), 'cosign.password': 'SECRET-and-wrong' });
    await ask('1');
    const refused = await cluster.becomes(name, 'refused', because('SigningKeyInvalid'));
    assert.equal(refused.status?.phase, 'Failed');
    assert.match(readyMessage(refused), /Secret scantling-system\/missing: cosign\.key is not opened by cosign\.password/);
    for (const said of [JSON.stringify(refused), JSON.stringify(running.events), running.lines.join('')]) {
      assert.ok(!said.includes('SECRET-and-wrong'));
      assert.ok(!said.includes(password));
    }

    await secret('missing', { 'cosign.key': encrypted(key.pem, password), 'cosign.password': password });
    await ask('2');
    await holds(await cluster.becomes(name, 'Succeeded', inPhase('Succeeded')), [key]);
  });

  test('is signed with no key whose Secret does not say that it signs there', async t => {
    const [theirs, ours] = [await newSigningKey(), await newSigningKey()];
    await secret('theirs', { 'cosign.key': theirs.pem }, 'built/theirs');
    await secret('own', { 'cosign.key': ours.pem }, 'built/borrowed');
    const running = await cluster.start();
    t.after(() => running.stop());
    const name = await cluster.ask(finish('borrowed'), { base, signing: signed('theirs') });
    const waiting = await cluster.becomes(name, 'waiting', because('SigningKeyNotAllowed'));
    const { host } = cluster.server;
    assert.equal(
      readyMessage(waiting),
      `Secret scantling-system/theirs may sign only ${host}/built/theirs (annotation scantling.dev/signs), and not ${host}/built/borrowed; to allow it: ` +
        `kubectl --namespace scantling-system annotate secret theirs --overwrite 'scantling.dev/signs=${host}/built/theirs,${host}/built/borrowed'`,
    );
    assert.equal(waiting.status?.image, undefined);
    await assert.rejects(cluster.registry.resolve(`${waiting.spec.output.repository}:${name}`), { name: 'NotFoundError' });

    // Nor as the key before it, nor in an image that is there.
    const sign = async (signing: object): Promise<unknown> =>
      cluster.admin.mergePatch(imagebuilds, name, { spec: { signing } }, { fieldManager: 'test' });
    await sign(signed('own'));
    await holds(await cluster.becomes(name, 'signed', inPhase('Succeeded')), [ours]);
    await sign({ previousKeySecretRef: { name: 'theirs' } });
    const refused = await cluster.becomes(name, 'refused', because('SigningKeyNotAllowed'));
    assert.equal(refused.status?.phase, 'Succeeded');
    await holds(refused, [ours]);
    assert.equal(
      await storedOf('borrowed').taggedBy(digestsOf(refused)[0] ?? '', theirs, `${refused.spec.output.repository}:${name}`),
      0,
    );
  });

  test('is given on only when the policies allow it, and is tried again when they change', async t => {
    const [ours, theirs] = [await newSigningKey(), await newSigningKey()];
    await secret('ours', { 'cosign.key': ours.pem });
    const prefix = `${cluster.server.host}/built/judged`;
    const by = (key: TestSigningKey, generation: number) => {
      const policy = policyOf('images', { prefix, authorities: [keyAuthority('team', key.publicKey)] });
      return { ...policy, metadata: { ...policy.metadata, generation } };
    };
    const skipped = policyOf('bases', { prefix: `${cluster.server.host}/base`, mode: 'Skip' });
    const running = await cluster.start({ policies: [by(theirs, 1), skipped] });
    t.after(() => running.stop());
    const name = await cluster.ask(finish('judged'), { base, signing: signed('ours'), revision: `main@sha1:${commit}` });
    const refused = await cluster.becomes(name, 'refused', inPhase('Failed'));
    assert.equal(conditionOf(refused.status?.conditions, 'Ready')?.reason, 'Untrusted');
    assert.equal(refused.status?.failure?.step, 'judge');
    assert.deepEqual([trustOf(refused)?.status, trustOf(refused)?.reason], ['False', 'Untrusted']);
    assert.equal(refused.status?.image, undefined);
    assert.equal(refused.status?.trust?.policy, 'images');

    await running.door.enforce(by(ours, 2), skipped);
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual([trustOf(build)?.status, trustOf(build)?.reason], ['True', 'Trusted']);
    assert.deepEqual(
      build.status?.trust?.signers?.map(signer => [signer.authority, signer.key]),
      [
        ['images/team', ours.fingerprint],
        ['images/team', ours.fingerprint],
      ],
    );
    assert.ok(running.events.some(event => event.reason === 'ImageRefused'));
  });

  test('that was refused for want of a signature is signed and given on when its definition says with which key', async t => {
    const key = await newSigningKey();
    await secret('late', { 'cosign.key': key.pem });
    const prefix = `${cluster.server.host}/built/late`;
    const policy = policyOf('late', { prefix, authorities: [keyAuthority('team', key.publicKey)] });
    const skipped = policyOf('bases', { prefix: `${cluster.server.host}/base`, mode: 'Skip' });
    const running = await cluster.start({ policies: [policy, skipped] });
    t.after(() => running.stop());
    const name = await cluster.ask(finish('late'), { base });
    const refused = await cluster.becomes(name, 'refused', because('Untrusted'));
    assert.match(readyMessage(refused), /nothing is signed of/);
    const spec = { signing: { ...signed('late'), provenance: false, sbom: 'CycloneDX' } };
    await cluster.admin.mergePatch(imagebuilds, name, { spec }, { fieldManager: 'test' });
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    await holds(build, [key], 2);
    assert.deepEqual(new Set(build.status?.attestations?.map(a => a.predicateType)), new Set(['https://cyclonedx.org/bom']));
  });

  test('is not built on a base that no policy allows', async t => {
    const key = await newSigningKey();
    const prefix = `${cluster.server.host}/base`;
    const policy = policyOf('bases', { prefix, authorities: [keyAuthority('vendor', key.publicKey)] });
    const running = await cluster.start({ policies: [policy] });
    t.after(() => running.stop());
    const name = await cluster.ask(finish('on-untrusted'), { base });
    const refused = await cluster.becomes(name, 'refused', because('Untrusted'));
    assert.match(readyMessage(refused), /base image .* is not trusted: .*nothing is signed/);
    assert.equal(refused.status?.phase, 'Failed');
    await assert.rejects(cluster.registry.resolve(`${refused.spec.output.repository}:${name}`), { name: 'NotFoundError' });
  });

  test('is signed with the new key without a new build, as is every other one that is kept', async t => {
    const [old, fresh] = [await newSigningKey(), await newSigningKey()];
    await secret('old', { 'cosign.key': old.pem });
    await secret('fresh', { 'cosign.key': encrypted(fresh.pem, password), 'cosign.password': password });
    const define = async (signing: Pick<SystemDefinitionSpecSigning, 'keySecretRef' | 'previousKeySecretRef'>): Promise<void> => {
      const spec = { base: { image: base }, output: { repository: `${cluster.server.host}/built/rotated` }, signing };
      const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', metadata: { name: 'rotated' } };
      await cluster.admin.apply(systemdefinitions, { ...object, spec }, { fieldManager: 'test' });
    };
    await define(signed('old'));
    const running = await cluster.start();
    t.after(() => running.stop());
    const names = [
      await cluster.ask(finish('rotated'), { base, signing: signed('old') }),
      await cluster.ask(contextOf({ definition: 'rotated', layers: [{ 'etc/motd': 'other' }] }), {
        base,
        signing: signed('old'),
      }),
    ];
    const before = [];
    for (const name of names) before.push(await cluster.becomes(name, 'Succeeded', inPhase('Succeeded')));
    for (const build of before) await holds(build, [old]);

    await define({ ...signed('fresh'), previousKeySecretRef: { name: 'old' } });
    for (const [i, name] of names.entries()) {
      const build = await cluster.becomes(name, 'signed by both', isBy(old, fresh));
      await holds(build, [old, fresh]);
      assert.deepEqual(build.status?.image, before[i]?.status?.image);
      assert.equal(build.status?.attempts, 1);
      assert.equal(build.status?.completionTime, before[i]?.status?.completionTime);
    }
    await define(signed('fresh'));
    for (const name of names) await cluster.becomes(name, 'signed by the new key', isBy(fresh));
    assert.ok(running.events.some(event => event.reason === 'ImageSigned'));

    // A key that is gone takes nothing away from an image that is there.
    await define(signed('nobody'));
    const waiting = await cluster.becomes(names[0] ?? '', 'waiting for its key', because('SigningKeyNotFound'));
    assert.equal(waiting.status?.phase, 'Succeeded');
    assert.deepEqual(waiting.status?.image, before[0]?.status?.image);
  });

  test('takes no foundation by its tag that the policies do not allow, and signs those that it makes', async t => {
    const key = await newSigningKey();
    await secret('founder', { 'cosign.key': key.pem });
    const repository = `${cluster.server.host}/built/founded`;
    const policy = policyOf('founded', { prefix: repository, authorities: [keyAuthority('team', key.publicKey)] });
    const skipped = policyOf('bases', { prefix: `${cluster.server.host}/base`, mode: 'Skip' });
    let made = 0;
    const keys: string[] = [];
    const builder: FoundationBuilder = {
      architecture: 'amd64',
      build: async task => {
        made++;
        keys.push(task.key, task.tag);
        return { digest: await pushFoundation(cluster.registry, task, [`made ${made}`]), warnings: [] };
      },
    };
    const running = await cluster.start({ builder, policies: [policy, skipped] });
    t.after(() => running.stop());
    const ask = (motd: string): Promise<string> => cluster.ask(founded(motd), { base, repository, signing: signed('founder') });
    const first = await cluster.becomes(await ask('1'), 'Succeeded', inPhase('Succeeded'));
    assert.equal(made, 1);
    const [foundation] = first.status?.foundations ?? [];
    const digest = foundation?.reference.split('@')[1] ?? '';
    const [, tag = ''] = keys;
    assert.equal(await storedOf('founded').taggedBy(digest, key, `${repository}:${tag}`), 1);

    // Nobody remembers who built it; its signature says so.
    await cluster.admin.delete(imagebuilds, first.metadata.name);
    const second = await cluster.becomes(await ask('2'), 'Succeeded', inPhase('Succeeded'));
    assert.equal(made, 1);
    assert.equal(second.status?.foundations?.[0]?.reference, foundation?.reference);

    // Somebody else pushes one under the tag.
    await cluster.admin.delete(imagebuilds, second.metadata.name);
    const planted = await pushFoundation(cluster.registry, { base, repository, tag, key: foundation?.key ?? '' }, ['planted']);
    const third = await cluster.becomes(await ask('3'), 'Succeeded', inPhase('Succeeded'));
    assert.equal(made, 2);
    assert.notEqual(third.status?.foundations?.[0]?.reference, `${repository}@${planted}`);
    assert.ok(running.events.some(event => event.reason === 'FoundationRefused'));
  });

  test('is made on no foundation that only its tag vouches for, and what was made on one is not signed later', async t => {
    const key = await newSigningKey();
    await secret('wary', { 'cosign.key': key.pem });
    const repository = `${cluster.server.host}/built/wary`;
    const made: FoundationTask[] = [];
    const builder: FoundationBuilder = {
      architecture: 'amd64',
      build: async task => {
        made.push(task);
        return { digest: await pushFoundation(cluster.registry, task, [`made ${made.length}`]), warnings: [] };
      },
    };
    const running = await cluster.start({ builder });
    t.after(() => running.stop());
    const ask = (motd: string, change: { signing?: ReturnType<typeof signed> }): Promise<string> =>
      cluster.ask(founded(motd, 'RUN echo wary\n'), { base, repository, ...change });
    const built = async (name: string): Promise<ImageBuild> => cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    const first = await built(await ask('a', {}));
    const [task] = made;
    assert.ok(task);
    const plant = (name: string): Promise<string> => pushFoundation(cluster.registry, { ...task, base }, [name]);

    await cluster.admin.delete(imagebuilds, first.metadata.name);
    const planted = await plant('planted without a policy');
    const second = await built(await ask('b', { signing: signed('wary') }));
    assert.notEqual(second.status?.foundations?.[0]?.reference, `${repository}@${planted}`);
    assert.equal(made.length, 2);

    await cluster.admin.delete(imagebuilds, second.metadata.name);
    const other = await newSigningKey();
    await running.door.enforce(
      policyOf('bases', { prefix: `${cluster.server.host}/base`, mode: 'Skip' }),
      policyOf('wary', { prefix: repository, mode: 'Warn', authorities: [keyAuthority('team', other.publicKey)] }),
    );
    await plant('planted while the policy warns');
    const third = await built(await ask('c', { signing: signed('wary') }));
    assert.equal(made.length, 3);
    assert.ok(running.events.some(event => event.reason === 'FoundationRefused'));

    // Without a key nothing is said of the image, and who may push there may push the image itself.
    await cluster.admin.delete(imagebuilds, third.metadata.name);
    const taken = await plant('planted where nothing is signed');
    const name = await ask('d', {});
    const fourth = await built(name);
    assert.equal(fourth.status?.foundations?.[0]?.reference, `${repository}@${taken}`);
    await cluster.admin.mergePatch(
      imagebuilds,
      name,
      { spec: { signing: { ...signed('wary'), provenance: true, sbom: 'SPDX' } } },
      { fieldManager: 'test' },
    );
    const unsigned = await cluster.becomes(name, 'refused', because('Untrusted'));
    assert.match(readyMessage(unsigned), /foundation .* was found by its tag/);
    assert.equal(unsigned.status?.signatures, undefined);
  });
});
