/** A node that is lost under the pod of a build, played by hand on a real API server; job-builder.test.ts does it with a real node. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isTrue } from '../../controller/api/conditions.ts';
import { because, inPhase, readyMessage, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf } from './build-fixture.ts';
import { JobHands } from './job-hands.ts';

let cluster: BuildCluster;
before(async () => {
  cluster = await startBuildCluster({ controllers: ['job-controller'] });
});
after(() => cluster?.stop());

test('a node lost under the Job is told, uses up no attempt, and the build is done by another Job', async () => {
  const hands = new JobHands(cluster);
  await hands.addNode('amd64');
  let later = 0;
  const running = await cluster.start({ now: () => Date.now() + later });
  const context = contextOf({ definition: 'stranded', layers: [{ 'etc/name': 'stranded' }], containerfile: 'RUN true\n' });
  const name = await cluster.ask(context, { platforms: ['linux/amd64'] });
  const first = await hands.next(name);
  await hands.run(first.pod);
  const message = 'Taint manager: deleting due to NoExecute taint';
  const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', message }];
  await hands.set(first.pod, { phase: 'Failed', conditions });

  const lost = await cluster.becomes(name, 'NodeLost', b => because('NodeLost')(b) && inPhase('Pending')(b));
  assert.match(readyMessage(lost), /^linux\/amd64: .*Taint manager: deleting due to NoExecute taint; its Job is made again/);
  assert.ok(isTrue(lost.status?.conditions, 'Reconciling') && !isTrue(lost.status?.conditions, 'Stalled'));
  assert.deepEqual([lost.status?.attempts, lost.status?.attemptsLeft], [0, 3]);
  const { reason, job, pod } = lost.status?.failure ?? {};
  assert.deepEqual([reason, job, pod], ['NodeLost', first.job.metadata.name, first.pod.metadata.name]);

  later += 3_600_000;
  running.controller.enqueue(name);
  await hands.succeed(await hands.next(name, [first.job]));
  const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
  assert.deepEqual([done.status?.attempts, done.status?.failure], [1, undefined]);
  await running.stop();
});
