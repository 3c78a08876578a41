/** What is trusted changes in the middle of a pass: of what was planned before, nothing more is written. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { nodetargets } from '../../controller/api/node-target.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import type { Decision } from '../../controller/trust/judgement.ts';
import { until } from './cluster.ts';
import { PoolScene } from './pool-scene.ts';
import { withoutPolicies } from './without-policies.ts';

let scene: PoolScene;
before(async () => {
  scene = await PoolScene.start();
});
after(async () => {
  await scene?.clear();
  await scene?.stop();
});

it('a policy that changes after the first of several writes ends the pass, and the next one takes that back', async () => {
  const { cluster } = scene;
  const written = () => cluster.writes().filter(w => w.resource === 'nodetargets');
  // From the first write on another policy is in force, by which the image is refused.
  const judgement = (): { decision: Decision; basis: string } =>
    written().length === 0 ? { decision: 'Trusted', basis: 'before' } : { decision: 'Refused', basis: 'after' };
  cluster.trust = {
    ...withoutPolicies,
    basis: () => judgement().basis,
    judgeImage: async of => {
      const { decision, basis } = judgement();
      const signers = [{ authority: 'os/release', form: 'Signature' as const }];
      return {
        ...(await withoutPolicies.judgeImage(of)),
        decision,
        reason: decision,
        message: `says ${decision}`,
        basis,
        signers,
      };
    },
  };
  const warnings: string[] = [];
  cluster.log = createLog('warn', line => void warnings.push(line));

  const names = await scene.fleet('changed', 3, { rollout: { maxUnavailable: 3, canary: 0, maxStaging: 3 } });
  for (const name of names) cluster.idle.add(name);
  await cluster.startController();
  await until(async () => {
    const { status } = await cluster.pool('changed');
    assert.equal(status?.target?.trust?.decision, 'Refused', JSON.stringify(status));
    assert.deepEqual((await cluster.admin.list(nodetargets)).items, [], 'nothing of it is left on a node');
  });
  assert.deepEqual(
    written().map(w => w.verb),
    ['create', 'delete'],
  );
  assert.match(warnings.join(''), /"reason":"TrustChanged"/);
});
