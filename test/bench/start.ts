/** Image sizes, start to ready, what idling costs, and how many connections a thousand calls take. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nodes } from '../../controller/api/core.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { programFor } from '../cluster/program.ts';
import { measureIdle } from './idle.ts';
import { measureImages } from './image-size.ts';
import { median, type Measure } from './measure.ts';

const starts = 5;
/** Nodes whose agents are processes, as in a cluster. */
const agents = 2;

export async function measureStart(progress: (line: string) => void): Promise<Measure[]> {
  const images = await measureImages(progress);
  const program = await programFor({ source: false });
  const environment = await startEnvironment({ nodes: agents, program, workloads: false, startController: false, progress });
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
    return [
      ...images,
      { measure: `controller: start to ready (median of ${starts})`, value: median(ready) / 1000, unit: 's', budget: 1 },
      ...(await measureIdle(environment, progress)),
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
