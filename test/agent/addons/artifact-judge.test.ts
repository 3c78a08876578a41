/**
 * Whether a host takes an addon's artifact, by its own files and a real registry. Each case is also put to the library that hosts pull images with: what it refuses, we refuse;
 * and where we refuse what it takes, the message says that it cannot be checked.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { judgeArtifact } from '../../../controller/agent/addons/artifact-judge.ts';
import { hostRuleFor } from '../../../controller/agent/addons/host-rule.ts';
import { prepareSet } from '../../../controller/agent/addons/prepare.ts';
import { identityOf, isIdentity } from '../../../controller/agent/addons/signed-identity.ts';
import { messageOf, reasonOf } from '../../../controller/api/errors.ts';
import type { HostFile } from '../../../controller/api/host-trust.ts';
import { publicKeysOf } from '../../../controller/trust/fingerprint.ts';
import { hostFiles } from '../../../controller/trust/host-policy.ts';
import { pushSignatures } from '../../../controller/trust/push-signature.ts';
import type { ScopedPolicy } from '../../../controller/trust/rules.ts';
import { openSigningKey } from '../../../controller/trust/signing-key.ts';
import { hostPrograms, PullingHost } from '../../cluster/host-policy.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';
import { type TestKey, newKey } from '../../trust/corpus/keys.ts';
import { Repository } from '../../trust/corpus/repository.ts';
import { payloadOf, pushLayers, signedLayer } from '../../trust/corpus/simple-signing.ts';
import { keyAuthorityOf, keylessAuthorityOf, scopedPolicy } from '../../trust/host-scene.ts';
import { type Shop, openShop, openStore } from './shop.ts';
import type { WantedAddon } from '../../../controller/agent/addons/prepare.ts';

const [library] = hostPrograms();
const [a, b, stranger] = [newKey(), newKey(), newKey()];
const by = (...keys: TestKey[]) => ({
  authorities: keys.map(key => keyAuthorityOf(`key-${key.fingerprint.slice(0, 8)}`, publicKeysOf(key.pem))),
});
const keyData = (key: TestKey): string => Buffer.from(key.pem).toString('base64');

let shop: Shop;
let addons: Repository;
const directories: string[] = [];

before(async () => {
  shop = await openShop();
  addons = new Repository(shop.server.host, 'addons');
});
after(async () => {
  await shop.stop();
  directories.forEach(removeDirectory);
});

function newRoot(files: readonly Pick<HostFile, 'path' | 'content'>[]): string {
  const root = temporaryDirectory('judge');
  directories.push(root);
  for (const { path, content } of files) write(root, path, content);
  return root;
}

function write(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** An artifact that no other case signs. */
const sold = (): Promise<WantedAddon> => shop.sell('runtime', Buffer.from(randomUUID()));
const digestIn = ({ image }: WantedAddon): string => image.slice(image.indexOf('@') + 1);
const told = (...policies: ScopedPolicy[]) => hostFiles(policies, [], 0).files;
const lookups = {
  path: '/etc/containers/registries.d/default.yaml',
  mode: 0o644,
  content: 'default-docker:\n  use-sigstore-attachments: true\n',
};
/** A policy of somebody's own for the registry of the addons. */
const own = (...requirements: object[]): HostFile[] => [
  {
    path: '/etc/containers/policy.json',
    mode: 0o644,
    content: JSON.stringify({ default: [{ type: 'reject' }], transports: { docker: { [shop.server.host]: requirements } } }),
  },
  lookups,
];

async function sign(addon: WantedAddon, ...keys: TestKey[]): Promise<void> {
  const of = { digest: digestIn(addon), repository: addons };
  await pushLayers(
    addons,
    of.digest,
    keys.map(key => signedLayer(key, payloadOf(of))),
  );
}

