/** How far a host sees to the trust policies, by its files. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { acceptanceOf, looksForSignatures } from '../../controller/agent/container-policy.ts';
import { readHostFile } from '../../controller/agent/host-file.ts';
import { enforcementOf } from '../../controller/agent/node-enforcement.ts';
import { enforcesSignatures, readSignaturePolicy } from '../../controller/agent/signature-policy.ts';
import { hostTrustPaths } from '../../controller/api/host-trust.ts';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { hostFiles, hostRuleOf } from '../../controller/trust/host-policy.ts';
import type { ScopedPolicy } from '../../controller/trust/rules.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { keyAuthorityOf, keyOf, keylessAuthorityOf, scopedPolicy } from '../trust/host-scene.ts';

const os = 'registry.example.com/os';
const image = `${os}/edge@sha256:${'0'.repeat(64)}`;
const release = keyAuthorityOf('release', [keyOf('a')]);
const open = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });

class HostRoot {
  readonly root = temporaryDirectory('host-root');
  /** What the policies ask for now. */
  wanted: string | undefined;

  constructor(t: TestContext) {
    t.after(() => removeDirectory(this.root));
  }

  /** What an image that was rendered with these policies has. */
  installs(...policies: ScopedPolicy[]): this {
    for (const { path, content } of hostFiles(policies, [], 0).files) this.write(path, content);
    return this;
  }

  write(path: string, content: string): this {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content);
    return this;
  }

  async says(o: { skopeoVersion?: string; bootedSignature?: string } = { bootedSignature: 'containerPolicy' }) {
    const policy = { ...(await readSignaturePolicy(this.root)), ...(o.skopeoVersion ? { skopeoVersion: o.skopeoVersion } : {}) };
    const { reason, message } = enforcementOf({ policy, image, bootedSignature: o.bootedSignature, wantedRule: this.wanted });
    return { reason, message };
  }
}

const osPolicy = (more: Partial<ScopedPolicy> = {}) => scopedPolicy('os', os, { authorities: [release], ...more });
const words = (of: { reason: string; message: string }) => `${of.reason}: ${of.message}`;

test('Full: the policy of the image, as it came, with signatures looked for', async t => {
  const host = new HostRoot(t).installs(osPolicy());
  assert.deepEqual(await host.says(), {
    reason: 'Full',
    message: `images of ${os}/edge need the signatures that the trust policies ask for`,
  });
});

test('Full: what no policy covers is refused', async t => {
  const host = new HostRoot(t).installs(scopedPolicy('apps', 'registry.example.com/apps', { authorities: [release] }));
  assert.equal(words(await host.says()), `Full: every image of ${os}/edge is refused`);
});

test('None: an image that was made without a policy, with a policy of the distribution', async t => {
  const host = new HostRoot(t).write('/usr/share/containers/policy.json', open);
  assert.equal(
    words(await host.says({})),
    `None: images of ${os}/edge are accepted without a signature; the image that runs was made without a trust policy, and /usr/share/containers/policy.json is the host's own`,
  );
});

test('None: the mode of the policy, or no authority that a host can check', async t => {
  assert.match(
    words(await new HostRoot(t).installs(osPolicy({ mode: 'Warn' })).says()),
    /^None: .*; os: mode is Warn: nodes accept anything$/,
  );
  const keyless = new HostRoot(t).installs(osPolicy({ authorities: [keylessAuthorityOf('ci')] }));
  assert.match(
    words(await keyless.says()),
    /^None: .*os: has no authority that nodes can check.*; os\/ci: nodes cannot check identities/,
  );
});

test("a policy in root's home is read first, and is found through a link as the host follows it", async t => {
  const host = new HostRoot(t).installs(osPolicy()).write('/var/roothome/.config/containers/policy.json', open);
  symlinkSync('/var/roothome', join(host.root, 'root'));
  assert.match(
    words(await host.says()),
    /^None: .*; \/root\/\.config\/containers\/policy\.json is read in place of \/etc\/containers\/policy\.json; remove it$/,
  );
  host.write('/var/roothome/.config/containers/policy.json', JSON.stringify({ default: [{ type: 'reject' }] }));
  assert.match(words(await host.says()), /^Partial: \/root\/\.config\/containers\/policy\.json is read in place/);
});

test('a policy that was changed on the host, or is gone', async t => {
  const host = new HostRoot(t).installs(osPolicy()).write(hostTrustPaths.policy, open);
  assert.match(words(await host.says()), /^None: .*was changed on the host and is not what its image came with/);
  host.write(hostTrustPaths.policy, '{');
  assert.match(words(await host.says()), /^Partial: .*was changed on the host/);
  const without = new HostRoot(t);
  for (const { path, content } of hostFiles([osPolicy()], [], 0).files)
    if (path !== hostTrustPaths.policy) without.write(path, content);
  assert.match(words(await without.says()), /^Partial: .*policy\.json is missing, and every pull is refused/);
});

