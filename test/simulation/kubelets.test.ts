/** The simulated kubelets among the real scheduler, Deployment, disruption and node lifecycle controllers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodes } from '../../controller/api/core.ts';
import { createClient, type Client } from '../../controller/kube/client.ts';
import { isTooManyRequests } from '../../controller/kube/errors.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { Kubelets } from '../cluster/kubelets.ts';
import { createWorkload, WorkloadWatch } from '../cluster/workloads.ts';

const log = createLog('warn');
let controlPlane: ControlPlane;
let transport: Transport;
let client: Client;
let kubelets: Kubelets;
let workload: WorkloadWatch;

before(async () => {
  controlPlane = await startControlPlane({ controllers: 'demo', scheduler: true, nodeMonitor: { graceSeconds: 5 } });
  transport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'test' });
  client = createClient(transport);
  kubelets = new Kubelets({ client, transport, log, podStartMs: 100 });
  workload = new WorkloadWatch({ transport, name: 'web', log });
  await kubelets.start();
  await workload.start();
  for (const name of ['a', 'b', 'c']) await kubelets.register({ name, architecture: 'amd64', bootID: `${name}-1` });
});
after(async () => {
  await workload?.stop();
  await kubelets?.stop();
  await transport?.close();
  await controlPlane?.stop();
});

/** Waits for the cluster to get there; the test's own deadline is far away, so that a slow machine fails nothing. */
async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > end) assert.fail(`${what} did not come about\n${controlPlane.logs()}`);
    await sleep(50);
  }
}

async function readiness(name: string): Promise<string | undefined> {
  return (await client.get(nodes, name)).status?.conditions?.find(c => c.type === 'Ready')?.status;
}

test('pods of a Deployment run on the nodes, and eviction replaces one within the budget', async () => {
  await createWorkload(client, { name: 'web', replicas: 3, minAvailable: 2 });
  await eventually('three ready pods', () => workload.available === 3);
  workload.watchFromHere();
  const [first, second] = workload.pods.list();
  assert.ok(first && second);
  await eventually('a budget that allows one', async () => {
    try {
      await client.evict(first);
      return true;
    } catch (error) {
      if (isTooManyRequests(error)) return false; // the disruption controller has not counted yet
      throw error;
    }
  });
  await assert.rejects(client.evict(second), isTooManyRequests);
  await eventually('the replacement', () => workload.available === 3 && workload.pods.get(`default/${first.name}`) === undefined);
  assert.equal(workload.least, 2);
});

test('a node that reboots says so, and comes back with its pods and another boot ID', async () => {
  const [pod] = workload.pods.list();
  const name = pod?.nodeName ?? '';
  await kubelets.shutDown(name);
  assert.equal(await readiness(name), 'False');
  await eventually('its pods not ready', () => kubelets.pods.byIndex('node', name).every(p => !p.ready));
  await kubelets.boot(name, 'another');
  await eventually('its pods ready again', () => workload.available === 3);
  const node = await client.get(nodes, name);
  assert.equal(node.status?.nodeInfo?.bootID, 'another');
  assert.equal(await readiness(name), 'True');
});

test('a node that says nothing is found out by the node lifecycle controller', async () => {
  kubelets.vanish('a');
  await eventually('Ready Unknown', async () => (await readiness('a')) === 'Unknown');
  await kubelets.boot('a', 'a-2');
  await eventually('Ready', async () => (await readiness('a')) === 'True');
});
