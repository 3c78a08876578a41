import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hindranceOf } from '../../controller/agent/hindrance.ts';
import { HostError } from '../../controller/agent/host.ts';
import { MemoryReadError, MemoryWriteError } from '../../controller/agent/mind.ts';
import { reasonOf } from '../../controller/api/errors.ts';

const troubles = [
  ['MemoryUnreadable', new MemoryReadError('no JSON')],
  ['MemoryUnwritable', new MemoryWriteError('disk full')],
  ['StatusUnreadable', new HostError('Failed', 'no JSON')],
  ['HostBusy', new HostError('Busy', 'locked')],
] as const;

for (const [reason, error] of troubles) {
  test(`${reason}: a host that was told to reboot is still said to go down`, () => {
    const situation = hindranceOf(error, { phase: 'Rebooting', times: 2 })?.situation;
    assert.equal(situation?.phase, 'Rebooting');
    assert.equal(situation.condition.kind === 'Failed' && reasonOf(situation.condition.error), reason);
  });
}

test('of any other host it is said that the agent failed, but not of one that is only busy', () => {
  const phases = troubles.map(([, error]) => hindranceOf(error, { phase: 'Staged', times: 2 })?.situation?.phase);
  assert.deepEqual(phases, ['Failed', 'Failed', 'Failed', 'Staged']);
});
