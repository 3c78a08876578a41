/** What `scantling trust` makes of policies in files: added, revoked, removed, shown (T11 to T14). */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { trustDirectory } from './trust-directory.ts';
import { cosignKey, openPGPKey, sshKey } from './trust-keys.ts';
import { run } from './trust-run.ts';

const d = trustDirectory();
const prefix = ['--prefix', 'registry.example.com/os'];
const policy = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'scantling.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name }, spec });

describe('what is stored', () => {
  test('an authority by the fingerprint of its key, with the key itself (T11)', async () => {
    await d.add([d.file, ...prefix], { answers: ['yes'] });
    assert.deepEqual(d.stored(), {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: 'registry-example-com-os' },
      spec: {
        scope: { prefix: 'registry.example.com/os' },
        subjects: ['Image'],
        mode: 'Enforce',
        authorities: [{ name: `key-${d.key.fingerprint.slice(0, 8)}`, key: { data: d.key.text, transparencyLog: 'Ignored' } }],
      },
    });
  });

  test('an OpenPGP key is pinned by its fingerprint: other bytes in its place fail the policy (T14)', async () => {
    const alice = await openPGPKey('alice');
    await d.add([d.put('a.asc', alice.text), '--root'], { answers: ['yes'] });
    assert.deepEqual(d.stored().spec.authorities?.[0]?.openPGP?.fingerprints, [alice.fingerprint]);
    assert.deepEqual([d.stored().spec.scope, d.stored().spec.subjects], [{ root: true }, ['Git']]);
  });

  test('an SSH key as a line of allowed signers', async () => {
    const alice = await sshKey('alice@example.com');
    await d.add([d.put('id.pub', alice.text), '--root'], { answers: ['yes'] });
    assert.match(
      d.stored().spec.authorities?.[0]?.ssh?.allowedSigners ?? '',
      /^alice@example\.com namespaces="git" ssh-ed25519 \S+\n$/,
    );
  });

  test('a policy of that scope grows, and its comments, order and other documents stay', async () => {
    const text = `# Who may sign the systems.
apiVersion: scantling.dev/v1alpha1
kind: TrustPolicy
metadata: { name: os } # ours
spec:
  scope: { prefix: registry.example.com/os }
  # Two, so that one may be lost.
  authorities:
    - name: first # of 2025
      key:
        data: |
${(await cosignKey()).text.trimEnd().replaceAll(/^/gm, '          ')}
---
# Not ours at all
kind:   ConfigMap
`;
    writeFileSync(d.policies, text);
    assert.equal((await d.add([d.file, ...prefix, '--authority', 'second'], { answers: ['yes'] })).code, 0);
    const after = readFileSync(d.policies, 'utf8');
    for (const line of text.split('\n')) assert(after.includes(line), line);
    assert.match(after, /- name: second\n/);
    assert(after.endsWith('---\n# Not ours at all\nkind:   ConfigMap\n'));
    const again = await d.add([d.file, ...prefix], { answers: [] });
    assert.match(again.out, new RegExp(`${d.key.fingerprint} is in os already`));
    assert.equal(readFileSync(d.policies, 'utf8'), after);
  });

  test('a directory gets a file for a new policy', async () => {
    assert.equal((await run(['trust', 'add', d.file, ...prefix, '--file', d.path], { answers: ['yes'] })).code, 0);
    assert(readdirSync(d.path).includes('registry-example-com-os.yaml'));
  });

  test('a key of another subject makes a policy of its own: what a policy covers never grows by a key', async () => {
    await d.add([d.file, '--root'], { answers: ['yes'] });
    await d.add([d.put('id.pub', (await sshKey('a')).text), '--root'], { answers: ['yes'] });
    const { out } = await run(['trust', 'list', '--file', d.policies, '-o', 'json']);
    assert.deepEqual(
      (JSON.parse(out) as { policies: { name: string; subjects: string[] }[] }).policies.map(p => [p.name, p.subjects]),
      [
        ['root', ['Image']],
        ['root-git', ['Git']],
      ],
    );
  });

  test('a policy of the same scope by another name is refused, because both would govern', async () => {
    await d.add([d.file, ...prefix, '--policy', 'os'], { answers: ['yes'] });
    const { code, said } = await d.add([d.put('b.pub', (await cosignKey()).text), ...prefix, '--policy', 'other'], {
      answers: ['yes'],
    });
    assert.equal(code, 1);
    assert.match(said, /TrustPolicy os has that scope/);
  });

  test('what follows from the first policy, and from a mode, is said', async () => {
    const { out } = await d.add([d.file, ...prefix, '--mode', 'Warn'], { answers: ['yes'] });
    assert.match(out, /note: it is the first policy for images: .*NoPolicy/);
    assert.match(out, /note: mode is Warn/);
    assert.doesNotMatch(out, /hosts/);
    assert.equal((await d.add([d.file, ...prefix, '--mode', 'Skip'], { answers: ['yes'] })).code, 2);
  });

  const revoked = [{ fingerprint: 'a'.repeat(64) }];
  const first: [string, spec: object, flags: readonly string[], isFirst: boolean][] = [
    ['a policy that lets everything through covers all', { scope: { root: true }, mode: 'Skip' }, prefix, false],
    [
      'a policy that waits for keys covers its prefix',
      { scope: { prefix: 'a.example' }, discovery: { enabled: true } },
      prefix,
      false,
    ],
    ['a policy that only revokes covers nothing', { scope: { root: true }, revoked }, prefix, true],
    ['one of commits covers no image', { scope: { root: true }, subjects: ['Git'], mode: 'Skip' }, prefix, true],
    [
      'one that only revoked until now is the first',
      { scope: { prefix: prefix[1] }, revoked },
      [...prefix, '--policy', 'there'],
      true,
    ],
    ['a root that is the first leaves nothing uncovered', { scope: { root: true }, revoked }, ['--root'], false],
  ];
  for (const [name, spec, flags, isFirst] of first)
    test(`${name}: what no policy covers is ${isFirst ? '' : 'not '}said to be refused from now on`, async () => {
      writeFileSync(d.policies, policy('there', spec));
      const { code, out, said } = await d.add([d.file, ...flags], { answers: ['yes'] });
      assert.equal(code, 0, said);
      assert.equal(/first policy for images/.test(out), isFirst, out);
    });
});

