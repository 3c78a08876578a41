import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusFormatError, nextBoot, parseBootcStatus } from '../../controller/agent/bootc-status.ts';

const image = (n: number, signature: unknown = 'containerPolicy') => ({
  image: `registry.example.com/edge/os@sha256:${String(n).repeat(64)}`,
  transport: 'registry',
  ...(signature === null ? {} : { signature }),
});
const entry = (n: number, more: object = {}) => ({
  cachedUpdate: null,
  composefs: null,
  downloadOnly: false,
  image: {
    architecture: 'amd64',
    image: image(n),
    imageDigest: `sha256:${String(n).repeat(64)}`,
    timestamp: '2026-07-01T08:00:00Z',
    version: `42.${n}`,
  },
  incompatible: false,
  ostree: { checksum: String(n).repeat(64), deploySerial: 0, stateroot: 'default' },
  pinned: false,
  softRebootCapable: false,
  store: 'ostreeContainer',
  ...more,
});
const document = (spec: object, status: object) =>
  JSON.stringify({ apiVersion: 'org.containers.bootc/v1', kind: 'BootcHost', metadata: { name: 'host' }, spec, status });
const rest = { readOnly: false, rollback: null, rollbackQueued: false, staged: null, type: 'bootcHost', usrOverlay: null };

test('a freshly booted host', () => {
  const status = parseBootcStatus(document({ bootOrder: 'default', image: image(1) }, { booted: entry(1), ...rest }));
  assert.equal(status.booted?.digest, `sha256:${'1'.repeat(64)}`);
  assert.deepEqual(status.booted?.reference, image(1));
  assert.equal(status.booted?.version, '42.1');
  assert.equal(status.staged, undefined);
  assert.deepEqual(status.others, []);
  assert.equal(nextBoot(status)?.digest, status.booted?.digest);
});

test('an update staged with the lock is not what boots next', () => {
  const staged = entry(2, { downloadOnly: true });
  const status = parseBootcStatus(document({ bootOrder: 'default', image: image(2) }, { booted: entry(1), ...rest, staged }));
  assert.equal(status.staged?.locked, true);
  assert.equal(status.staged?.deployment, `${'2'.repeat(64)}.0`);
  assert.deepEqual(status.followed, image(2));
  assert.equal(nextBoot(status)?.digest, `sha256:${'1'.repeat(64)}`);
  const unlocked = parseBootcStatus(document({}, { booted: entry(1), ...rest, staged: entry(2) }));
  assert.equal(nextBoot(unlocked)?.digest, `sha256:${'2'.repeat(64)}`);
});

test('after the reboot there is a rollback', () => {
  const status = parseBootcStatus(document({ image: image(2) }, { ...rest, booted: entry(2), rollback: entry(1) }));
  assert.equal(status.rollback?.digest, `sha256:${'1'.repeat(64)}`);
  assert.equal(status.rollbackQueued, false);
});

test('a queued rollback is what boots next', () => {
  const status = parseBootcStatus(
    document({ bootOrder: 'rollback', image: image(2) }, { ...rest, booted: entry(2), rollback: entry(1), rollbackQueued: true }),
  );
  assert.equal(status.rollbackQueued, true);
  assert.equal(nextBoot(status)?.digest, `sha256:${'1'.repeat(64)}`);
});

test('keys that a release lacks have their default, and unknown ones are ignored', () => {
  const status = parseBootcStatus(
    document(
      { image: image(1, null) },
      {
        booted: { image: { image: { image: 'r/os:1' }, imageDigest: 'sha256:1' } },
        staged: { image: null, incompatible: true, composefs: { verity: 'ab' } },
        storage: { unified: true },
        otherDeployments: [entry(3, { pinned: true }), null],
      },
    ),
  );
  assert.equal(status.booted?.locked, false);
  assert.deepEqual(status.booted?.reference, { image: 'r/os:1', transport: 'registry' });
  assert.equal(status.staged?.incompatible, true);
  assert.equal(status.staged?.deployment, 'ab');
  assert.equal(status.others[0]?.pinned, true);
  assert.equal(status.others.length, 1);
  assert.equal(status.usrOverlay, false);
  assert.equal(status.readOnly, false);
});

const signatureOf = (signature: unknown) =>
  parseBootcStatus(document({ image: image(1, signature) }, { booted: null })).followed?.signature;

test('signature is a string or an object', () => {
  assert.equal(signatureOf('containerPolicy'), 'containerPolicy');
  assert.equal(signatureOf('insecure'), 'insecure');
  assert.equal(signatureOf({ ostreeRemote: 'fedora' }), 'ostreeRemote:fedora');
  assert.equal(signatureOf(null), undefined);
  assert.equal(signatureOf(7), undefined);
});

test('the empty host of a container has nothing booted', () => {
  const status = parseBootcStatus(document({ bootOrder: 'default', image: null }, { booted: null, ...rest, type: null }));
  assert.equal(status.booted, undefined);
  assert.equal(nextBoot(status), undefined);
});

for (const text of ['', 'System is not deployed via bootc.', '[]', 'null', '{"kind":"Pod"}', '{"status":{}}']) {
  test(`"${text}" is no host`, () => {
    assert.throws(() => parseBootcStatus(text), StatusFormatError);
  });
}
