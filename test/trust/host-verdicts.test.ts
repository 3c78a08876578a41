/**
 * What hosts do with the files that are made of policies, by the library that reads them on hosts: each case is an image in a real registry, signed by a signer that is none
 * of ours, and what bootc's and podman's part of a pull makes of it. The first hosts know no list of keys; what needs one they refuse, with the whole file.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createRegistry } from '../../controller/registry/client.ts';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { type HostFiles, hostFiles } from '../../controller/trust/host-policy.ts';
import { pushSignatures } from '../../controller/trust/push-signature.ts';
import type { KeyAuthority, Revocation, ScopedPolicy } from '../../controller/trust/rules.ts';
import { openSigningKey } from '../../controller/trust/signing-key.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { type HostProgram, PullingHost, hostPrograms, installedSkopeo } from '../cluster/host-policy.ts';
import { type TestImage, newImage, newIndex } from './corpus/image.ts';
import { type KeyKind, type TestKey, newKey } from './corpus/keys.ts';
import { Repository } from './corpus/repository.ts';
import { payloadOf, pushLayers, signImageWith, signedLayer } from './corpus/simple-signing.ts';
import { keyAuthorityOf, keylessAuthorityOf, scopedPolicy } from './host-scene.ts';

const now = Date.parse('2026-06-01T00:00:00Z');
const a = newKey();
const b = newKey();
const c = newKey();
const stranger = newKey();

const authority = (key: TestKey, more: Partial<KeyAuthority> = {}) =>
  keyAuthorityOf(`key-${key.fingerprint.slice(0, 8)}`, publicKeysOf(key.pem), more);
const by = (...keys: TestKey[]) => ({ authorities: keys.map(key => authority(key)) });
const revoke = (key: TestKey): Revocation => ({ fingerprint: key.fingerprint, policy: 'p' });

const unsigned = /A signature was required, but no signature exists/;
const wrongKey = /cryptographic signature verification failed/;
const byPolicy = /is rejected by policy/;
const accepted = undefined;

interface Case {
  /** Of policies at these places; `os` is the parent of the image's repository. */
  policies: (host: string) => ScopedPolicy[];
  revoked?: Revocation[];
  signedBy?: TestKey[];
  says: RegExp | undefined;
  /** The files hold a list of keys. */
  keyList?: true;
  /** As a host that lacks the second file. */
  withoutLookups?: true;
  byTag?: true;
}

const os = (more: Partial<ScopedPolicy>) => (host: string) => [scopedPolicy('os', `${host}/os`, more)];