describe('a key that is revoked or removed', () => {
  test('a revoked key is not added again, by any prefix (T13, W4)', async () => {
    await run(['trust', 'revoke', d.key.fingerprint, '--file', d.policies, '--reason', 'lost']);
    for (const scope of [prefix, ['--root']]) {
      const { code, said } = await d.add([d.file, ...scope], { answers: ['yes'] });
      assert.equal(code, 1);
      assert.match(said, /is revoked by TrustPolicy revoked \(lost\); a revoked key does not come back/);
    }
  });

  test('a key whose subkey is revoked is not added', async () => {
    const alice = await openPGPKey('alice');
    const place = d.put('alice.asc', alice.text);
    const { said } = await d.add([place, '--root'], { answers: [] });
    const subkey = (/^Subkey: +(.*)$/m.exec(said)?.[1] ?? '').replaceAll(' ', '').toLowerCase();
    await run(['trust', 'revoke', subkey, '--file', d.policies]);
    assert.match((await d.add([place, '--root'], { answers: ['yes'] })).said, /is revoked/);
  });

  test('revoking goes into the policy that has the key, and is said of each authority that has it (T13)', async () => {
    await d.add([d.file, ...prefix], { answers: ['yes'] });
    const { code, out } = await run([
      'trust',
      'revoke',
      d.key.fingerprint,
      '--file',
      d.policies,
      '--since',
      '2026-03-01T00:00:00Z',
    ]);
    assert.equal(code, 0);
    assert.match(out, /it does not count any more as registry-example-com-os\/key-/);
    assert.match(out, /note: hosts learn of it from their image: .* what registry-example-com-os covers, .* rolled out/);
    assert.deepEqual(d.stored().spec.revoked, [{ fingerprint: d.key.fingerprint, since: '2026-03-01T00:00:00Z' }]);
    // Stricter replaces, looser does not.
    await run(['trust', 'revoke', d.key.fingerprint, '--file', d.policies, '--since', '2027-01-01T00:00:00Z']);
    assert.deepEqual(d.stored().spec.revoked, [{ fingerprint: d.key.fingerprint, since: '2026-03-01T00:00:00Z' }]);
    await run(['trust', 'revoke', d.key.fingerprint, '--file', d.policies]);
    assert.deepEqual(d.stored().spec.revoked, [{ fingerprint: d.key.fingerprint }]);
    assert.match(
      (await run(['trust', 'revoke', d.key.fingerprint, '--file', d.policies])).out,
      /is revoked already, by TrustPolicy registry-example-com-os\n(?!.*hosts)/s,
    );
    assert.match((await run(['trust', 'list', '--file', d.policies])).out, /Revoked +[0-9a-f]{64}/);
  });

  for (const wrong of [['nonsense'], ['6f3a'], ['a'.repeat(64), '--since', 'yesterday']])
    test(`revoke ${wrong.join(' ').slice(0, 20)} cannot be meant`, async () => {
      assert.equal((await run(['trust', 'revoke', ...wrong, '--file', d.policies])).code, 2);
      assert(!existsSync(d.policies), 'nothing was written');
    });

  test('a removed key is gone, and the last one is not removed by mistake (T13)', async () => {
    const second = await cosignKey();
    await d.add([d.file, ...prefix], { answers: ['yes'] });
    const last = await run(['trust', 'remove', d.key.fingerprint, '--file', d.policies]);
    assert.equal(last.code, 1);
    assert.match(last.said, /is the last authority/);
    await d.add([d.put('second.pub', second.text), ...prefix], { answers: ['yes'] });
    assert.equal((await run(['trust', 'remove', d.key.fingerprint, '--file', d.policies])).code, 0);
    assert.deepEqual(
      d.stored().spec.authorities?.map(a => a.key?.data),
      [second.text],
    );
    assert.match((await run(['trust', 'remove', d.key.fingerprint, '--file', d.policies])).said, /no TrustPolicy has the key/);
  });

  test('of an authority with several keys only the one is taken', async () => {
    const [a, b] = [await cosignKey(), await cosignKey()];
    const data = JSON.stringify(a.text + b.text);
    writeFileSync(
      d.policies,
      `apiVersion: scantling.dev/v1alpha1\nkind: TrustPolicy\nmetadata: { name: os }\nspec: { scope: { root: true }, authorities: [{ name: both, key: { data: ${data} } }] }\n`,
    );
    assert.equal((await run(['trust', 'remove', a.fingerprint, '--file', d.policies])).code, 0);
    assert.deepEqual(d.stored().spec.authorities, [{ name: 'both', key: { data: b.text } }]);
  });
});

