import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { offerOf } from '../../controller/addon/choice.ts';
import type { SystemAddonStatus } from '../../controller/api/system-addon.ts';
import { longestSettling, settling } from '../../controller/rollout/settling.ts';

const time = '2026-01-01T00:00:00Z';
const began = Date.parse(time);

/** Of generation 2 with this status, whose spec was written at `time`. */
const addon = (status: SystemAddonStatus): Parameters<typeof offerOf>[0] => ({
  metadata: {
    name: 'kubelet',
    generation: 2,
    managedFields: [
      { manager: 'source', time },
      { manager: 'controller', subresource: 'status', time: '2026-01-02T00:00:00Z' },
    ],
  },
  spec: { variants: [] },
  status,
});

const reconciling = (reason: string): SystemAddonStatus => ({
  observedGeneration: 2,
  conditions: [{ type: 'Reconciling', status: 'True', reason, message: '', lastTransitionTime: time }],
});

describe('an addon that is being made anew', () => {
  const cases: Record<string, [status: SystemAddonStatus, since: number | undefined]> = {
    'was not looked at since it was changed': [{ observedGeneration: 1 }, began],
    'is being made': [reconciling('Building'), began],
    'has failed, and is tried again': [reconciling('ProgressingWithRetry'), undefined],
    'waits for something else': [reconciling('SourceNotReady'), undefined],
    'is made': [{ observedGeneration: 2 }, undefined],
    'has a status of nobody that says what it has seen': [{}, undefined],
  };
  for (const [name, [status, since]] of Object.entries(cases))
    it(`${name}: ${since === undefined ? 'is not waited for' : 'is waited for'}`, () => {
      assert.equal(offerOf(addon(status)).changingSince, since);
    });

  it('is waited for ten minutes at most, whatever the clocks say, and only by sets that have it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -3e6, max: 3e6 }), fc.boolean(), (after, has) => {
        const found = settling([has ? 'kubelet' : 'tools'], new Map([['kubelet', { changingSince: began }]]), began + after);
        assert.equal(found !== undefined, has && Math.abs(after) < longestSettling);
        if (found) assert.equal(found.until, began + longestSettling);
      }),
    );
  });
});