test('Partial: the image that runs was installed without the flag', async t => {
  const host = new HostRoot(t).installs(osPolicy());
  assert.equal(
    words(await host.says({})),
    'Partial: the image that runs was installed without --enforce-container-sigpolicy; the next update sets it',
  );
});

test('Partial: the rules are not those that the policies ask for now', async t => {
  const keys = ['a', 'b'].map(() =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }),
  );
  const [a, b] = keys.flatMap(pem => publicKeysOf(String(pem)));
  assert.ok(a && b);
  const policies = [
    osPolicy({ authorities: [keyAuthorityOf('release', [a]), keyAuthorityOf('next', [b])] }),
    scopedPolicy('others', 'registry.example.com/others', { authorities: [release] }),
  ];
  const asked = (revoked: string[] = [], of = policies) =>
    hostRuleOf(
      { imagePolicies: () => ({ policies: of, revoked: revoked.map(fingerprint => ({ fingerprint, policy: 'os' })) }) },
      image,
      0,
    );
  const host = new HostRoot(t).installs(...policies);
  const say = async (rule: string | null | undefined) => {
    host.wanted = rule ?? undefined;
    return words(await host.says());
  };
  assert.match(await say(asked()), /^Full/);
  assert.match(await say(asked(['a'])), /^Full/, 'a key of others');
  const [held] = [a.fingerprint, b.fingerprint].toSorted();
  assert.equal(
    await say(asked([a.fingerprint])),
    `Partial: the trust policies for ${os}/edge were changed since the image was made, and the host still takes signatures by key ${held} and 1 more; the next image brings the new rules`,
  );
  host.installs(osPolicy({ authorities: [keyAuthorityOf('next', [b])] }));
  assert.match(await say(asked([a.fingerprint])), /^Full/, 'with the next image');
  assert.match(await say(asked([], [osPolicy({ mode: 'Skip' })])), /^Partial: .* and the host still takes signatures by key/);
  assert.equal(asked([], []), null);
  assert.equal(asked([], [osPolicy({ unread: [{ name: 'os/x', message: 'no Secret' }] })]), undefined);
});

test('Partial: what hosts cannot check, and scopes that are open', async t => {
  const host = new HostRoot(t).installs(
    osPolicy({ authorities: [release, keylessAuthorityOf('ci')] }),
    scopedPolicy('lab', 'lab.example.com', { mode: 'Skip' }),
    scopedPolicy('root', '', { mode: 'Skip' }),
  );
  assert.match(
    words(await host.says()),
    /^Partial: os\/ci: nodes cannot check .*; anything is accepted of all other names, lab\.example\.com$/,
  );
});

test('Partial: signatures are not looked for, or nothing can be pulled for the files that say where', async t => {
  const host = new HostRoot(t).installs(osPolicy());
  host.write(hostTrustPaths.lookups, 'default-docker: {}\n');
  assert.match(words(await host.says()), /^Partial: signatures of registry\.example\.com\/os\/edge are not looked for/);
  host.installs(osPolicy()).write('/etc/containers/registries.d/a.yaml', 'default-docker: {}\n');
  assert.match(
    words(await host.says()),
    /^Partial: default-docker is in both .*a\.yaml and .*default\.yaml, and every pull is refused/,
  );
  host.write('/etc/containers/registries.d/a.yaml', 'docker: [');
  assert.match(words(await host.says()), /^Partial: .*a\.yaml is no YAML/);
  host.write('/etc/containers/registries.d/a.yaml', '');
  assert.match(words(await host.says()), /^Full/);
  host.write('/root/.config/containers/registries.d/b.yaml', '');
  assert.match(words(await host.says()), /^Partial: signatures of .* are not looked for/);
});

test('Partial: a skopeo that does not know lists of keys', async t => {
  const flag = { bootedSignature: 'containerPolicy' };
  const two = new HostRoot(t).installs(osPolicy({ authorities: [release, keyAuthorityOf('next', [keyOf('b')])] }));
  assert.match(
    words(await two.says({ ...flag, skopeoVersion: '1.16.1' })),
    /^Partial: skopeo 1\.16\.1 on the host knows no list of keys/,
  );
  for (const skopeoVersion of ['1.17.0', '1.22.2', '2.0'])
    assert.match(words(await two.says({ ...flag, skopeoVersion })), /^Full/);
  const one = new HostRoot(t).installs(osPolicy());
  assert.match(words(await one.says({ ...flag, skopeoVersion: '1.9.3' })), /^Full/);
});

