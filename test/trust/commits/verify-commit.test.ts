import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StallingError, TransientError } from '../../../controller/api/errors.ts';
import { fingerprintOfSSH } from '../../../controller/trust/fingerprint.ts';
import { recordOf } from '../../../controller/trust/judgement.ts';
import type { GitAuthority, Rules } from '../../../controller/trust/rules.ts';
import { commitBasis } from '../../../controller/trust/verify-commit.ts';
import { ObjectStore, rules, ssh, start } from './object-store.ts';
import { ed25519Key } from './sshsig.ts';

const [alice, bob, mallory] = [ed25519Key(), ed25519Key(), ed25519Key()];
const both = rules([ssh('team', [alice, bob])]);
const ancestry = { rules: both, mode: 'Ancestry' } as const;
const day = 86_400;

describe('Ancestry', () => {
  test('begins with the first commit that is verified', async () => {
    const store = new ObjectStore();
    const [, tip = ''] = store.line([undefined, alice]);
    assert.equal((await store.verify({ ...ancestry, commit: tip })).decision, 'Trusted');
  });

  test('asks every commit on every way down, whatever the dates say', async () => {
    for (const skew of [0, -10 * day, 10 * day]) {
      const store = new ObjectStore();
      const [base = ''] = store.line([alice]);
      const side = store.commit({ parents: [base], at: 100 + skew });
      const main = store.commit({ parents: [base], key: alice });
      const tip = store.commit({ parents: [main, side], key: bob });
      const judgement = await store.verify({ ...ancestry, commit: tip, verified: base });
      assert.equal(judgement.decision, 'Refused');
      assert.match(
        judgement.message,
        new RegExp(`^commit ${side.slice(0, 12)}, which ${tip.slice(0, 12)} brings with it, does not count`),
      );
    }
  });

  test('takes no commit for old because it is not there', async () => {
    const store = new ObjectStore();
    const [base = '', hidden = '', tip = ''] = store.line([alice, undefined, alice]);
    store.remove(hidden);
    await assert.rejects(store.verify({ ...ancestry, commit: tip, verified: base }), /cannot be had/);
  });

  test('knows commits of before by walking, where a branch began before the last verified one', async () => {
    for (const skew of [0, 20 * day]) {
      const store = new ObjectStore();
      const [fork = ''] = store.line([undefined, undefined, undefined]);
      const [verified = ''] = store.line([undefined, undefined, alice], fork).slice(-1);
      const branch = store.commit({ parents: [fork], key: bob, at: 300 - skew });
      const tip = store.commit({ parents: [verified, branch], key: alice, at: 20_000 });
      const judgement = await store.verify({ ...ancestry, commit: tip, verified });
      assert.equal(judgement.decision, 'Trusted', judgement.message);
      assert.deepEqual(
        judgement.signers.map(s => s.key ?? '').toSorted(),
        [alice, bob].map(k => fingerprintOfSSH(k.blob)).toSorted(),
      );
    }
  });

  test('goes on from `from`, which needs no signature itself', async () => {
    const store = new ObjectStore();
    const [old = '', from = '', tip = ''] = store.line([undefined, undefined, alice]);
    assert.equal((await store.verify({ ...ancestry, commit: tip, from })).decision, 'Trusted');
    assert.equal((await store.verify({ ...ancestry, commit: from, from })).decision, 'Refused', 'a policy is not passed over');
    const none: Rules<GitAuthority> = { ...both, configured: false, governing: [] };
    const own = [ssh('ssh', [alice], { policy: 'spec.verify' })];
    assert.equal((await store.verify({ ...ancestry, rules: none, own, commit: from, from })).decision, 'Trusted');
    assert.equal((await store.verify({ ...ancestry, commit: tip, from: old })).decision, 'Refused');
  });

  test('asks the commit itself also where it was verified before, and where a person goes back to it', async () => {
    const store = new ObjectStore();
    const [older = '', unsigned = '', tip = ''] = store.line([alice, undefined, bob]);
    const revoked = [{ fingerprint: fingerprintOfSSH(bob.blob), policy: 'p' }];
    assert.equal((await store.verify({ ...ancestry, commit: older, verified: tip })).decision, 'Trusted');
    assert.equal((await store.verify({ ...ancestry, commit: unsigned, verified: tip })).decision, 'Refused');
    const judgement = await store.verify({ ...ancestry, rules: { ...both, revoked }, commit: tip, verified: tip });
    assert.equal(judgement.reason, 'Revoked');
    // Who still counts may go on from there: what was verified once stays so.
    const next = store.commit({ parents: [tip], key: alice });
    assert.equal(
      (await store.verify({ ...ancestry, rules: { ...both, revoked }, commit: next, verified: tip })).decision,
      'Trusted',
    );
  });

  test('looks at so many commits and no more', async () => {
    const store = new ObjectStore();
    const oids = store.line([...Array.from({ length: 2_101 }, () => undefined), alice]);
    const judgement = await store.verify({ ...ancestry, commit: oids.at(-1) ?? '', verified: oids[0] ?? '' });
    assert.equal(judgement.candidates[0]?.reason, 'HistoryTooLong');
    assert.match(judgement.message, /set spec\.verify\.from to a later commit that you trust/);
  });

  test('lets an expired key have signed what came before, and not what claims to', async () => {
    const store = new ObjectStore();
    const late = rules([ssh('old', [bob], { options: 'valid-before="20260311Z" ' }), ssh('new', [alice])]);
    const base = store.commit({ key: alice, at: 0 });
    const inTime = store.commit({ parents: [base], key: bob, at: 5 * day });
    const tip = store.commit({ parents: [inTime], key: alice, at: 20 * day });
    assert.equal((await store.verify({ ...ancestry, rules: late, commit: tip, verified: base })).decision, 'Trusted');
    const later = store.commit({ parents: [tip], key: bob, at: 5 * day });
    const above = store.commit({ parents: [later], key: alice, at: 21 * day });
    const judgement = await store.verify({ ...ancestry, rules: late, commit: above, verified: tip });
    assert.match(
      judgement.message,
      /expired on 2026-03-11T00:00:00Z, and it is dated 2026-03-06T.*, before what it comes after \(2026-03-21T/,
    );
    // As the commit that is applied it needs a key that counts now.
    assert.equal((await store.verify({ ...ancestry, rules: late, commit: inTime, verified: base })).decision, 'Refused');
  });
});

describe('time', () => {
  const expired = rules([ssh('old', [alice], { options: 'valid-before="20260311Z" ' })]);

  test('an expired key stays good for the commit that it was seen to have signed', async () => {
    const store = new ObjectStore();
    const commit = store.commit({ key: alice });
    const then = await store.verify({ rules: expired, commit, now: (start + day) * 1000 });
    assert.equal(then.decision, 'Trusted');
    assert.equal((await store.verify({ rules: expired, commit })).decision, 'Refused');
    assert.equal((await store.verify({ rules: expired, commit, previous: recordOf(then) })).decision, 'Trusted');
    const other = store.commit({ key: alice, at: 60 });
    assert.equal((await store.verify({ rules: expired, commit: other, previous: recordOf(then) })).decision, 'Refused');
  });

  test('what is only too early is judged again when it is not', async () => {
    const store = new ObjectStore();
    const commit = store.commit({ key: alice, at: 60 * day });
    const judgement = await store.verify({ rules: both, commit });
    assert.equal(judgement.decision, 'Refused');
    assert.equal(Date.parse(judgement.until ?? ''), (start + 60 * day) * 1000 - 3_600_000);
    assert.equal((await store.verify({ rules: both, commit, now: Date.parse(judgement.until ?? '') })).decision, 'Trusted');
  });
});

describe('paths', () => {
  const limited = rules([ssh('edge', [alice], { paths: ['systems/edge/**'] }), ssh('all', [bob])]);
  const files = { 'systems/edge/a.yaml': '1', 'systems/prod/a.yaml': '1', README: '1' };

  test('a limited authority may change what it may, and nothing else', async () => {
    const store = new ObjectStore();
    const base = store.commit({ key: bob, files });
    const inside = store.commit({ parents: [base], key: alice, files: { ...files, 'systems/edge/b.yaml': '1' } });
    const outside = store.commit({ parents: [base], key: alice, files: { ...files, README: '2' } });
    assert.equal((await store.verify({ rules: limited, commit: inside, verified: base })).decision, 'Trusted');
    const judgement = await store.verify({ rules: limited, commit: outside, verified: base });
    assert.match(judgement.message, /the commit changes "README", and edge@example\.com may sign for systems\/edge\/\*\* only/);
    assert.equal(judgement.candidates[0]?.reason, 'OutsidePaths');
    assert.equal(
      (await store.verify({ rules: limited, commit: inside })).decision,
      'Refused',
      'nothing was verified before: all of it is new',
    );
  });

  test('commits between, that nobody looks at, count as its changes', async () => {
    const store = new ObjectStore();
    const base = store.commit({ key: bob, files });
    const between = store.commit({ parents: [base], files: { ...files, 'systems/prod/a.yaml': '2' } });
    const tip = store.commit({
      parents: [between],
      key: alice,
      files: { ...files, 'systems/prod/a.yaml': '2', 'systems/edge/b.yaml': '1' },
    });
    const judgement = await store.verify({ rules: limited, commit: tip, verified: base });
    assert.match(judgement.message, /changes "systems\/prod\/a\.yaml"/);
    assert.equal((await store.verify({ rules: limited, commit: tip, verified: base, mode: 'Ancestry' })).decision, 'Refused');
  });

  test('a merge changes what it differs in from any parent', async () => {
    const store = new ObjectStore();
    const base = store.commit({ key: bob, files });
    const left = store.commit({ parents: [base], key: bob, files: { ...files, README: '2' } });
    const right = store.commit({ parents: [base], key: alice, files: { ...files, 'systems/edge/a.yaml': '2' } });
    // The second parent's change is thrown away.
    const dropped = store.commit({ parents: [right, left], key: alice, files: { ...files, 'systems/edge/a.yaml': '2' } });
    assert.equal((await store.verify({ rules: limited, commit: dropped, verified: base })).decision, 'Refused');
  });
});

describe('what is required', () => {
  test('one signature is one, and a signed tag of a signed commit two', async () => {
    const store = new ObjectStore();
    const two = rules([ssh('a', [alice]), ssh('b', [bob]), ssh('again', [alice])], { require: 2 });
    const [commit = ''] = store.line([bob]);
    const judgement = await store.verify({ rules: two, commit });
    assert.equal(judgement.decision, 'Refused');
    assert.match(judgement.message, /a commit has one signature, and more need mode Tag/);
    const tag = (key: typeof alice) => ({ mode: 'Tag', tag: { name: 'v1', oid: store.tag(key, commit) } }) as const;
    assert.equal((await store.verify({ rules: two, commit, ...tag(alice) })).decision, 'Trusted');
    assert.equal((await store.verify({ rules: two, commit, ...tag(bob) })).decision, 'Refused');
    const [other = ''] = store.line([alice]);
    const oid = store.tag(alice, other);
    assert.equal(
      (await store.verify({ rules: two, commit: other, mode: 'Tag', tag: { name: 'v1', oid } })).decision,
      'Refused',
      'one key, two authorities',
    );
    for (const name of [undefined, { name: 'v1', oid: other }]) {
      const judged = await store.verify({ rules: two, commit: other, mode: 'Tag', ...(name ? { tag: name } : {}) });
      assert.deepEqual(judged.candidates[0]?.reason, 'NotAnnotated', 'a tag that is only a name');
    }
    const all = rules([ssh('a', [alice]), ssh('b', [bob])], { require: 'All' });
    assert.equal((await store.verify({ rules: all, commit, ...tag(alice) })).decision, 'Trusted');
    assert.equal((await store.verify({ rules: all, commit })).decision, 'Refused');
    const unread = [{ name: 'p/c', message: 'is no key' }];
    const unreadOne = rules([ssh('a', [alice]), ssh('b', [bob])], { require: 'All', unread });
    assert.equal(
      (await store.verify({ rules: unreadOne, commit, ...tag(alice) })).decision,
      'Refused',
      'one of all cannot be read',
    );
    const shared = rules([ssh('a', [alice]), ssh('b', [bob, alice])], { require: 2 });
    assert.equal((await store.verify({ rules: shared, commit, ...tag(alice) })).decision, 'Refused', 'they have a key in common');
    // The commit's own signature does not make up for the tag's.
    assert.equal((await store.verify({ rules: both, commit, ...tag(mallory) })).decision, 'Refused');
  });

  test('policies, and keys of the repository, all have to be satisfied', async () => {
    const store = new ObjectStore();
    const [commit = ''] = store.line([alice]);
    const own = [ssh('ssh', [bob], { policy: 'spec.verify' })];
    assert.equal((await store.verify({ rules: both, commit })).decision, 'Trusted');
    assert.match((await store.verify({ rules: both, own, commit })).message, /by spec\.verify ssh has to sign/);
    const conflict: Rules<GitAuthority> = {
      ...rules([]),
      governing: [...both.governing, ...rules([ssh('q', [bob])]).governing],
    };
    assert.equal((await store.verify({ rules: conflict, commit })).decision, 'Refused');
    const warn = rules([ssh('b', [bob])], { mode: 'Warn' });
    const warned = await store.verify({ rules: warn, commit });
    assert.deepEqual([warned.decision, warned.signers], ['Warned', []]);
    assert.equal((await store.verify({ rules: warn, own, commit })).decision, 'Refused');
    const none: Rules<GitAuthority> = { ...rules([]), configured: false, governing: [] };
    assert.equal((await store.verify({ rules: none, commit })).decision, 'NotConfigured');
    assert.equal((await store.verify({ rules: none, own: [ssh('ssh', [alice])], commit })).decision, 'Trusted');
    assert.match((await store.verify({ rules: none, own: [], commit })).message, /name keys in spec\.verify\.secretRef/);
    assert.equal((await store.verify({ rules: { ...none, configured: true }, own, commit })).reason, 'NoPolicy');
    assert.equal((await store.verify({ rules: rules([], { mode: 'Skip' }), commit })).decision, 'Skipped');
  });

  test('what is read is what was asked for, or no judgement', async () => {
    const store = new ObjectStore();
    const [commit = '', other = ''] = store.line([alice, bob]);
    store.corrupt(commit, Buffer.from('tree '));
    await assert.rejects(store.verify({ rules: both, commit }), TransientError);
    await assert.rejects(
      store.verify({ rules: rules([{ policy: 'p', name: 'x', kind: 'ssh', allowedSigners: 'broken' }]), commit: other }),
      StallingError,
    );
  });

  test('nothing is refused while a key that may be the one is not read', async () => {
    const store = new ObjectStore();
    const [commit = '', other = ''] = store.line([alice, bob]);
    const message = 'the API server does not answer';
    const partly = rules([ssh('b', [bob])], { unread: [{ name: 'p/a', message, retry: true }] });
    await assert.rejects(store.verify({ rules: partly, commit }), { reason: 'KeyUnreadable', message: `p/a: ${message}` });
    assert.equal((await store.verify({ rules: partly, commit: other })).decision, 'Trusted');
    const broken = rules([ssh('b', [bob])], { unread: [{ name: 'p/a', message: 'is no key' }] });
    assert.match((await store.verify({ rules: broken, commit })).message, /; p\/a cannot be read: is no key$/);
  });

  test('the basis tells apart whatever changes a judgement', () => {
    const own = [ssh('ssh', [alice])];
    const tag = { name: 'v1', oid: '1'.repeat(40) };
    const asked = [
      { rules: both, mode: 'Head' },
      { rules: { ...both, basis: 'sha256:1' }, mode: 'Head' },
      { rules: both, mode: 'Ancestry' },
      { rules: both, mode: 'Ancestry', from: '1'.repeat(40) },
      { rules: both, mode: 'Tag', tag },
      { rules: both, mode: 'Tag', tag: { ...tag, oid: '2'.repeat(40) } },
      { rules: both, mode: 'Head', own },
      { rules: both, mode: 'Head', own: [ssh('ssh', [bob])] },
    ] as const;
    assert.equal(new Set(asked.map(commitBasis)).size, asked.length);
    assert.equal(commitBasis({ rules: both, mode: 'Head', tag }), commitBasis({ rules: both, mode: 'Head' }));
  });
});
