import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { StallingError, TransientError, WaitingError } from '../../controller/api/errors.ts';
import type { ImageBuild, ImageBuildStatus } from '../../controller/api/image-build.ts';
import { requestedAt } from '../../controller/api/names.ts';
import { BuildError } from '../../controller/build/build-error.ts';
import { maxAttempts, retryDelayMs } from '../../controller/build/attempts.ts';
import { lifeStep } from '../../controller/build/next-step.ts';
import { projectBuild } from '../../controller/build/projection.ts';
import { statusAfter } from '../../controller/build/status.ts';
import type { BuildEvent, Verdict } from '../../controller/build/status.ts';
import { sha256 } from '../../controller/registry/digest.ts';

const now = new Date('2026-01-02T03:04:05Z');
const image = {
  reference: 'r.example/os@sha256:0',
  digest: 'sha256:0',
  version: 'os-1',
  platforms: [{ platform: 'linux/amd64', digest: 'sha256:1' }],
};
const stepError = new BuildError('exit code 7', {
  step: '2/2: RUN false',
  exitCode: 7,
  log: Array.from({ length: 60 }, (_, i) => `line ${i}`),
});

function buildOf(status?: ImageBuildStatus, asked?: string): ImageBuild {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'ImageBuild',
    metadata: {
      name: 'os-0123456789',
      uid: 'u',
      resourceVersion: '1',
      generation: 1,
      ...(asked === undefined ? {} : { annotations: { [requestedAt]: asked } }),
    },
    spec: {
      definitionRef: { name: 'os' },
      context: sha256('context'),
      base: `r.example/base@${sha256('base')}`,
      output: { repository: 'r.example/os' },
      execution: { timeout: '30m', lint: 'Warn' },
      builderVersion: '1',
    },
    ...(status === undefined ? {} : { status }),
  };
}

const stepOf = (build: ImageBuild): string =>
  lifeStep(projectBuild(build), undefined, { now: now.getTime(), judged: 'Stands' }).kind;
const after = (build: ImageBuild, event: BuildEvent): Verdict => statusAfter(build, event, now);
const ready = (verdict: Verdict): [string | undefined, string | undefined] => {
  const condition = conditionOf(verdict.status.conditions, 'Ready');
  return [condition?.status, condition?.reason];
};

test('from nothing to Succeeded', () => {
  const queued = after(buildOf(), { kind: 'Queued', message: 'waits for its turn' });
  assert.equal(queued.status.phase, 'Pending');
  assert.deepEqual(ready(queued), ['False', 'Queued']);
  const started = after(buildOf(queued.status), { kind: 'Started' });
  assert.equal(started.status.phase, 'Building');
  assert.equal(started.status.startTime, '2026-01-02T03:04:05Z');
  assert.ok(conditionOf(started.status.conditions, 'Reconciling'));
  const { status } = after(buildOf(started.status), { kind: 'Succeeded', image });
  assert.equal(status.phase, 'Succeeded');
  assert.equal(status.attempts, 1);
  assert.deepEqual(status.image, image);
  assert.equal(status.observedGeneration, 1);
  assert.equal(conditionOf(status.conditions, 'Ready')?.status, 'True');
  assert.equal(conditionOf(status.conditions, 'Reconciling'), undefined);
  assert.equal(stepOf(buildOf(status)), 'Nothing');
});

