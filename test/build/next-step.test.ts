import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BuildError } from '../../controller/build/build-error.ts';
import { interruptionDelayMs } from '../../controller/build/job-outcome.ts';
import type { JobOutcome } from '../../controller/build/job-outcome.ts';
import { foundationStep, lifeStep, queuedCheckMs } from '../../controller/build/next-step.ts';
import type { PlatformFacts } from '../../controller/build/next-step.ts';
import type { BuildView, DefinitionView } from '../../controller/build/projection.ts';

const now = 1_000_000_000;
const base: BuildView = {
  name: 'worker-1',
  uid: 'u',
  resourceVersion: '1',
  definition: 'worker',
  created: now - 3_600_000,
  generation: 1,
  observedGeneration: 1,
  phase: undefined,
  reason: undefined,
  attempts: 0,
  ended: undefined,
  hasJobs: false,
  foundations: [],
  signing: undefined,
  trust: undefined,
  output: 'registry.example/os',
  base: 'registry.example/base@sha256:0',
  requestedAt: undefined,
  handledRequest: undefined,
  canceled: false,
  deleting: false,
};
const wants = (latestBuild: string | undefined): DefinitionView => ({
  name: 'worker',
  uid: 'd',
  resourceVersion: '1',
  latestBuild,
  signing: undefined,
  baseTrust: undefined,
});
const signing = { keySecretRef: { name: 'key' }, provenance: true, sbom: 'SPDX' as const };
const newer = wants('worker-2');

const table: [string, Partial<BuildView>, DefinitionView | undefined, string][] = [
  ['a new build', {}, undefined, 'Work'],
  ['a new build, of a definition without a build yet', {}, wants(undefined), 'Work'],
  ['one that is deleted', { deleting: true }, undefined, 'Nothing'],
  ['one that runs', { phase: 'Building' }, newer, 'Work'],
  ['one that succeeded', { phase: 'Succeeded' }, newer, 'Nothing'],
  ['one that succeeded, with another spec', { phase: 'Succeeded', generation: 2 }, undefined, 'Seal'],
  ['one that succeeded, asked for', { phase: 'Succeeded', requestedAt: 'x' }, undefined, 'Verify'],
  ['one that succeeded, asked for before', { phase: 'Succeeded', requestedAt: 'x', handledRequest: 'x' }, undefined, 'Nothing'],
  ['one that succeeded, canceled after', { phase: 'Succeeded', canceled: true }, undefined, 'Nothing'],
  ['one that failed', { phase: 'Failed' }, undefined, 'Nothing'],
  ['one that failed, asked for', { phase: 'Failed', requestedAt: 'x' }, undefined, 'Begin'],
  ['one that failed, with another spec', { phase: 'Failed', generation: 2 }, undefined, 'Begin'],
  ['one that failed, canceled', { phase: 'Failed', generation: 2, canceled: true }, undefined, 'Nothing'],
  ['one to be canceled', { canceled: true }, undefined, 'Cancel'],
  ['one to be canceled that runs', { phase: 'Building', canceled: true }, undefined, 'Cancel'],
  ['a canceled one', { phase: 'Canceled', reason: 'Canceled', canceled: true }, undefined, 'Nothing'],
  ['a canceled one that may run again', { phase: 'Canceled', reason: 'Canceled' }, undefined, 'Begin'],
  ['one that is no longer wanted', { phase: 'Pending' }, newer, 'Supersede'],
  ['one that is not wanted yet', { created: now - 1000 }, newer, 'Work'],
  ['one that is no longer wanted, asked for', { phase: 'Pending', requestedAt: 'x' }, newer, 'Work'],
  ['a superseded one', { phase: 'Canceled', reason: 'Superseded' }, newer, 'Nothing'],
  ['a superseded one that is wanted again', { phase: 'Canceled', reason: 'Superseded' }, wants('worker-1'), 'Begin'],
  ['a superseded one that is canceled', { phase: 'Canceled', reason: 'Superseded', canceled: true }, newer, 'Cancel'],
  ['one whose attempt failed just now', { phase: 'Pending', attempts: 1, ended: now - 9_999 }, undefined, 'Wait'],
  ['one whose attempt failed a while ago', { phase: 'Pending', attempts: 1, ended: now - 10_000 }, undefined, 'Work'],
  [
    'one whose attempt failed just now, asked for',
    { phase: 'Pending', attempts: 1, ended: now, requestedAt: 'x' },
    undefined,
    'Work',
  ],
];

const stands = { now, judged: 'Stands' } as const;
const outdated = { now, judged: 'Outdated' } as const;

for (const [name, change, definition, step] of table) {
  test(`${name}: ${step}`, () => assert.equal(lifeStep({ ...base, ...change }, definition, stands).kind, step));
}