const cases: Record<string, Case> = {
  'signed by the right key': { policies: os(by(a)), signedBy: [a], says: accepted },
  'signed by the right key, pulled by tag': { policies: os(by(a)), signedBy: [a], byTag: true, says: accepted },
  'signed by the right key, beside the signature of another': { policies: os(by(a)), signedBy: [stranger, a], says: accepted },
  'not signed': { policies: os(by(a)), says: unsigned },
  'not signed, pulled by tag': { policies: os(by(a)), byTag: true, says: unsigned },
  'signed by another key': { policies: os(by(a)), signedBy: [stranger], says: wrongKey },
  'signed by several other keys': { policies: os(by(a)), signedBy: [stranger, b], says: /None of the signatures were accepted/ },
  'the very repository is the scope': {
    policies: host => [scopedPolicy('os', `${host}/os/edge`, by(a))],
    signedBy: [stranger],
    says: wrongKey,
  },
  'the registry is the scope': { policies: host => [scopedPolicy('os', host, by(a))], signedBy: [a], says: accepted },
  'root is the scope': { policies: () => [scopedPolicy('root', '', by(a))], signedBy: [a], says: accepted },
  'root is the scope, not signed': { policies: () => [scopedPolicy('root', '', by(a))], says: unsigned },
  'no policy covers it': { policies: host => [scopedPolicy('apps', `${host}/apps`, by(a))], signedBy: [a], says: byPolicy },
  'a scope whose name only begins alike': {
    policies: host => [scopedPolicy('os', `${host}/o`, by(a))],
    signedBy: [a],
    says: byPolicy,
  },
  'the longer prefix governs, and is exclusive': {
    policies: host => [scopedPolicy('root', '', by(b)), scopedPolicy('os', `${host}/os`, { ...by(a), exclusive: true })],
    signedBy: [b],
    says: wrongKey,
  },
  'signed by the key of an ancestor': {
    policies: host => [scopedPolicy('root', '', by(b)), scopedPolicy('host', host, by(c)), ...os(by(a))(host)],
    signedBy: [b],
    keyList: true,
    says: accepted,
  },
  'one of two keys, by the first': { policies: os(by(a, b)), signedBy: [a], keyList: true, says: accepted },
  'one of two keys, by the second': { policies: os(by(a, b)), signedBy: [b], keyList: true, says: accepted },
  'one of two keys, by neither': { policies: os(by(a, b)), signedBy: [stranger], keyList: true, says: wrongKey },
  'all of two keys, by both': { policies: os({ ...by(a, b), require: 'All' }), signedBy: [a, b], says: accepted },
  'all of two keys, by one': { policies: os({ ...by(a, b), require: 'All' }), signedBy: [a], says: wrongKey },
  'two of three keys, by two': { policies: os({ ...by(a, b, c), require: 2 }), signedBy: [a, c], keyList: true, says: accepted },
  'two of three keys, by one': { policies: os({ ...by(a, b, c), require: 2 }), signedBy: [c], keyList: true, says: wrongKey },
  'two policies of one scope, by both keys': {
    policies: host => [...os(by(a))(host), scopedPolicy('two', `${host}/os`, by(b))],
    signedBy: [a, b],
    says: accepted,
  },
  'two policies of one scope, by one key': {
    policies: host => [...os(by(a))(host), scopedPolicy('two', `${host}/os`, by(b))],
    signedBy: [b],
    says: wrongKey,
  },
  'signed by a revoked key': { policies: os(by(a, b)), revoked: [revoke(a)], signedBy: [a], says: wrongKey },
  'the only key is revoked': { policies: os(by(a)), revoked: [revoke(a)], signedBy: [a], says: byPolicy },
  'signed by an expired key': {
    policies: os({ authorities: [authority(a, { notAfter: now - 1 }), authority(b)] }),
    signedBy: [a],
    says: wrongKey,
  },
  'signed by a key that does not count yet': {
    policies: os({ authorities: [authority(a, { notBefore: now + 1 }), authority(b)] }),
    signedBy: [a],
    says: wrongKey,
  },
  'mode Warn, not signed': { policies: os({ ...by(a), mode: 'Warn' }), says: accepted },
  'mode Skip, not signed': { policies: os({ mode: 'Skip' }), says: accepted },
  'a longer prefix is skipped, not signed': {
    policies: host => [...os(by(a))(host), scopedPolicy('lab', `${host}/os/edge`, { mode: 'Skip' })],
    says: accepted,
  },
  'only an authority that hosts cannot check, not signed': {
    policies: os({ authorities: [keylessAuthorityOf('ci')] }),
    says: accepted,
  },
  'beside an authority that hosts cannot check, not signed': {
    policies: os({ authorities: [keylessAuthorityOf('ci'), authority(a)] }),
    says: unsigned,
  },
  'signed, and signatures are not looked for': { policies: os(by(a)), signedBy: [a], withoutLookups: true, says: unsigned },
};

let registry: RegistryServer;
const directories: string[] = [];

function newDirectory(name: string): string {
  const directory = temporaryDirectory(name);
  directories.push(directory);
  return directory;
}

function hostWith({ files }: Pick<HostFiles, 'files'>): PullingHost {
  return new PullingHost(newDirectory('host'), files);
}

function told(policies: ScopedPolicy[], revoked: Revocation[] = []): HostFiles {
  return hostFiles(policies, revoked, now);
}

function edge(): Repository {
  return new Repository(registry.host, 'os/edge');
}

/** As a host would be told if all kinds of keys were for hosts. */
function anyKind(key: TestKey): HostFiles {
  const keys = publicKeysOf(key.pem).map(each => ({ ...each, algorithm: 'ecdsa-p256' }));
  return told(os({ authorities: [keyAuthorityOf('key', keys)] })(registry.host));
}

async function signedOver(key: TestKey, hash: string | null): Promise<TestImage> {
  const image = await newImage(edge());
  await pushLayers(edge(), image.digest, [signedLayer(key, payloadOf(image), { hash })]);
  return image;
}

/** Which signatures containers/image can check: it hashes with SHA-256, whatever the key is. */
const hashes: [KeyKind, string | null, boolean][] = [
  ['P-256', 'sha256', true],
  ['RSA-2048', 'sha256', true],
  ['RSA-3072', 'sha256', true],
  ['Ed25519', null, true],
  ['P-384', 'sha256', true],
  ['P-384', 'sha384', false],
  ['P-521', 'sha256', true],
  ['P-521', 'sha512', false],
];

async function verdictOf(of: Case, host: HostProgram): Promise<void> {
  const { policies, revoked, signedBy = [], says, keyList = false, withoutLookups, byTag } = of;
  const tag = randomUUID();
  const image = await newImage(edge(), { tag });
  if (signedBy.length > 0) await signImageWith(image, ...signedBy);
  const all = told(policies(registry.host), revoked);
  assert.equal(
    all.files.some(({ content }) => content.includes('keyDatas')),
    keyList,
  );
  const files = withoutLookups ? all.files.filter(({ path }) => !path.endsWith('.yaml')) : all.files;
  const refusal = await hostWith({ files }).refusal(host, byTag ? `${image.repository.name}:${tag}` : image.reference);
  if (keyList && !host.knowsKeyLists) assert.match(refusal ?? '', /nknown key "keyDatas"/);
  else if (says === undefined) assert.equal(refusal, undefined);
  else assert.match(refusal ?? '', says);
}

