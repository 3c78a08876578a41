import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf, retryAt, wordsOf } from '../../controller/agent/host-failure.ts';

const failed = (stderr: string) => ({ code: 1, stdout: '', stderr });
const proxy = 'error: Switching: Preparing import: Fetching manifest: failed to invoke method OpenImage:';

const cases: [string, string, { stalled?: boolean; permanent?: boolean }?][] = [
  [
    'error: Switching: Preparing for write: Detected container; this command requires a booted host system.',
    'AgentMisconfigured',
    { stalled: true },
  ],
  ['error: Initializing storage: System not booted via bootc', 'Unmanaged', { stalled: true }],
  ['error: Preparing for write: /sysroot is on a read-only block device', 'HostReadOnly', { stalled: true }],
  ['error: Deployment contains local rpm-ostree modifications', 'HostIncompatible', { stalled: true }],
  ['error: Insufficient free space for /sysroot (available: 1.2 GB required: 3.4 GB)', 'DiskFull'],
  ['error: Importing: write: No space left on device (os error 28)', 'DiskFull'],
  [`${proxy} Source image rejected: A signature was required, but no signature exists`, 'SignatureRejected', { stalled: true }],
  [`${proxy} Source image rejected: cryptographic signature verification failed`, 'SignatureRejected', { stalled: true }],
  [`${proxy} A signature was required, but no signature exists`, 'SignatureRejected', { stalled: true }],
  [`${proxy} Running image docker://registry/os@sha256:0 is rejected by policy.`, 'SignatureRejected', { stalled: true }],
  [`${proxy} None of the signatures were accepted, reasons: a; b`, 'SignatureRejected', { stalled: true }],
  [`${proxy} Signature for identity "registry/other" is not accepted`, 'SignatureRejected', { stalled: true }],
  [`${proxy} Signature for digest sha256:0 does not match`, 'SignatureRejected', { stalled: true }],
  [`${proxy} invalid policy in "/etc/containers/policy.json": Unknown key "keyDatas"`, 'SignatureRejected', { stalled: true }],
  [
    `${proxy} Error parsing signature storage configuration: "default-docker" defined both in "a" and "b"`,
    'SignatureRejected',
    { stalled: true },
  ],
  ['error: policy.json specifies a default of `insecureAcceptAnything`; refusing usage', 'SignatureRejected', { stalled: true }],
  ['error: Image has architecture arm64; expected amd64', 'ImageRefused', { stalled: true, permanent: true }],
  ['error: Target image does not have ostree.bootable label', 'ImageRefused', { stalled: true, permanent: true }],
  ['error: Pulling bound images: Subprocess failed', 'BoundImageFailed', { stalled: true, permanent: true }],
  [`${proxy} reading manifest sha256:1 in r/os: unauthorized: authentication required`, 'RegistryUnauthorized'],
  [`${proxy} reading manifest sha256:1 in r/os: manifest unknown`, 'ImageNotFound'],
  [`${proxy} received unexpected HTTP status: 503 Service Unavailable`, 'RegistryUnavailable'],
  [`${proxy} pinging container registry r: Get "https://r/v2/": dial tcp: i/o timeout`, 'RegistryUnavailable'],
  ['error: Missing base image ref ostree/container/blob/abc', 'DeploymentCorrupt', { stalled: true }],
  ['error: Merge conflicts found in etc', 'EtcConflict', { stalled: true }],
  ['error: something new', 'StageFailed'],
];

for (const [stderr, reason, { stalled = false, permanent = false } = {}] of cases) {
  test(`"${stderr.slice(-60)}" is ${reason}`, () => {
    const failure = failureOf(failed(stderr), 'StageFailed');
    assert.equal(failure.reason, reason);
    assert.equal(failure.stalled, stalled);
    assert.equal(failure.permanent, permanent);
    assert.equal(failure.message, stderr.replace('error: ', ''));
  });
}

test("the words are those behind the last error, bounded, and without a URL's password", () => {
  assert.equal(wordsOf(failed('INFO pulling\nerror: one\n  caused by two\n')), 'one   caused by two');
  assert.equal(wordsOf(failed('Get "https://me:secret@r.example/v2/": EOF')), 'Get "https://***@r.example/v2/": EOF');
  assert.equal(wordsOf(failed('x'.repeat(5000))).length, 1000);
  assert.match(wordsOf({ stdout: '', stderr: '' }), /without a word/);
});

test('retries are doubled up to the longest wait', () => {
  const failure = failureOf(failed(`${proxy} received unexpected HTTP status: 503`), 'StageFailed');
  const waits = [1, 2, 3, 20, 1000].map(count => retryAt(failure, count, 0, 0));
  assert.deepEqual(waits, [10_000, 20_000, 40_000, 600_000, 600_000]);
  assert.equal(retryAt(failure, 1, 0, 1), 12_000);
});
