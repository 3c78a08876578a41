import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { StallingError, TransientError, WaitingError } from '../../controller/api/errors.ts';
import type { ImageBuild, ImageBuildStatus } from '../../controller/api/image-build.ts';
import { requestedAt } from '../../controller/api/names.ts';
import type { SystemDefinition, SystemDefinitionStatus } from '../../controller/api/system-definition.ts';
import { requestedBuild, requestedBuildName } from '../../controller/definition/build-request.ts';
import {
  type Present,
  failedStatus,
  followingStatus,
  isTransition,
  outcomeOf,
  statusDiffers,
  suspendedStatus,
  transitionEvent,
} from '../../controller/definition/status.ts';
import { specOf } from './definition-fixture.ts';

const now = new Date('2026-01-01T00:00:00Z');
const digest = (text: string): string => `sha256:${text.repeat(64)}`;
const base = { image: 'registry.example/os/base:42', digest: digest('b') };

const good: SystemDefinitionStatus = {
  observedGeneration: 1,
  base,
  contextDigest: digest('c'),
  latestBuild: 'worker-1',
  image: `registry.example/os/worker@${digest('1')}`,
  digests: [digest('1')],
  revision: `main@sha1:${'a'.repeat(40)}`,
  version: 'worker-cccccccccc',
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      observedGeneration: 1,
      lastTransitionTime: '2025-01-01T00:00:00Z',
      reason: 'Succeeded',
      message: 'built',
    },
  ],
};

function definitionOf(status: SystemDefinitionStatus | undefined, annotations: Record<string, string> = {}): SystemDefinition {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemDefinition',
    metadata: { name: 'worker', uid: 'u', generation: 2, annotations },
    spec: specOf(),
    ...(status ? { status } : {}),
  };
}

function presentOf(status: ImageBuildStatus | undefined, annotations: Record<string, string> = {}): Present {
  const build: ImageBuild = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'ImageBuild',
    metadata: { name: 'worker-2', annotations },
    spec: {
      definitionRef: { name: 'worker' },
      context: digest('d'),
      base: `registry.example/os/base@${base.digest}`,
      output: { repository: 'registry.example/os/worker' },
      execution: { timeout: '30m', lint: 'Warn' },
      builderVersion: '1',
    },
    ...(status ? { status } : {}),
  };
  return { base, contextDigest: digest('d'), build };
}

const lastGood = { image: good.image, digests: good.digests, revision: good.revision, version: good.version };

function pickLastGood({ image, digests, revision, version }: SystemDefinitionStatus): object {
  return { image, digests, revision, version };
}

test('while a build runs, and after it failed, the last good image stays', () => {
  for (const phase of [undefined, 'Pending', 'Building', 'Failed'] as const) {
    const status = followingStatus(definitionOf(good), presentOf(phase && { phase, attempts: 3 }), now);
    assert.deepEqual(pickLastGood(status), lastGood);
    assert.equal(status.latestBuild, 'worker-2');
    assert.equal(status.observedGeneration, 2);
    assert.equal(conditionOf(status.conditions, 'Ready')?.status, 'False');
  }
});

test('a build without an image is no success', () => {
  assert.equal(outcomeOf(presentOf({ phase: 'Succeeded' }).build, undefined).kind, 'Progressing');
});

test('equal digests are named once, and an image without a source has no revision', () => {
  const image = { digest: digest('2'), platforms: [{ platform: 'linux/amd64', digest: digest('2') }] };
  const status = followingStatus(definitionOf(good), presentOf({ phase: 'Succeeded', image }), now);
  assert.equal(status.image, `registry.example/os/worker@${digest('2')}`);
  assert.deepEqual(status.digests, [digest('2')]);
  assert.equal(status.revision, undefined);
  assert.equal(status.version, undefined);
});

test('a retry says what went wrong before, and an asked-for retry is no failure any more', () => {
  const failure = { step: 'RUN dnf', exitCode: 1, message: 'no such package' };
  const retried = outcomeOf(presentOf({ phase: 'Building', attempts: 2, failure }).build, undefined);
  assert.deepEqual(retried, {
    kind: 'Progressing',
    reason: 'Building',
    message: 'ImageBuild worker-2 is building again, after step RUN dnf: no such package',
  });
  const asked = { [requestedAt]: '2' };
  assert.equal(outcomeOf(presentOf({ phase: 'Failed', failure }, asked).build, undefined).kind, 'Progressing');
  assert.equal(
    outcomeOf(presentOf({ phase: 'Failed', failure, lastHandledReconcileAt: '2' }, asked).build, undefined).kind,
    'Failed',
  );
});