/** What this host says; '' where it takes it. */
async function verdict(
  addon: WantedAddon,
  files: readonly Pick<HostFile, 'path' | 'content'>[],
  o: { staged?: string; access?: Parameters<typeof judgeArtifact>[1]['access'] } = {},
): Promise<string> {
  const access = o.access ?? (async () => shop.access);
  try {
    await judgeArtifact(addon, { root: newRoot(files), staged: o.staged, access, accepted: new Set() });
    return '';
  } catch (error) {
    return `${reasonOf(error)}: ${messageOf(error)}`;
  }
}

const scoped = (more: Partial<ScopedPolicy>): HostFile[] => [...told(scopedPolicy('addons', addons.name, more))];
const sigstore = (key: TestKey, more: object = {}) => ({
  type: 'sigstoreSigned',
  keyData: keyData(key),
  signedIdentity: { type: 'matchRepository' },
  ...more,
});

interface Case {
  files: () => HostFile[];
  signedBy?: TestKey[];
  /** Undefined: it is taken. */
  says?: RegExp;
  /** The library takes it: what we cannot check. */
  closed?: true;
}

const cases: Record<string, Case> = {
  'signed by the key': { files: () => scoped(by(a)), signedBy: [a] },
  'signed by the key beside another': { files: () => scoped(by(a)), signedBy: [stranger, a] },
  'signed by one of two keys': { files: () => scoped(by(a, b)), signedBy: [b] },
  'all of two keys, by one': {
    files: () => scoped({ ...by(a, b), require: 'All' }),
    signedBy: [a],
    says: /none of its 1 counts/,
  },
  'all of two keys, by both': { files: () => scoped({ ...by(a, b), require: 'All' }), signedBy: [a, b] },
  'not signed': { files: () => scoped(by(a)), says: /asks for a signature by key [0-9a-f]{16}…, and it has none/ },
  'signed by another key': { files: () => scoped(by(a)), signedBy: [stranger], says: /a signature is of no such key/ },
  'the policy of root': { files: () => [...told(scopedPolicy('root', '', by(a)))], signedBy: [a] },
  'root is skipped': { files: () => [...told(scopedPolicy('root', '', { mode: 'Skip' }))] },
  'only an authority that hosts cannot check': { files: () => scoped({ authorities: [keylessAuthorityOf('ci')] }) },
  'no policy covers it': {
    files: () => [...told(scopedPolicy('os', `${shop.server.host}/os`, by(a)))],
    signedBy: [a],
    says: /policy\.json, default\[0\] refuses everything of its name/,
  },
  'a policy that rejects': {
    files: () => own({ type: 'reject' }),
    signedBy: [a],
    says: /transports\.docker\["127\.0\.0\.1:\d+"\]\[0\] refuses/,
  },
  'signatures are not looked for': {
    files: () => scoped(by(a)).filter(({ path }) => !path.endsWith('.yaml')),
    signedBy: [a],
    says: /are not looked for \(use-sigstore-attachments in registries\.d\)/,
  },
  'two files of registries.d contradict each other': {
    files: () => [...scoped(by(a)), { ...lookups, path: '/etc/containers/registries.d/z.yaml' }],
    signedBy: [a],
    says: /default-docker is in both/,
  },
  'a file of registries.d is broken': {
    files: () => [...scoped(by(a)), { ...lookups, path: '/etc/containers/registries.d/z.yaml', content: '{' }],
    signedBy: [a],
    says: /z\.yaml is no YAML/,
  },
  'a key in the policy that is none': {
    files: () => own(sigstore(a, { keyData: 'AAAA' })),
    signedBy: [a],
    says: /no public key/,
  },
  'two ways to name keys at once': {
    files: () => own(sigstore(a, { keyPath: '/etc/key.pem' })),
    signedBy: [a],
    says: /does not name its keys in one of/,
  },
  'a requirement of the older signatures': {
    files: () => own({ type: 'signedBy', keyType: 'GPGKeys', keyPath: '/etc/key.gpg' }),
    signedBy: [a],
    says: /\[0\] has a "signedBy", which this agent cannot check/,
  },
  'a log that is asked for': {
    files: () => own(sigstore(a, { rekorPublicKeyData: keyData(a) })),
    signedBy: [a],
    says: /\[0\] has "rekorPublicKeyData", which this agent cannot check/,
  },
  'a second requirement that is not known': {
    files: () => own(sigstore(a), { type: 'somethingNew' }),
    signedBy: [a],
    says: /\[1\] has a "somethingNew"/,
  },
  'a policy with a member twice': {
    files: () => [
      {
        ...lookups,
        path: '/etc/containers/policy.json',
        content: '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}',
      },
    ],
    says: /has the member "default" twice/,
  },
  'a policy with a member of its own': {
    files: () => [
      { ...lookups, path: '/etc/containers/policy.json', content: '{"default":[{"type":"insecureAcceptAnything"}],"x":1}' },
    ],
    says: /it has "x", which no policy has/,
  },
  'no policy': { files: () => [], says: /has no policy\.json/ },
  'the default identity, of a name without a tag': {
    files: () => own(sigstore(a, { signedIdentity: undefined })),
    signedBy: [a],
    says: /\(matchRepoDigestOrExact\)/,
  },
  matchExact: {
    files: () => own(sigstore(a, { signedIdentity: { type: 'matchExact' } })),
    signedBy: [a],
    says: /is of the name .* \(matchExact\)/,
  },
  'exactRepository of another': {
    files: () => own(sigstore(a, { signedIdentity: { type: 'exactRepository', dockerRepository: 'registry.example.com/x' } })),
    signedBy: [a],
    says: /\(exactRepository\)/,
  },
  'remapIdentity to itself': {
    files: () =>
      own(sigstore(a, { signedIdentity: { type: 'remapIdentity', prefix: shop.server.host, signedPrefix: shop.server.host } })),
    signedBy: [a],
    says: /\(remapIdentity\)/,
  },
  'an identity of another form': {
    files: () => own(sigstore(a, { signedIdentity: { type: 'matchRepository', more: 1 } })),
    signedBy: [a],
    says: /a signedIdentity of another form/,
  },
};