async function signAsScantling(image: TestImage, key: TestKey, reference: string): Promise<void> {
  const client = createRegistry({ insecureHosts: new Set([registry.host]), userAgent: 'scantling-test' });
  try {
    const signing = await openSigningKey(Buffer.from(key.privateKey.export({ type: 'pkcs8', format: 'pem' })), undefined);
    const target = { repository: image.repository.name, digest: image.digest, reference, said: [] };
    await pushSignatures(client, target, [signing], undefined);
  } finally {
    await client.close();
  }
}

before(async () => {
  registry = await startRegistry();
});
after(async () => {
  await registry.stop();
  directories.forEach(removeDirectory);
});

for (const host of hostPrograms()) {
  describe(host.name, { skip: host.program === undefined ? `${host.name} could not be built` : false }, () => {
    for (const [name, one] of Object.entries(cases)) test(name, () => verdictOf(one, host));

    test('a signature of another image, copied beside this one', async () => {
      const [image, other] = [await newImage(edge()), await newImage(edge())];
      await pushLayers(edge(), image.digest, [signedLayer(a, payloadOf(other))]);
      const refusal = await hostWith(told(os(by(a))(registry.host))).refusal(host, image.reference);
      assert.match(refusal ?? '', /Signature for digest .* does not match/);
    });

    test('an image and its signature, copied to another repository', async () => {
      const image = await newImage(edge());
      await pushLayers(edge(), image.digest, [signedLayer(a, payloadOf(image, { reference: `${registry.host}/os/other` }))]);
      const refusal = await hostWith(told(os(by(a))(registry.host))).refusal(host, image.reference);
      assert.match(refusal ?? '', /Signature for identity .* is not accepted/);
    });

    test('a statement offered as a signature', async () => {
      const image = await newImage(edge());
      const statement = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', subject: [] }));
      await pushLayers(edge(), image.digest, [signedLayer(a, statement)]);
      const refusal = await hostWith(told(os(by(a))(registry.host))).refusal(host, image.reference);
      assert.match(refusal ?? '', /[Kk]ey "(critical|_type|subject)"/);
    });

    test('bootc judges what the reference names, podman the image of the platform: both need a signature', async () => {
      const { index, platforms } = await newIndex(edge());
      const pulling = hostWith(told(os(by(a))(registry.host)));
      await signImageWith(index, a);
      assert.equal(await pulling.refusal(host, index.reference), undefined);
      assert.match((await pulling.refusal(host, index.reference, { platform: true })) ?? '', unsigned);
      for (const platform of platforms) await signImageWith(platform, a);
      assert.equal(await pulling.refusal(host, index.reference, { platform: true }), undefined);
    });

    test('what Scantling signs is accepted, by digest and by tag', async () => {
      const tag = randomUUID();
      const image = await newImage(edge(), { tag });
      const key = newKey();
      const reference = `${image.repository.name}:${tag}`;
      await signAsScantling(image, key, reference);
      for (const name of [image.reference, reference]) {
        assert.equal(await hostWith(told(os(by(key))(registry.host))).refusal(host, name), undefined);
        assert.match((await hostWith(told(os(by(a))(registry.host))).refusal(host, name)) ?? '', wrongKey);
      }
    });

    for (const [kind, hash, good] of hashes) {
      test(`${kind} over ${hash ?? 'the payload itself'} is ${good ? 'accepted' : 'refused'}`, async () => {
        const key = newKey(kind);
        const refusal = await hostWith(anyKind(key)).refusal(host, (await signedOver(key, hash)).reference);
        if (good) assert.equal(refusal, undefined);
        else assert.match(refusal ?? '', wrongKey);
      });
    }
  });
}

const skopeo = installedSkopeo();

test('what is on the disk of the host is not judged', { skip: skopeo ? false : 'skopeo is not installed' }, async () => {
  const image = await newImage(edge());
  const directory = newDirectory('layout');
  const [layout, archive] = [`oci:${join(directory, 'layout')}`, `oci-archive:${join(directory, 'archive')}`];
  const open = hostWith(told([scopedPolicy('root', '', { mode: 'Skip' })]));
  assert.equal(await open.copyRefusal(skopeo ?? '', `docker://${image.reference}`, layout), undefined);
  const strict = hostWith(told(os(by(a))(registry.host)));
  assert.match((await strict.copyRefusal(skopeo ?? '', `docker://${image.reference}`, archive)) ?? '', unsigned);
  assert.equal(await strict.copyRefusal(skopeo ?? '', layout, archive), undefined);
  assert.equal(await strict.copyRefusal(skopeo ?? '', archive, `dir:${join(directory, 'plain')}`), undefined);
});