test('a file that cannot be read is never taken for absent', async t => {
  const host = new HostRoot(t).installs(osPolicy());
  mkdirSync(join(host.root, 'root/.config/containers/policy.json'), { recursive: true });
  await assert.rejects(readSignaturePolicy(host.root), { code: 'EISDIR' });
  const unread = enforcementOf({
    policy: { lookups: [], trouble: 'EISDIR' },
    image,
    bootedSignature: undefined,
    wantedRule: undefined,
  });
  assert.deepEqual([unread.status, unread.reason], ['Unknown', 'PolicyUnreadable']);
});

test('the flag is given where the image that runs came with a policy, whatever is read in its place', async t => {
  const host = new HostRoot(t).installs(osPolicy()).write('/root/.config/containers/policy.json', open);
  assert.equal(enforcesSignatures(await readSignaturePolicy(host.root), undefined), true);
  const plain = new HostRoot(t).write('/etc/containers/policy.json', open);
  assert.equal(enforcesSignatures(await readSignaturePolicy(plain.root), undefined), false);
  assert.equal(enforcesSignatures(await readSignaturePolicy(plain.root), 'containerPolicy'), true);
});

test('links of the host stay in the host', async t => {
  const host = new HostRoot(t).write('/a/b/file', 'inside');
  for (const [target, at] of [
    ['/a', 'absolute'],
    ['../../a/b', 'a/b/up'],
    ['b/../../../../../a', 'a/far'],
    ['loop', 'loop'],
  ] as const)
    symlinkSync(target, join(host.root, at));
  assert.equal(await readHostFile(host.root, '/absolute/b/file'), 'inside');
  assert.equal(await readHostFile(host.root, '/a/b/up/file'), 'inside');
  assert.equal(await readHostFile(host.root, '/a/far/b/file'), 'inside');
  assert.equal(await readHostFile(host.root, '/absolute/none'), undefined);
  assert.equal(await readHostFile(host.root, '/a/b/file/below'), undefined);
  await assert.rejects(readHostFile(host.root, '/loop/x'), /more than 40 links/);
  assert.equal(await readHostFile(host.root, '/a/b/file', 3), 'ins');
});

const policyOf = (docker: object, otherwise = 'reject') =>
  JSON.stringify({ default: [{ type: otherwise }], transports: { docker } });
const filesOf = (...said: unknown[]) => said.map((each, i) => ({ path: `${i}.yaml`, said: each }));

test('the scope of a policy that counts', () => {
  const accept = [{ type: 'insecureAcceptAnything' }];
  const signed = [{ type: 'sigstoreSigned', keyData: 'YQ==' }];
  assert.equal(acceptanceOf(policyOf({ 'h:5000/os': signed, 'h:5000': accept }), 'h:5000/os/edge'), 'Signatures');
  assert.equal(acceptanceOf(policyOf({ 'h:5000/os': signed, 'h:5000': accept }), 'h:5000/os-test'), 'Anything');
  assert.equal(acceptanceOf(policyOf({ '*.example.com': accept }), 'registry.example.com:5000/x'), 'Anything');
  assert.equal(acceptanceOf(policyOf({ '*.example.com': accept }), 'example.com/x'), 'Nothing');
  assert.equal(acceptanceOf(policyOf({ '': signed }), 'h/x'), 'Signatures');
  assert.equal(acceptanceOf(policyOf({}, 'insecureAcceptAnything'), 'h/x'), 'Anything');
  assert.equal(acceptanceOf(policyOf({ h: [...accept, ...signed] }), 'h/x'), 'Signatures');
  for (const broken of ['', '[]', '{}', '7', '{"default":[]}']) assert.equal(acceptanceOf(broken, 'h/x'), undefined, broken);
});

test('where signatures are looked for', () => {
  const look = { 'use-sigstore-attachments': true };
  assert.equal(looksForSignatures(filesOf({ 'default-docker': look }), 'h/x'), true);
  assert.equal(looksForSignatures(filesOf({ 'default-docker': look }, { docker: { h: { lookaside: 'x' } } }), 'h/x'), true);
  assert.equal(
    looksForSignatures(filesOf({ 'default-docker': look, docker: { 'h/x': { 'use-sigstore-attachments': false } } }), 'h/x/y'),
    false,
  );
  assert.equal(looksForSignatures(filesOf({ docker: { 'h/x': look } }, null, { docker: null }), 'h/y'), false);
  assert.equal(
    looksForSignatures(filesOf({ docker: { h: look } }, { docker: { h: look } }), 'h/y'),
    'h is in both 0.yaml and 1.yaml',
  );
});