describe('an artifact', () => {
  for (const [name, { files, signedBy = [], says, closed }] of Object.entries(cases))
    test(name, async () => {
      const addon = await sold();
      if (signedBy.length > 0) await sign(addon, ...signedBy);
      const given = files();
      const said = await verdict(addon, given);
      if (says === undefined) assert.equal(said, '');
      else {
        assert.match(said, says);
        assert.match(said, /^AddonUntrusted: the host does not take .*, the addon runtime: /);
      }
      if (library?.program === undefined || given.length === 0) return;
      const refusal = await new PullingHost(newRoot([]), given).refusal(library, addon.image);
      assert.equal(refusal === undefined, closed ?? says === undefined, `${said} | ${refusal}`);
    });

  test('with the signature of another copied beside it, or one of another repository', async () => {
    const [addon, other] = [await sold(), await sold()];
    await pushLayers(addons, digestIn(addon), [signedLayer(a, payloadOf({ digest: digestIn(other), repository: addons }))]);
    assert.match(await verdict(addon, scoped(by(a))), /^AddonUntrusted.*it was copied here/);
    const elsewhere = payloadOf({ digest: digestIn(addon), repository: addons }, { reference: 'registry.example.com/x' });
    await pushLayers(addons, digestIn(addon), [signedLayer(a, elsewhere)]);
    assert.match(await verdict(addon, scoped(by(a))), /is of the name "registry.example.com\/x" \(matchRepository\)/);
  });

  test('whose signatures cannot be looked up is neither taken nor called unsigned', async t => {
    const addon = await sold();
    await sign(addon, a);
    const { requests } = shop.server;
    for (const [what, fault] of [
      [/\.sig$/, { status: 503 }],
      [/\.sig$/, { status: 401 }],
      [/\/blobs\//, { status: 500 }],
      [/\/blobs\//, { status: 404 }],
    ] as const) {
      const mend = requests.fail(({ path }) => what.test(path), fault);
      t.after(mend);
      assert.match(await verdict(addon, scoped(by(a))), /^SignatureLookupFailed: .* which does not mean that there are none: /);
      mend();
    }
    assert.equal(await verdict(addon, scoped(by(a))), '');
    assert.match(await verdict(addon, scoped(by(a)), { access: () => Promise.reject(new Error('no way')) }), /no way/);
  });

  test('that Scantling has signed is taken, also by exact name', async () => {
    const addon = await sold();
    const key = await openSigningKey(Buffer.from(a.privateKey.export({ type: 'pkcs8', format: 'pem' })), undefined);
    const target = { repository: addons.name, digest: digestIn(addon), reference: addon.image, said: [] };
    await pushSignatures(shop.registry, target, [key], undefined);
    const remap = { type: 'remapIdentity', prefix: shop.server.host, signedPrefix: shop.server.host };
    for (const signedIdentity of [undefined, { type: 'matchRepository' }, { type: 'matchExact' }, remap]) {
      const files = own(sigstore(a, { signedIdentity }));
      assert.equal(await verdict(addon, files), '');
      if (library?.program !== undefined)
        assert.equal(await new PullingHost(newRoot([]), files).refusal(library, addon.image), undefined);
    }
    assert.match(await verdict(addon, scoped(by(b))), /^AddonUntrusted/);
  });

  test("is judged by the file in root's home where one is there", async () => {
    const addon = await sold();
    const shadow = { path: '/root/.config/containers/policy.json', content: JSON.stringify({ default: [{ type: 'reject' }] }) };
    await sign(addon, a);
    assert.match(
      await verdict(addon, [...scoped(by(a)), shadow]),
      /\/root\/\.config\/containers\/policy\.json, default\[0\] refuses/,
    );
    const open = { ...shadow, content: JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }) };
    assert.equal(await verdict(await sold(), [...scoped(by(a)), open]), '');
  });

  test('reads keys from files of the host', async () => {
    const addon = await sold();
    await sign(addon, a);
    const { keyData: _, ...bare } = sigstore(a);
    const key = { path: '/etc/pki/key.pem', content: a.pem };
    assert.equal(await verdict(addon, [...own({ ...bare, keyPath: key.path }), key]), '');
    assert.equal(await verdict(addon, [...own({ ...bare, keyPaths: ['/etc/pki/key.pem'] }), key]), '');
    assert.match(await verdict(addon, own({ ...bare, keyPath: key.path })), /\/etc\/pki\/key\.pem is no public key/);
  });

  test('of which the image that runs knows nothing is judged by what the staged one brings', async () => {
    const addon = await sold();
    await sign(addon, a);
    const os = scopedPolicy('os', `${shop.server.host}/os`, by(b));
    const running = told(os);
    const next = told(os, scopedPolicy('addons', addons.name, by(a)));
    const staged = newRoot(next.map(file => ({ ...file, path: file.path.replace(/^\/etc/, '/usr/etc') })));
    assert.equal(await verdict(addon, running, { staged }), '');
    assert.match(await verdict(await sold(), running, { staged }), /of the staged image.*it has none/);
    // What the host says itself is not overruled.
    assert.match(await verdict(addon, [...scoped(by(b))], { staged }), /^AddonUntrusted/);
    const changed = running.map(file => (file.path.endsWith('policy.json') ? { ...file, content: `${file.content}\n` } : file));
    assert.match(await verdict(addon, changed, { staged }), /default\[0\] refuses/);
    rmSync(join(staged, 'usr/lib'), { recursive: true });
    assert.match(await verdict(addon, running, { staged }), /default\[0\] refuses/);
  });
});

