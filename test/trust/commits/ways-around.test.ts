/** Ways around who may sign that were found by looking for them, each closed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isMet } from '../../../controller/trust/commit-requirement.ts';
import type { Finding } from '../../../controller/trust/judge-commit.ts';
import type { GitAuthority, Governing, Rules } from '../../../controller/trust/rules.ts';
import { ObjectStore, rules, ssh } from './object-store.ts';
import { ed25519Key } from './sshsig.ts';

const [alice, edge, old] = [ed25519Key(), ed25519Key(), ed25519Key()];
const platform = ssh('platform', [alice]);
const limited = ssh('edge', [edge], { paths: ['edge/**'] });
const both = rules([platform, limited]);
const files = { 'edge/a': '1', 'prod/a': '1' };

describe('what cannot be read changes everything, and not nothing', () => {
  const headers = { 'a carriage return': 'x-note a\r\n', 'a header twice': 'encoding UTF-8\nencoding UTF-8\n', 'a NUL': '\n\0' };
  for (const [what, header] of Object.entries(headers)) {
    test(`a tag by a limited key of a commit with ${what}`, async () => {
      const store = new ObjectStore();
      const verified = store.commit({ key: alice, files });
      const evil = store.bytes({ parents: [verified], files: { ...files, 'prod/a': 'evil' } }).toString('latin1');
      const commit = store.add('commit', Buffer.from(evil.replace('\n\n', `\n${header}\n`), 'latin1'));
      const tag = { name: 'v1', oid: store.tag(edge, commit) };
      const judgement = await store.verify({ rules: both, mode: 'Tag', tag, commit, verified });
      assert.equal(judgement.decision, 'Refused', judgement.message);
      assert.equal(judgement.candidates[0]?.reason, 'Malformed');
    });
  }
});

describe('Ancestry', () => {
  test('what only a Warn policy dislikes hides nothing from one that enforces', async () => {
    const store = new ObjectStore();
    const verified = store.commit({ key: alice, files });
    const unsigned = store.commit({ parents: [verified], files: { ...files, 'prod/a': 'evil' } });
    const tip =
      store
        .line(
          Array.from({ length: 12 }, () => alice),
          unsigned,
        )
        .at(-1) ?? '';
    const warning: Rules<GitAuthority> = rules([ssh('new', [old])], { mode: 'Warn' });
    const own = [ssh('ssh', [alice], { policy: 'spec.verify' })];
    const judgement = await store.verify({ rules: warning, own, mode: 'Ancestry', commit: tip, verified });
    assert.equal(judgement.decision, 'Refused', judgement.message);
    assert.match(
      judgement.message,
      new RegExp(`^commit ${unsigned.slice(0, 12)}, .*: the commit is not signed; by spec\\.verify`),
    );
  });

  test('going back to a commit that dates have hidden in the sealed history asks it all the same', async () => {
    for (const at of [100, 5_000]) {
      const store = new ObjectStore();
      const unsigned = store.commit({ at, files });
      const verified = store.commit({ parents: [unsigned], key: alice, at: 1_000 });
      const judgement = await store.verify({ rules: both, mode: 'Ancestry', commit: unsigned, verified });
      assert.equal(judgement.decision, 'Refused', judgement.message);
    }
  });

  test('reads no history for a tip that does not count itself', async () => {
    const store = new ObjectStore();
    const old = store.line(Array.from({ length: 50 }, () => alice));
    const root = store.commit({ at: -86_400 * 365 * 50, message: 'as old as can be' });
    const tip = store.commit({ parents: [old.at(-1) ?? '', root] });
    const judgement = await store.verify({ rules: both, mode: 'Ancestry', commit: tip, verified: old.at(-1) ?? '' });
    assert.match(judgement.message, /the commit is not signed/);
    assert.deepEqual([...store.reads.keys()], [tip]);
  });

  test('who may change some paths only vouches for no expired key beyond them', async () => {
    const day = 86_400;
    const keys = [platform, ssh('old', [old], { options: 'valid-before="20260311Z" ' }), limited];
    for (const [path, tipKey, decision] of [
      ['prod/a', edge, 'Refused'],
      ['edge/b', edge, 'Trusted'],
      ['prod/a', alice, 'Trusted'],
    ] as const) {
      const store = new ObjectStore();
      const verified = store.commit({ key: alice, at: 0, files });
      const expired = store.commit({ parents: [verified], key: old, at: day, files: { ...files, [path]: '2' } });
      const tip = store.commit({
        parents: [expired],
        key: tipKey,
        at: 20 * day,
        files: { ...files, [path]: '2', 'edge/a': '2' },
      });
      const judgement = await store.verify({ rules: rules(keys), mode: 'Ancestry', commit: tip, verified });
      assert.equal(judgement.decision, decision, judgement.message);
    }
  });
});

describe('spec.verify.from is no way around a policy', () => {
  const own = [ssh('ssh', [old], { policy: 'spec.verify' })];
  const evil = { ...files, 'prod/a': 'evil' };

  test('named itself, a commit has to be signed as the policy wants, and not as the source does', async () => {
    const store = new ObjectStore();
    const unsigned = store.commit({ files });
    const signed = store.commit({ parents: [unsigned], key: alice });
    const ask = (commit: string) => store.verify({ rules: both, own, mode: 'Ancestry', commit, from: commit });
    assert.equal((await ask(unsigned)).decision, 'Refused');
    assert.equal((await ask(signed)).decision, 'Trusted');
  });

  test('named below one by a limited key, it counts as brought by that one', async () => {
    const store = new ObjectStore();
    const verified = store.commit({ key: alice, files });
    const from = store.commit({ parents: [verified], files: evil });
    const ask = (o: { commit: string; from: string; verified?: string }) => store.verify({ rules: both, mode: 'Ancestry', ...o });
    const [byEdge = '', byAlice = ''] = [edge, alice].map(key =>
      store.commit({ parents: [from], key, files: { ...evil, 'edge/a': '2' } }),
    );
    assert.equal((await ask({ commit: byEdge, from, verified })).decision, 'Refused');
    assert.equal((await ask({ commit: byEdge, from })).decision, 'Refused');
    assert.equal((await ask({ commit: byAlice, from, verified })).decision, 'Trusted');
    // Once it lies below what was verified it changes nothing any more.
    const next = store.commit({ parents: [byAlice], key: edge, files: { ...evil, 'edge/a': '3' } });
    assert.equal((await ask({ commit: next, from, verified: byAlice })).decision, 'Trusted');
  });
});

test('a commit of more than a MiB does not count, however it is signed', async () => {
  const store = new ObjectStore();
  const commit = store.commit({ key: alice, files, message: 'x'.repeat(1024 * 1024) });
  assert.match((await store.verify({ rules: both, commit })).message, /the commit is malformed: it has more than 1048576 bytes/);
});

describe('one key is one, whoever vouches for it', () => {
  test('by two certificates, or as a subkey of two keys', () => {
    const two = required(2, ['a', 'b']);
    const certified = [
      finding({ authority: 'p/a', oid: 'tag', keys: ['CA 1'], key: 'K' }),
      finding({ authority: 'p/b', oid: 'commit', keys: ['CA 2'], key: 'K' }),
    ];
    assert.equal(isMet(two, certified), false);
    assert.equal(isMet(required('All', ['a', 'b']), certified), false);
    const bound = [
      finding({ authority: 'p/a', oid: 'tag', keys: ['P'], key: 'P', signing: 'S' }),
      finding({ authority: 'p/b', oid: 'commit', keys: ['Q'], key: 'Q', signing: 'S' }),
    ];
    assert.equal(isMet(two, bound), false);
    const apart = [
      finding({ authority: 'p/a', oid: 'tag', keys: ['CA 1'], key: 'K' }),
      finding({ authority: 'p/a', oid: 'commit', keys: ['CA 1'], key: 'L' }),
      finding({ authority: 'p/b', oid: 'commit', keys: ['CA 2'], key: 'L' }),
    ];
    assert.equal(isMet(two, apart), true, 'one for each can be chosen');
    assert.equal(isMet(required('All', ['a', 'b']), apart), true);
  });

  test('in both of all authorities, with one signature', async () => {
    const store = new ObjectStore();
    const commit = store.commit({ key: alice, files });
    const all = rules([ssh('a', [alice]), ssh('b', [alice])], { require: 'All' });
    assert.equal((await store.verify({ rules: all, commit })).decision, 'Refused');
    const tag = { name: 'v1', oid: store.tag(edge, commit) };
    const two = rules([ssh('a', [alice]), ssh('b', [alice, edge])], { require: 'All' });
    assert.equal((await store.verify({ rules: two, commit, mode: 'Tag', tag })).decision, 'Trusted');
  });
});

function finding(o: Partial<Finding>): Finding {
  const { authority = 'p/a', oid = 'tag', keys = [], ...rest } = o;
  return { authority, form: 'SSH', oid, accepted: true, reason: 'Accepted', message: '', keys, ...rest };
}

function required(require: 'All' | number, names: readonly string[]): Governing<GitAuthority> {
  const authorities = names.map(name => ssh(name, []));
  const [governing] = rules(authorities, { require }).governing;
  assert.ok(governing);
  return governing;
}

test("a policy called spec.verify is not taken for the source's own keys, nor they for it", async () => {
  const store = new ObjectStore();
  const own = [ssh('ssh', [old], { policy: 'spec.verify' })];
  const named = rules([ssh('ssh', [alice], { policy: 'spec.verify' })], { policy: 'spec.verify' });
  for (const key of [old, alice]) {
    const judgement = await store.verify({ rules: named, own, commit: store.commit({ key, files }) });
    assert.equal(judgement.decision, 'Refused', judgement.message);
  }
  const commit = store.commit({ files });
  const judgement = await store.verify({ rules: named, mode: 'Ancestry', from: commit, commit });
  assert.equal(judgement.decision, 'Refused', judgement.message);
  const { signers } = await store.verify({
    rules: rules([platform]),
    own: [ssh('ssh', [alice])],
    commit: store.commit({ key: alice }),
  });
  assert.deepEqual(
    signers.map(({ authority }) => authority),
    ['p/platform', 'spec.verify/ssh'],
  );
});
