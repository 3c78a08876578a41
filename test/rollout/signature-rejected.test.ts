/** What a pool does when its hosts refuse an image by themselves, which the policies of the cluster allow. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { plan } from '../../controller/rollout/plan.ts';
import { image, platformOf } from './machine.ts';
import { running } from './rounds.ts';

it('halts when hosts answer SignatureRejected: no node is drained or rebooted for it, and another image goes on', () => {
  const fleet = running({ nodes: 6, maxUnavailable: 2, canary: 1, maxStaging: 2 });
  const round = (fails: boolean | string): void => {
    fleet.pass();
    fleet.now += 5_000;
    for (const m of fleet.machines) {
      fleet.boot(m);
      fleet.notice(m);
      fleet.agent(m, m.nodeTarget?.image === image(2).image && fails);
    }
  };
  for (let i = 0; i < 10; i++) round('SignatureRejected');
  fleet.pass();

  const { summary } = plan(fleet.state());
  assert.deepEqual([summary.outcome.kind, summary.outcome.reason, summary.currentWave], ['Stalled', 'RolloutHalted', 'canary']);
  assert.match(summary.outcome.message, /^halted: 2 failed, and failureThreshold is 1; node-000 failed \(SignatureRejected: /);
  assert.deepEqual(
    summary.failedNodes.map(({ name, reason }) => [name, reason]),
    ['node-000', 'node-001'].map(name => [name, 'SignatureRejected']),
    'no more were asked than may pull at once',
  );
  assert.equal(summary.nodes.unavailable, 0);
  for (const { host } of fleet.machines) assert.equal(host.booted, platformOf(image(1)));
  assert.deepEqual(
    fleet.writes.filter(({ type }) => type === 'cordon' || type === 'approve'),
    [],
  );

  fleet.target = image(3);
  for (let i = 0; i < 40; i++) round(false);
  assert.equal(fleet.updated(), 6);
});