test('a set is not prepared again once a key of it is revoked, though it is in the store', async t => {
  const { store, root } = openStore(remove => t.after(remove));
  const addon = await sold();
  await sign(addon, a);
  const accepted = new Set<string>();
  const ground = { os: undefined, architecture: undefined };
  const { signal } = new AbortController();
  let asked = 0;
  const access = async () => (asked++, shop.access);
  const prepare = async (): Promise<string> => {
    const [found] = await prepareSet([addon], {
      store,
      access,
      allow: (of, way) => judgeArtifact(of, { root, staged: undefined, access: way, accepted }),
      ground,
      signal,
    });
    return found?.error === undefined ? '' : reasonOf(found.error);
  };
  for (const { path, content } of scoped(by(stranger))) write(root, path, content);
  assert.equal(await prepare(), 'AddonUntrusted');
  assert.deepEqual(await store.list(), [], 'it is not stored');
  for (const { path, content } of scoped(by(a))) write(root, path, content);
  // The bytes are no image, which is looked at once they are in the store.
  assert.equal(await prepare(), 'NotErofs');
  assert.equal(await store.has(addon), true);
  asked = 0;
  assert.equal(await prepare(), 'NotErofs');
  assert.equal(asked, 0, 'what is stored and was found good needs no registry');
  for (const { path, content } of hostFiles(
    [scopedPolicy('addons', addons.name, by(a, b))],
    [{ fingerprint: a.fingerprint, policy: 'p' }],
    0,
  ).files)
    write(root, path, content);
  assert.equal(await prepare(), 'AddonUntrusted');
});

