/** Start to ready, idle memory, and how many connections a thousand calls take. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nodes } from '../../controller/api/core.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { programFor } from '../cluster/program.ts';
import { median, type Measure } from './measure.ts';
import { memoryOf } from './process-memory.ts';

const starts = 5;
/** After which a started program counts as idle. */
const idleAfterMs = 10_000;

export async function measureStart(progress: (line: string) => void): Promise<Measure[]> {
  const program = await programFor({ source: false });
  const environment = await startEnvironment({ nodes: 1, program, workloads: false, startController: false, progress });
  try {
    await sleep(3_000); // the API server has a start of its own to finish
    const ready: number[] = [];
    for (let i = 0; i < starts; i++) {
      const begun = performance.now();
      await environment.controller.start();
      ready.push(performance.now() - begun);
      progress(`ready after ${Math.round(ready.at(-1) ?? 0)} ms`);
      if (i < starts - 1) await environment.controller.stop();
    }
    await sleep(idleAfterMs);
    return [
      { measure: `controller: start to ready (median of ${starts})`, value: median(ready) / 1000, unit: 's', budget: 1 },
      { measure: 'controller: idle RSS', value: memoryOf(environment.controller.pid ?? 0).residentMiB, unit: 'MiB', budget: 110 },
      { measure: 'agent: idle RSS', value: memoryOf(environment.nodes[0]?.agentPid ?? 0).residentMiB, unit: 'MiB', budget: 90 },
      { measure: 'connections for 1,000 API calls', value: await connections(environment), unit: '', budget: 20 },
    ];
  } finally {
    await environment.stop();
  }
}

/** A thousand calls at once through one client. */
async function connections({ proxy, controlPlane }: Environment): Promise<number> {
  const kubeConfig = loadKubeConfig(proxy.kubeconfigFor(controlPlane.adminToken));
  const transport = new Transport({ kubeConfig, userAgent: 'scantling-bench' });
  const client = createClient(transport);
  const before = proxy.connections.total;
  try {
    await Promise.all(Array.from({ length: 1_000 }, () => client.get(nodes, 'node-1')));
    return proxy.connections.total - before;
  } finally {
    await transport.close();
  }
}
