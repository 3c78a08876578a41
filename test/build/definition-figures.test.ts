import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DefinitionFigures, figuresOf, showFigures } from '../../controller/build/definition-figures.ts';
import type { RetainedBuild, RetainingDefinition } from '../../controller/build/retention-projection.ts';
import { metrics } from '../../controller/telemetry/metrics.ts';

const stored = { uid: '', resourceVersion: '' };

function build(name: string, parts: Partial<RetainedBuild> = {}): RetainedBuild {
  const common = { ...stored, definition: 'edge', phase: 'Succeeded' as const, settled: true, ended: 0, deleting: false };
  return {
    ...common,
    name,
    created: 1_000,
    repository: 'r',
    context: 'c',
    base: 'base-1',
    images: [name],
    foundations: [],
    ...parts,
  };
}

function definition(parts: Partial<RetainingDefinition>): RetainingDefinition {
  const keep = { successful: 1, failed: 1, prune: 'None' as const, gracePeriod: '1h' };
  return {
    ...stored,
    name: 'edge',
    deleting: false,
    keep,
    repository: 'r',
    images: ['a'],
    base: 'base-1',
    history: [],
    ...parts,
  };
}

test('what the metrics say of a definition', () => {
  const a = build('a');
  const b = build('b', { created: 5_000, base: 'base-2' });
  const table: [Partial<RetainingDefinition>, RetainedBuild[], DefinitionFigures][] = [
    [{ latestBuild: 'a' }, [a, build('x', { created: 500 })], { latestFailed: false, outdated: false, baseSince: 500 }],
    [
      { latestBuild: 'b', base: 'base-2' },
      [a, { ...b, phase: 'Failed' }],
      { latestFailed: true, outdated: true, baseSince: 5_000 },
    ],
    [
      { latestBuild: 'b', base: 'base-2' },
      [a, { ...b, phase: 'Building', settled: false }],
      { latestFailed: false, unfinishedSince: 5_000, outdated: true, baseSince: 5_000 },
    ],
    [{ latestBuild: 'a', availableBase: 'base-2' }, [a], { latestFailed: false, outdated: true, baseSince: 1_000 }],
    [{ images: [] }, [], { latestFailed: false }],
    [{ latestBuild: 'a' }, [{ ...a, definition: 'other' }], { latestFailed: false, outdated: false }],
  ];
  for (const [parts, builds, expected] of table) assert.deepEqual(figuresOf(definition(parts), builds), expected);
});

async function shown(): Promise<number[]> {
  return (await metrics.buildUnfinishedSince.get()).values.map(v => v.value);
}

test('nothing is said any more of a definition that is gone, nor of a build that has ended', async () => {
  showFigures('edge', { latestFailed: false, unfinishedSince: 5_000 });
  assert.deepEqual(await shown(), [5]);
  showFigures('edge', { latestFailed: false });
  assert.deepEqual(await shown(), []);
  showFigures('edge', undefined);
  assert.deepEqual((await metrics.latestBuildFailed.get()).values, []);
});