test('names that are signed', () => {
  const digest = `@sha256:${'0'.repeat(64)}`;
  const image = `registry.example.com/a/b${digest}`;
  const rows: [object | undefined, string, boolean][] = [
    [undefined, 'registry.example.com/a/b', false],
    [undefined, 'registry.example.com/a/b:1', true],
    [undefined, 'registry.example.com/a/c', false],
    [undefined, 'b', false],
    [{ type: 'matchExact' }, image, true],
    [{ type: 'matchExact' }, 'registry.example.com/a/b', false],
    [{ type: 'matchRepository' }, 'registry.example.com/a/b:other', true],
    [{ type: 'exactReference', dockerReference: 'registry.example.com/x:1' }, 'registry.example.com/x:1', true],
    [{ type: 'exactReference', dockerReference: 'registry.example.com/x:1' }, 'registry.example.com/x:2', false],
    [{ type: 'exactRepository', dockerRepository: 'registry.example.com/x' }, 'registry.example.com/x:2', true],
    [{ type: 'exactRepository', dockerRepository: 'registry.example.com/x' }, 'registry.example.com/a/b', false],
    [
      { type: 'remapIdentity', prefix: 'registry.example.com', signedPrefix: 'upstream.example/z' },
      'upstream.example/z/a/b:1',
      true,
    ],
    [
      { type: 'remapIdentity', prefix: 'registry.example.com', signedPrefix: 'upstream.example' },
      'registry.example.com/a/b',
      false,
    ],
    [
      { type: 'remapIdentity', prefix: 'registry.example.com/a/b', signedPrefix: 'upstream.example/c' },
      'upstream.example/c:1',
      true,
    ],
    [{ type: 'remapIdentity', prefix: 'registry.example', signedPrefix: 'upstream.example' }, 'registry.example.com/a/b:1', true],
  ];
  for (const [form, signed, is] of rows) {
    const identity = identityOf(form);
    assert.ok(identity);
    assert.equal(isIdentity(identity, image, signed), is, `${JSON.stringify(form)} ${signed}`);
  }
  for (const form of [
    null,
    1,
    {},
    { type: 'x' },
    { type: 'toString' },
    { type: 'exactReference' },
    { type: 'remapIdentity', prefix: 'a' },
  ])
    assert.equal(identityOf(form), undefined);
});

test('a scope of the very digest counts before that of its repository', () => {
  const image = `registry.example.com/a@sha256:${'0'.repeat(64)}`;
  const accept = [{ type: 'insecureAcceptAnything' }];
  const docker = { [image]: accept, 'registry.example.com/a': [{ type: 'reject' }] };
  const policy = { path: '/p', text: JSON.stringify({ default: accept, transports: { docker } }) };
  assert.equal(hostRuleFor(policy, image).kind, 'Accept');
  assert.equal(hostRuleFor(policy, image.replace(/0{4}$/, '1111')).kind, 'Refuse');
});