test('a failed step is tried again, and then no more', () => {
  let status: ImageBuildStatus = {};
  for (let i = 0; i < maxAttempts - 1; i++) {
    const verdict = after(buildOf(after(buildOf(status), { kind: 'Started' }).status), { kind: 'Thrown', error: stepError });
    ({ status } = verdict);
    assert.equal(verdict.retryAfterMs, retryDelayMs(i + 1));
    assert.equal(status.phase, 'Pending');
    assert.equal(status.attempts, i + 1);
    assert.deepEqual(ready(verdict), ['False', 'BuildFailed']);
    assert.equal(conditionOf(status.conditions, 'Stalled'), undefined);
    assert.equal(stepOf(buildOf(status)), 'Wait');
  }
  const last = after(buildOf(status), { kind: 'Thrown', error: stepError });
  assert.equal(last.status.phase, 'Failed');
  assert.ok(last.rethrow instanceof StallingError);
  assert.ok(conditionOf(last.status.conditions, 'Stalled'));
  assert.equal(last.status.failure?.step, '2/2: RUN false');
  assert.equal(last.status.failure?.exitCode, 7);
  assert.deepEqual(last.status.failure?.log?.slice(-1), ['line 59']);
  assert.equal(last.status.failure?.log?.length, 40);
  assert.match(conditionOf(last.status.conditions, 'Ready')?.message ?? '', /attempt 3 of 3: step 2\/2: RUN false: exit code 7/);
  assert.equal(stepOf(buildOf(last.status)), 'Nothing');
});

test('the registry is tried for ever, and its failures count for nothing', () => {
  let status: ImageBuildStatus = {};
  for (let i = 0; i < 10; i++) {
    for (const error of [
      new TransientError('RegistryUnavailable', 'r answers 503'),
      new WaitingError('SecretNotFound', 'none', 1),
      new Error('other'),
    ]) {
      const verdict = after(buildOf(after(buildOf(status), { kind: 'Started' }).status), { kind: 'Thrown', error });
      ({ status } = verdict);
      assert.equal(verdict.rethrow, error);
      assert.deepEqual([status.phase, status.attempts, status.failure], ['Pending', 0, undefined]);
    }
  }
});

test('what only a person can change ends at once, until they ask', () => {
  const error = new StallingError('BaseNotBootable', 'base image x is not bootable');
  const { status, rethrow } = after(buildOf({}, 'first'), { kind: 'Thrown', error });
  assert.equal(rethrow, error);
  assert.equal(status.phase, 'Failed');
  assert.equal(status.lastHandledReconcileAt, 'first');
  assert.equal(stepOf(buildOf(status, 'first')), 'Nothing');
  const asked = buildOf({ ...status, attempts: 3 }, 'second');
  assert.equal(stepOf(asked), 'Begin');
  const again = after(asked, { kind: 'Begun' }).status;
  assert.deepEqual([again.attempts, again.failure, again.lastHandledReconcileAt], [0, undefined, 'second']);
});

test('a failure stays visible during the next attempt and goes with a success', () => {
  const failed = after(buildOf(), { kind: 'Thrown', error: stepError }).status;
  const building = after(buildOf(failed), { kind: 'Started' }).status;
  assert.equal(building.failure?.exitCode, 7);
  assert.equal(after(buildOf(building), { kind: 'Succeeded', image }).status.failure, undefined);
});

test('a step of many words is one that can be read in the message, on one line, and whole in the failure', () => {
  const step = `2/2: RUN export LC_ALL=C.UTF-8 && apt-get update && apt-get install 'no-such-package' ${'&& rm -rf /var/cache/x '.repeat(20)}`;
  const words = 'exit code 100: E: Unable to locate package\nno-such-package';
  const error = new BuildError(words, { step, stepNumber: 2, exitCode: 100, log: [] });
  const { status } = after(buildOf({ phase: 'Building', attempts: 2 }), { kind: 'Thrown', error });
  assert.equal(
    conditionOf(status.conditions, 'Ready')?.message,
    'attempt 3 of 3: step 2/2: RUN export LC_ALL=C.UTF-8 && apt-get update &&…: exit code 100: E: Unable to locate package no-such-package',
  );
  assert.equal(status.failure?.step, step);
});

test('a Job that was made before the last change does not end the build', () => {
  const build = { ...buildOf({ phase: 'Building', attempts: 2, observedGeneration: 2 }) };
  build.metadata.generation = 2;
  const verdict = after(build, { kind: 'Thrown', error: stepError, generation: 1 });
  assert.deepEqual([verdict.status.phase, verdict.status.observedGeneration, verdict.rethrow], ['Failed', 1, undefined]);
  assert.notEqual(verdict.retryAfterMs, undefined);
  assert.equal(stepOf({ ...build, status: verdict.status }), 'Begin');
});