describe('files that are not what they seem', () => {
  const head = 'apiVersion: scantling.dev/v1alpha1\nkind: TrustPolicy\nmetadata: { name: os }\nspec:\n';
  const table: [string, string, RegExp][] = [
    [
      'a field that does not exist',
      `${head}  scope: { root: true }\n  exclusiv: true\n  mode: Skip\n`,
      /policies\.yaml:6: .*unknown field "exclusiv"/,
    ],
    [
      'a time that is none',
      `${head}  scope: { root: true }\n  revoked:\n    - fingerprint: ${'a'.repeat(64)}\n      since: 31.12.2020\n`,
      /policies\.yaml:8: .*since: must be a time, as 2027-01-31T12:00:00Z; is "31\.12\.2020"/,
    ],
    ['a key twice', `${head}  scope: { root: true }\n  mode: Skip\n  mode: Enforce\n`, /given twice/],
    ['both scopes', `${head}  scope: { root: true, prefix: a }\n  mode: Skip\n`, /exactly one of prefix, root/],
    ['no authority', `${head}  scope: { root: true }\n`, /without an authority/],
    [
      'two kinds in one authority',
      `${head}  scope: { root: true }\n  authorities: [{ name: a, key: { data: x }, ssh: { allowedSigners: x } }]\n`,
      /exactly one of key, keyless/,
    ],
    ['another version', `${head.replace('v1alpha1', 'v9')}  scope: { root: true }\n  mode: Skip\n`, /apiVersion/],
    ['broken YAML', `${head}  scope: { root: true\n`, /YAML/],
    [
      'the same policy twice',
      `${head}  scope: { root: true }\n  mode: Skip\n---\n${head}  scope: { root: true }\n  mode: Skip\n`,
      /TrustPolicy os is in .* and in /,
    ],
  ];
  for (const [name, text, message] of table)
    test(name, async () => {
      writeFileSync(d.policies, text);
      const { code, said } = await run(['trust', 'list', '--file', d.policies]);
      assert.equal(code, 1);
      assert.match(said, message);
    });
});

test('a policy and a key are shown with all that is known', async () => {
  const alice = await openPGPKey('alice');
  await d.add([d.put('a.asc', alice.text), '--prefix', 'git.example.com/systems'], { answers: ['yes'] });
  const policy = await run(['trust', 'show', 'git-example-com-systems-git', '--file', d.policies]);
  assert.match(policy.out, /^Covers: +Git at and below git\.example\.com\/systems$/m);
  const shown = await run(['trust', 'show', alice.fingerprint.toUpperCase(), '--file', d.policies]);
  assert.match(shown.out, /^Identity: +alice <alice@example\.com>$/m);
  const document = JSON.parse((await run(['trust', 'show', alice.fingerprint, '--file', d.policies, '-o', 'json'])).out) as {
    keys: { state: string }[];
  };
  assert.deepEqual(
    document.keys.map(k => k.state),
    ['Good'],
  );
  assert.equal((await run(['trust', 'show', 'none', '--file', d.policies])).code, 1);
});