const byPolicy: [string, Partial<BuildView>, DefinitionView | undefined, string][] = [
  ['a good one that is wanted', { phase: 'Succeeded' }, wants('worker-1'), 'Seal'],
  ['a good one that another replaced', { phase: 'Succeeded' }, newer, 'Nothing'],
  ['a good one that nobody defines', { phase: 'Succeeded' }, undefined, 'Nothing'],
  ['a refused one', { phase: 'Failed', reason: 'Untrusted' }, wants('worker-1'), 'Begin'],
  ['a refused one that is canceled', { phase: 'Failed', reason: 'Untrusted', canceled: true }, wants('worker-1'), 'Nothing'],
  ['one that failed otherwise', { phase: 'Failed', reason: 'BuildFailed' }, wants('worker-1'), 'Nothing'],
];

for (const [name, change, definition, step] of byPolicy) {
  test(`${name}, when policies have changed: ${step}`, () =>
    assert.equal(lifeStep({ ...base, ...change }, definition, outdated).kind, step));
}

const signs = { ...newer, signing };
test('all builds of a definition are signed as it says, whether they are wanted or not', () => {
  for (const phase of ['Succeeded', 'Building', 'Pending', 'Failed'] as const) {
    assert.equal(lifeStep({ ...base, phase }, signs, stands).kind, 'Align', phase);
    assert.equal(lifeStep({ ...base, phase, signing }, newer, stands).kind, 'Align', phase);
  }
  assert.equal(lifeStep({ ...base, phase: 'Succeeded', signing, generation: 2 }, signs, stands).kind, 'Seal');
  assert.equal(lifeStep({ ...base, phase: 'Succeeded', signing }, signs, stands).kind, 'Nothing');
  assert.equal(lifeStep({ ...base, phase: 'Succeeded', signing }, undefined, stands).kind, 'Nothing');
  assert.equal(lifeStep({ ...base, deleting: true }, signs, stands).kind, 'Nothing');
});

test('a queued build that may be superseded is looked at when it is old enough', () => {
  assert.equal(queuedCheckMs({ ...base, created: now - 1000 }, newer, now), 29_001);
  assert.equal(queuedCheckMs(base, wants('worker-1'), now), 300_000, 'though a slot that is free would wake it');
});

const place = { platform: 'p', job: 'j' };
const outcomes: fc.Arbitrary<JobOutcome | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant<JobOutcome>({ ...place, kind: 'Running' }),
  fc.constant<JobOutcome>({ ...place, kind: 'Failed', error: new BuildError('x', { step: 's', log: [] }) }),
  fc
    .record({ at: fc.integer({ min: 0, max: now }), interruptions: fc.nat(8) })
    .map((o): JobOutcome => ({ ...place, kind: 'Interrupted', reason: 'Evicted', message: 'm', ...o })),
);
const facts: fc.Arbitrary<PlatformFacts[]> = fc
  .array(fc.record({ found: fc.boolean(), outcome: outcomes, counted: fc.nat(9) }), { maxLength: 5 })
  .map(all => all.map((each, i) => ({ platform: `linux/p${i}`, ...each })));

test('a Job is asked for only where nothing is found, runs or rests, and once for each platform', () => {
  fc.assert(
    fc.property(facts, all => {
      const step = foundationStep(all, now, interruptionDelayMs);
      const asked = step.create.map(c => c.platform);
      assert.equal(new Set(asked).size, asked.length);
      for (const { platform, found, outcome } of all) {
        if (found || outcome?.kind === 'Running' || outcome?.kind === 'Failed') assert.ok(!asked.includes(platform));
      }
      if (all.every(p => p.found)) assert.equal(step.kind, 'Assemble');
      else if (all.some(p => !p.found && p.outcome?.kind === 'Failed')) assert.deepEqual([step.kind, step.create], ['Fail', []]);
      else {
        const missing = all.filter(p => !p.found).length;
        assert.equal(step.create.length + step.running.length + step.resting.length, missing, 'none is forgotten');
        assert.equal(step.restMs !== undefined, step.resting.length > 0);
      }
    }),
  );
});

test('when all that was asked for runs, nothing more is asked', () => {
  fc.assert(
    fc.property(facts, all => {
      const { create } = foundationStep(all, now, interruptionDelayMs);
      const asked = new Set(create.map(c => c.platform));
      const after = all.map(p => (asked.has(p.platform) ? { ...p, outcome: { ...place, kind: 'Running' as const } } : p));
      assert.deepEqual(foundationStep(after, now, interruptionDelayMs).create, []);
    }),
  );
});

test('what was lost is replaced only when the status has counted it, and no count ever falls', () => {
  fc.assert(
    fc.property(facts, all => {
      const { create, resting, restMs } = foundationStep(all, now, interruptionDelayMs);
      for (const { platform, lost, interruptions } of create) {
        const before = all.find(p => p.platform === platform);
        assert.ok(interruptions >= (before?.counted ?? 0));
        if (lost) assert.ok((before?.counted ?? 0) > lost.interruptions && interruptions > lost.interruptions);
      }
      if (resting.length > 0) assert.ok(restMs !== undefined && restMs >= 1 && Number.isFinite(restMs));
    }),
  );
});
