import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { StallingError, TransientError, WaitingError } from '../../controller/api/errors.ts';
import type { ImageBuild, ImageBuildStatus } from '../../controller/api/image-build.ts';
import { cancelAnnotation, requestedAt } from '../../controller/api/names.ts';
import type { SystemDefinition, SystemDefinitionStatus } from '../../controller/api/system-definition.ts';
import { outcomeOf } from '../../controller/definition/build-outcome.ts';
import type { ImageConditions } from '../../controller/definition/image-findings.ts';
import type { InputImages } from '../../controller/definition/input-images.ts';
import { requestedBuild, requestedBuildName } from '../../controller/definition/build-request.ts';
import {
  type Present,
  failedStatus,
  followingStatus,
  newsOf,
  statusDiffers,
  suspendedStatus,
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

const images: InputImages = {
  base,
  workloads: new Map(),
  workloadTrust: new Map(),
  conditions: {},
  warnings: [],
  againMs: undefined,
};

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
  return { images, contextDigest: digest('d'), build };
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

test('what is said of a build names it: its version is the same on another base; one that was never begun has no attempts', () => {
  const image = {
    digest: digest('2'),
    version: 'worker-5b7f0c1e9d',
    platforms: [{ platform: 'linux/amd64', digest: digest('2') }],
  };
  const good = outcomeOf(presentOf({ phase: 'Succeeded', image }).build, 'main@sha1:3f1c');
  assert.deepEqual(good, { kind: 'Ready', reason: 'Succeeded', message: 'ImageBuild worker-2 of main@sha1:3f1c succeeded' });
  const failure = { step: 'inputs', message: 'builder Job is not allowed' };
  const refused = outcomeOf(presentOf({ phase: 'Failed', failure }).build, undefined);
  assert.match(
    refused.kind === 'Failed' ? String(refused.error) : '',
    /ImageBuild worker-2 failed, builder Job is not allowed; change/,
  );
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
    { images },
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
  assert.deepEqual(
    newsOf(good, status).map(news => news.type),
    ['Warning'],
  );
});

test('while the images cannot be resolved, those in use are remembered: what was approved need not be approved again', () => {
  const before = {
    ...good,
    base: { ...base, available: digest('n') },
    workloadImages: [{ image: 'r.example/app:1', digest: digest('w') }],
  };
  const status = failedStatus(definitionOf(before), {}, new StallingError('BaseCycle', 'no'), now);
  assert.deepEqual([status.base, status.workloadImages], [before.base, before.workloadImages]);
});

test('after an error that may pass, all but the conditions stays, so that the pass is done again', () => {
  for (const error of [
    new TransientError('RegistryUnavailable', '503'),
    new WaitingError('SourceNotReady', 'no', 1),
    new Error('x'),
  ]) {
    const status = failedStatus(definitionOf(good, { [requestedAt]: 'r' }), { images }, error, now);
    assert.deepEqual({ ...status, conditions: undefined }, { ...good, conditions: undefined });
    assert.deepEqual(
      status.conditions?.map(c => c.type),
      ['Ready', 'Reconciling'],
    );
    assert.equal(newsOf(good, status)[0]?.type, error instanceof WaitingError ? 'Normal' : 'Warning');
  }
});

test('suspended keeps what it was, ready or not, and is not at work', () => {
  const ready = suspendedStatus(definitionOf(good), {}, now);
  assert.deepEqual({ ...ready, conditions: undefined }, { ...good, observedGeneration: 2, conditions: undefined });
  assert.deepEqual(
    ready.conditions?.map(c => `${c.type}=${c.status} ${c.reason}`),
    ['Ready=True Suspended'],
  );
  const fresh = suspendedStatus(definitionOf(undefined), {}, now);
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
  assert.equal(newsOf(good, status).length, 1);
  assert.equal(newsOf(status, again).length, 0);
  assert.equal(newsOf(undefined, status).length, 1);
});

test('a failed build that is to be done otherwise is tried again', () => {
  const { build } = presentOf({ phase: 'Failed', attempts: 3, observedGeneration: 1 });
  const at = (generation: number) => ({ ...build, metadata: { ...build.metadata, generation } });
  assert.equal(outcomeOf(at(1), undefined).kind, 'Failed');
  assert.equal(outcomeOf(at(2), undefined).kind, 'Progressing');
});

test('what is said of images is there while it is true, is news once, and does not change Ready', () => {
  const image = { digest: digest('2') };
  const says = (conditions: ImageConditions): Present => ({
    ...presentOf({ phase: 'Succeeded', image }),
    images: { ...images, conditions },
  });
  const available = { status: 'True', reason: 'WaitingForApproval', message: 'b is there' } as const;
  const first = followingStatus(definitionOf(good), says({ BaseUpdateAvailable: available }), now);
  assert.deepEqual(
    first.conditions?.map(c => `${c.type}=${c.status}`),
    ['BaseUpdateAvailable=True', 'Ready=True'],
  );
  assert.deepEqual(newsOf(good, first).at(-1), { type: 'Normal', reason: 'WaitingForApproval', note: 'b is there' });
  const again = followingStatus(definitionOf(first), says({ BaseUpdateAvailable: available }), now);
  assert.deepEqual(newsOf(first, again), []);
  const next = followingStatus(definitionOf(first), says({ BaseUpdateAvailable: { ...available, message: 'c is there' } }), now);
  assert.equal(newsOf(first, next).length, 1);
  const failing = followingStatus(
    definitionOf(first),
    says({ BaseUpdateAvailable: available, LookupFailed: { status: 'True', reason: 'RegistryUnavailable', message: '503' } }),
    now,
  );
  assert.deepEqual(newsOf(first, failing), [{ type: 'Warning', reason: 'RegistryUnavailable', note: '503' }]);
  const unsure = followingStatus(definitionOf(failing), says({ BaseUpdateAvailable: undefined }), now);
  assert.deepEqual(
    unsure.conditions?.map(c => c.type),
    ['LookupFailed', 'Ready'],
    'what is left out stays as it was',
  );
  const done = followingStatus(definitionOf(failing), says({ BaseUpdateAvailable: undefined, LookupFailed: undefined }), now);
  assert.deepEqual(
    done.conditions?.map(c => c.type),
    ['Ready'],
  );
});

test('warnings come from approvals, the plan and the image; those of the plan stay until it is rendered again', () => {
  const present = presentOf({ phase: 'Succeeded', image: { digest: digest('2') }, warnings: ['of the image'] });
  const rendered = { ...present, images: { ...images, warnings: ['of an approval'] }, findings: ['of the plan'] };
  const status = followingStatus(definitionOf(good), rendered, now);
  assert.deepEqual(status.warnings, ['of an approval', 'plan: of the plan', 'of the image']);
  const pending = followingStatus(definitionOf(status), presentOf(undefined), now);
  assert.deepEqual(pending.warnings, ['plan: of the plan']);
  assert.equal(followingStatus(definitionOf(status), { ...present, findings: [] }, now).warnings?.length, 1);
  const many = { ...rendered, findings: Array.from({ length: 100 }, (_, i) => `${i}${'x'.repeat(2_000)}`) };
  const bounded = followingStatus(definitionOf(good), many, now).warnings ?? [];
  assert.deepEqual([bounded.length, Math.max(...bounded.map(text => text.length))], [64, 1024]);
});

test('the history is of another writer: it is neither compared nor written', () => {
  const history = [{ build: 'worker-1', kept: 'newest good' }];
  const present = presentOf({ phase: 'Succeeded', image: { digest: digest('2') } });
  const status = followingStatus(definitionOf(good), present, now);
  const again = followingStatus(definitionOf({ ...status, history }), present, now);
  assert.equal(statusDiffers({ ...status, history }, again), false);
  const before = definitionOf({ ...good, history });
  for (const after of [again, suspendedStatus(before, {}, now), failedStatus(before, {}, new Error('x'), now)])
    assert.equal('history' in after, false);
});

test('a build that was canceled says who can end that; one that made room for another goes on', () => {
  const conditions = [
    {
      type: 'Ready',
      status: 'False',
      reason: 'Superseded',
      message: 'another is wanted',
      lastTransitionTime: '2025-01-01T00:00:00Z',
    },
  ] as const;
  const canceled = outcomeOf(presentOf({ phase: 'Canceled' }, { [cancelAnnotation]: 'wrong' }).build, undefined);
  assert.ok(canceled.kind === 'Failed' && canceled.error instanceof StallingError);
  assert.equal(canceled.error.reason, 'BuildCanceled');
  assert.match(
    canceled.error.message,
    /^ImageBuild worker-2 was canceled by the annotation scantling\.dev\/cancel; take it away/,
  );
  assert.deepEqual(outcomeOf(presentOf({ phase: 'Canceled', conditions: [...conditions] }).build, undefined), {
    kind: 'Progressing',
    reason: 'BuildPending',
    message: 'ImageBuild worker-2 waits for its turn',
  });
});

test('what a build waits for is said in its own words', () => {
  const conditions = [
    {
      type: 'Ready',
      status: 'False',
      reason: 'Unschedulable',
      message: 'no node has 64Gi',
      lastTransitionTime: '2025-01-01T00:00:00Z',
    },
  ] as const;
  const outcome = outcomeOf(presentOf({ phase: 'Pending', conditions: [...conditions] }).build, 'main@sha1:x');
  assert.deepEqual(outcome, {
    kind: 'Progressing',
    reason: 'BuildPending',
    message: 'ImageBuild worker-2 of main@sha1:x waits: no node has 64Gi',
  });
});

test('a succeeded build that is asked to look again is not the present image until it has', () => {
  const image = { digest: digest('2') };
  const asked = presentOf({ phase: 'Succeeded', image }, { [requestedAt]: '2' });
  const status = followingStatus(definitionOf(good), asked, now);
  assert.equal(status.image, good.image);
  assert.equal(conditionOf(status.conditions, 'Ready')?.reason, 'BuildPending');
  const handled = presentOf({ phase: 'Succeeded', image, lastHandledReconcileAt: '2' }, { [requestedAt]: '2' });
  assert.equal(followingStatus(definitionOf(good), handled, now).image, `registry.example/os/worker@${digest('2')}`);
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
  const platforms = ['linux/arm64', 'linux/amd64'];
  const some = { ...definitionOf(good), spec: specOf({ platforms }) };
  assert.notEqual(requestedBuildName(some, request), name);
  const turned = { ...some, spec: specOf({ platforms: platforms.toReversed() }) };
  assert.equal(requestedBuildName(turned, request), requestedBuildName(some, request));
  assert.deepEqual(requestedBuild(some, request).spec.platforms, platforms.toSorted());
});

test('a name too long for a label is left to spec.definitionRef', () => {
  const definition = definitionOf(good);
  const long = { ...definition, metadata: { ...definition.metadata, name: 'w'.repeat(64) } };
  const build = requestedBuild(long, { base, context: digest('d') });
  assert.equal(build.metadata.labels, undefined);
  assert.equal(build.spec.definitionRef.name, 'w'.repeat(64));
});
