/** When the files of addons are compared. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Compared } from '../../controller/addon/compare-addons.ts';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { Comparisons } from '../../controller/rollout/comparisons.ts';

const none = () => Promise.resolve(undefined);

describe('comparing the files of addons', () => {
  let now: number;
  /** Every comparison that was begun, by the first of its addons, and how to end it. */
  let begun: { name: string | undefined; end: (by: Compared | Error) => Promise<void> }[];
  let comparisons: Comparisons;
  beforeEach(() => {
    now = 0;
    begun = [];
    comparisons = new Comparisons({
      now: () => now,
      compare: ({ addons: [first] }) => {
        const { promise, resolve, reject } = Promise.withResolvers<Compared>();
        const end = async (by: Compared | Error): Promise<void> => {
          if (by instanceof Error) reject(by);
          else resolve(by);
          await turn();
        };
        begun.push({ name: first?.name, end });
        return promise;
      },
    });
  });
  const wordsOf = async (pool: string, set: string): Promise<string> => {
    const addons = [set, 'kubelet'].map(name => ({ name, image: `r.example/${name}@sha256:0`, digest: 'sha256:0', size: 1 }));
    const known = comparisons.of(
      pool,
      { digest: set, addons, system: { image: 'r.example/os@sha256:0', platform: 'linux/amd64' } },
      none,
    );
    await turn();
    return 'hold' in known
      ? `${known.hold.stalled ? 'stalled: ' : ''}${known.hold.message}`
      : `${known.problems.length} problems`;
  };

  it('is done once for all pools, and one set after the other', async () => {
    assert.match(
      await wordsOf('p', 'a'),
      /^whether the addons a, kubelet hide files of each other or of the system r.example\/os@sha256:0 is looked up$/,
    );
    assert.match(await wordsOf('p', 'b'), /is looked up$/);
    assert.equal(comparisons.nextMs('p'), 1_000);
    assert.deepEqual(
      begun.map(({ name }) => name),
      ['a'],
    );
    await begun[0]?.end({ problems: [] });
    assert.deepEqual([await wordsOf('p', 'a'), await wordsOf('q', 'a')], ['0 problems', '0 problems']);
    assert.equal(comparisons.nextMs('p'), undefined);
    assert.match(await wordsOf('p', 'b'), /is looked up$/);
    assert.equal(begun.length, 2);
  });

  it('that failed is never an answer, and is tried again, soon with the credentials of another pool', async () => {
    await wordsOf('p', 'a');
    comparisons.nextMs('p');
    await begun[0]?.end(new TransientError('RegistryUnavailable', 'no answer'));
    assert.match(await wordsOf('p', 'a'), /cannot be looked up: RegistryUnavailable: no answer$/);
    assert.equal(comparisons.nextMs('p'), 60_000);
    assert.match(await wordsOf('q', 'a'), /is looked up$/);
    await begun[1]?.end(new StallingError('InvalidArtifact', 'is no addon'));
    now += 60_000;
    assert.match(await wordsOf('q', 'a'), /^stalled: .*InvalidArtifact: is no addon$/);
    assert.match(await wordsOf('p', 'a'), /is looked up$/);
    await begun[2]?.end({ problems: [] });
    assert.deepEqual([await wordsOf('p', 'a'), await wordsOf('q', 'a')], ['0 problems', '0 problems']);
  });
});
