import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { readPolicy } from '../../controller/trust/read-policy.ts';
import type { Revocation } from '../../controller/trust/rules.ts';
import { policyStatus } from '../../controller/trust/status.ts';
import { newAuthority, trustedRoot } from './corpus/certificate-authority.ts';
import { newLog } from './corpus/transparency-log.ts';
import { keyAuthority, newPublicKey, noSources, policyOf } from './policy-scene.ts';

const now = Date.parse('2026-06-01T12:00:00Z');
const from = now - 86_400_000;
const authority = newAuthority(now);
const log = newLog();
const identities = [{ issuer: 'https://issuer.example.com', subject: 'a@example.com' }];
const rootWith = (more: { until?: number } = {}) => trustedRoot({ authorities: [authority], logs: [log], from, ...more });
const ci = (root: string) => ({ name: 'ci', keyless: { identities, trustedRoot: { data: root } } });

async function statusOf(spec: Parameters<typeof policyOf>[1], revoked: Omit<Revocation, 'policy'>[] = []) {
  const policy = policyOf('os', spec);
  const read = await readPolicy(policy, noSources);
  const all = revoked.map(each => ({ ...each, policy: 'os' }));
  const { authorities = [], conditions } = policyStatus(policy, {
    read,
    revoked: all,
    conflicts: [],
    lastUsed: () => undefined,
    now,
  });
  const ready = conditions?.find(({ type }) => type === 'Ready');
  return { authority: authorities[0], ready };
}

test('an authority by certificates shows the keys of its trusted root, as revoked takes them, and until when they count', async () => {
  const shown = await statusOf({ authorities: [ci(rootWith({ until: now + 1_000 }))] });
  const times = { notBefore: '2026-05-31T12:00:00Z', notAfter: '2026-06-01T12:00:01Z' };
  const algorithm = 'ecdsa-p256';
  assert.deepEqual(shown.authority?.keys, [
    {
      fingerprint: authority.key.fingerprint,
      algorithm,
      identity: 'certificate authority CN=authority of the tests',
      ...times,
    },
    { fingerprint: log.key.fingerprint, algorithm, identity: `log https://${log.host}`, ...times },
    {
      fingerprint: authority.certificateLog.fingerprint,
      algorithm,
      identity: 'log of certificates https://ctlog.example.com',
      ...times,
    },
  ]);
  assert.equal(shown.ready?.status, 'True', shown.ready?.message);
});

test('a part of the root that has ended vouches for what is from before: the authority counts', async () => {
  const { ready } = await statusOf({ authorities: [ci(rootWith({ until: now - 1_000 }))] });
  assert.equal(ready?.status, 'True', ready?.message);
});

test('without its certificate authority, its log or the log of certificates it cannot count, and says so', async () => {
  for (const { fingerprint } of [authority.key, log.key, authority.certificateLog]) {
    const shown = await statusOf({ authorities: [ci(rootWith())] }, [{ fingerprint }]);
    assert.equal(shown.authority?.keys?.find(key => key.fingerprint === fingerprint)?.revoked, true);
    assert.deepEqual([shown.ready?.status, shown.ready?.reason], ['False', 'Revoked']);
    assert.match(shown.ready?.message ?? '', /ci has a trusted root of which a part is revoked/);
  }
});

test('a key with a log shows the keys of the log beside its own, and counts for one key', async () => {
  const pem = newPublicKey();
  const logged = keyAuthority('release', pem, { transparencyLog: 'Required', trustedRoot: { data: rootWith() } });
  const shown = await statusOf({ authorities: [logged] });
  assert.deepEqual(
    shown.authority?.keys?.map(({ fingerprint }) => fingerprint),
    [publicKeysOf(pem)[0]?.fingerprint, authority.key, log.key, authority.certificateLog].map(key =>
      typeof key === 'object' ? key.fingerprint : key,
    ),
  );
  assert.match(shown.ready?.message ?? '', /^1 authority, 1 key/);
});

test('as many keys are shown as a status holds', async () => {
  const logs = Array.from({ length: 70 }, () => newLog());
  const shown = await statusOf({ authorities: [ci(trustedRoot({ authorities: [authority], logs }))] });
  assert.equal(shown.authority?.keys?.length, 64);
});