test('what a person must change is said of the present spec; the last good image stays, its build is not the present one', () => {
  const status = failedStatus(
    definitionOf(good, { [requestedAt]: 'r' }),
    { base },
    new StallingError('RenderFailed', 'spec: no'),
    now,
  );
  assert.deepEqual(pickLastGood(status), lastGood);
  assert.deepEqual([status.observedGeneration, status.lastHandledReconcileAt, status.base], [2, 'r', base]);
  assert.deepEqual([status.contextDigest, status.latestBuild], [undefined, undefined]);
  assert.deepEqual(
    status.conditions?.map(c => `${c.type}=${c.status} ${c.reason}`),
    ['Ready=False RenderFailed', 'Stalled=True RenderFailed'],
  );
  assert.equal(transitionEvent(status).type, 'Warning');
});

test('a base that was refused is not taken for resolved', () => {
  assert.equal(failedStatus(definitionOf(good), {}, new StallingError('BaseNotBootable', 'no'), now).base, undefined);
});

test('after an error that may pass, all but the conditions stays, so that the pass is done again', () => {
  for (const error of [
    new TransientError('RegistryUnavailable', '503'),
    new WaitingError('SourceNotReady', 'no', 1),
    new Error('x'),
  ]) {
    const status = failedStatus(definitionOf(good, { [requestedAt]: 'r' }), { base }, error, now);
    assert.deepEqual({ ...status, conditions: undefined }, { ...good, conditions: undefined });
    assert.deepEqual(
      status.conditions?.map(c => c.type),
      ['Ready', 'Reconciling'],
    );
    assert.equal(transitionEvent(status).type, error instanceof WaitingError ? 'Normal' : 'Warning');
  }
});

test('suspended keeps what it was, ready or not, and is not at work', () => {
  const ready = suspendedStatus(definitionOf(good), now);
  assert.deepEqual({ ...ready, conditions: undefined }, { ...good, observedGeneration: 2, conditions: undefined });
  assert.deepEqual(
    ready.conditions?.map(c => `${c.type}=${c.status} ${c.reason}`),
    ['Ready=True Suspended'],
  );
  const fresh = suspendedStatus(definitionOf(undefined), now);
  assert.deepEqual(
    fresh.conditions?.map(c => `${c.type}=${c.status} ${c.reason}`),
    ['Ready=False Suspended'],
  );
});

test('the same again is not written; another image under the same reason is news', () => {
  const image = { digest: digest('2'), reference: 'r.example/a@x', platforms: [] };
  const present = presentOf({ phase: 'Succeeded', image });
  const status = followingStatus(definitionOf(good), present, now);
  const again = followingStatus(definitionOf(status), present, new Date('2027-01-01T00:00:00Z'));
  assert.equal(statusDiffers(status, again), false);
  assert.equal(isTransition(good, status), true);
  assert.equal(isTransition(status, again), false);
  assert.equal(isTransition(undefined, status), true);
});

test('the name of a build follows from its inputs, not from the commit or the timeout', () => {
  const request = { base, context: digest('d') };
  const name = requestedBuildName(definitionOf(good), request);
  assert.equal(requestedBuild(definitionOf(good), { ...request, revision: 'main@sha1:x' }).metadata.name, name);
  assert.equal(requestedBuildName(definitionOf(undefined), request), name);
  for (const other of [
    { ...request, base: { ...base, digest: digest('e') } },
    { ...request, context: digest('e') },
  ]) {
    assert.notEqual(requestedBuildName(definitionOf(good), other), name);
  }
});

test('a name too long for a label is left to spec.definitionRef', () => {
  const definition = definitionOf(good);
  const long = { ...definition, metadata: { ...definition.metadata, name: 'w'.repeat(64) } };
  const build = requestedBuild(long, { base, context: digest('d') });
  assert.equal(build.metadata.labels, undefined);
  assert.equal(build.spec.definitionRef.name, 'w'.repeat(64));
});
