/** What a controller and agents cost a cluster of fifty nodes in which nothing happens: memory, and requests to the API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemsources } from '../../controller/api/system-source.ts';
import { systempools, type SystemPool } from '../../controller/api/system-pool.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { createEdge } from '../cluster/edge.ts';
import type { Environment } from '../cluster/environment.ts';
import { startFaultProxy, type FaultProxy } from '../cluster/fault-proxy.ts';
import { Fleet, readiness } from '../cluster/fleet.ts';
import type { Measure } from './measure.ts';
import { memoryOf } from './process-memory.ts';
import { SimulatedFleet } from './simulated-fleet.ts';

export const idleNodes = 50;
/** After the last change, until it counts as idle: written statuses have come back by watches, and garbage is collected. */
const quietMs = 30_000;
const windowMs = 180_000;
/** A watch is replaced after 300 to 600 s (controller/kube/reflector.ts), so few or many of them are in a window that is shorter. */
const watchMinutes = 7.5;
const labels = { 'node-role.kubernetes.io/worker': '' };

/** MiB are what the kernel counts in, MB what the budgets are in. */
const megabytes = (mebibytes: number): number => (mebibytes * 1_048_576) / 1e6;

/**
 * Adds nodes until there are fifty, a pool that has them, and a source with a definition; then looks on while nothing happens. The nodes
 * that the environment has already run agents as processes, whose requests and memory are those that are measured.
 */
export async function measureIdle(environment: Environment, progress: (line: string) => void): Promise<Measure[]> {
  const { base, controller, controlPlane, log, nodes, proxy } = environment;
  const fleetProxy = await startFaultProxy(controlPlane);
  const image = `${base.image.slice(0, base.image.lastIndexOf(':'))}@${base.digest}`;
  const count = idleNodes - nodes.length;
  const fleet = new SimulatedFleet({ environment, proxy: fleetProxy, count, prefix: 'idle', image, labels, log });
  const eye = new Fleet(environment);
  try {
    await eye.start();
    progress(`registering ${count} nodes more`);
    await fleet.start();
    await createEdge(environment, {});
    // As often as a source is polled unless it says otherwise; each time it is read from the API server.
    await environment.admin.mergePatch(systemsources, 'systems', { spec: { interval: '1m' } }, { fieldManager: 'bench' });
    await environment.admin.apply(systempools, pool(image), { fieldManager: 'bench' });
    const within = { timeoutMs: 300_000, explain: () => eye.describe().slice(0, 5_000) };
    const arrived = (): boolean => {
      const status = eye.stores.pools.get('workers')?.status;
      return status?.nodes?.updated === idleNodes && readiness(status).ready;
    };
    await eye.until(`${idleNodes} nodes are in the pool`, arrived, within);
    await eye.until('the definition is built', () => eye.stores.definitions.get('edge')?.status?.image !== undefined, within);
    progress(`idle for ${(quietMs + windowMs) / 1000} s`);
    await sleep(quietMs);
    proxy.clear();
    await sleep(windowMs);
    const agent = nodes[0]?.agentPid ?? 0;
    for (const line of kinds(proxy)) progress(line);
    return [
      { measure: 'controller: idle RSS', value: megabytes(memoryOf(controller.pid ?? 0).residentMiB), unit: 'MB', budget: 110 },
      { measure: 'agent: idle RSS', value: megabytes(memoryOf(agent).residentMiB), unit: 'MB', budget: 90 },
      requests('controller', { proxy, processes: 1, budget: 30 }),
      requests('agent', { proxy, processes: nodes.length, budget: 2 }),
    ];
  } finally {
    await eye.stop();
    await fleet.stop();
    await fleetProxy.stop();
  }
}

function pool(image: string): Apply<SystemPool> {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemPool',
    metadata: { name: 'workers' },
    spec: { nodeSelector: { matchLabels: labels }, system: { image }, rollout: { maxUnavailable: 1 } },
  };
}

/** What was asked for how often, so that a budget that is not kept says where to look. */
function kinds(proxy: FaultProxy): string[] {
  const counts = new Map<string, number>();
  for (const { userAgent, verb, resource, subresource, path } of proxy.record) {
    const what = `${userAgent.split('/')[0]} ${verb} ${[resource || path, subresource].filter(Boolean).join('/')}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([what, count]) => `${String(count).padStart(6)} ${what}`);
}

/** Requests of one process in a minute: those of the window, and what its open watches come to, however many began just now. */
function requests(component: string, o: { proxy: FaultProxy; processes: number; budget: number }): Measure {
  const userAgent = `scantling-${component}`;
  const calls = o.proxy.calls({ userAgent });
  const minutes = windowMs / 60_000;
  const watches = calls.filter(call => call.verb === 'watch').length / minutes;
  const open = o.proxy.openWatches.filter(call => call.userAgent.includes(userAgent)).length / watchMinutes;
  const others = calls.filter(call => call.verb !== 'watch').length / minutes;
  const value = (others + Math.max(watches, open)) / o.processes;
  return { measure: `${component}: API requests a minute, idle with ${idleNodes} nodes`, value, unit: '', budget: o.budget };
}
