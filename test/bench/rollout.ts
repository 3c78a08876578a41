/** What plans for 5,000 nodes cost, and a rollout over 500 simulated nodes the controller and the API server. */
import { fetch } from 'undici';
import { events, type Event } from '../../controller/api/core.ts';
import { systempools, type SystemPool } from '../../controller/api/system-pool.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { writes } from '../cluster/api-call.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { startFaultProxy, type FaultProxy } from '../cluster/fault-proxy.ts';
import { Fleet, readiness } from '../cluster/fleet.ts';
import { programFor } from '../cluster/program.ts';
import { writesOf } from '../demo/api-writes.ts';
import type { Measure } from './measure.ts';
import { measurePlanning } from './planning.ts';
import { memoryOf } from './process-memory.ts';
import { SimulatedFleet } from './simulated-fleet.ts';

const count = 500;
const maxUnavailable = 50;
const labels = { 'node-role.kubernetes.io/worker': '' };
const scrapeEveryMs = 1_000;
const timeoutMs = 1_200_000;

export async function measureRollout(progress: (line: string) => void): Promise<Measure[]> {
  const planning = measurePlanning(progress);
  const program = await programFor({ source: false });
  const environment = await startEnvironment({ nodes: 0, program, workloads: false, progress });
  const agentsProxy = await startFaultProxy(environment.controlPlane);
  const eye = new Fleet(environment);
  const { base, log, registry } = environment;
  const repository = base.image.slice(0, base.image.lastIndexOf(':'));
  const fleet = new SimulatedFleet({
    environment,
    proxy: agentsProxy,
    count,
    image: `${repository}@${base.digest}`,
    labels,
    log,
  });
  const stalls = new StallWatch(environment);
  try {
    await eye.start();
    progress(`registering ${count} nodes`);
    await fleet.start();
    await environment.admin.apply(systempools, pool(`${repository}@${base.digest}`), { fieldManager: 'bench' });
    await settled(eye, base.digest, progress);
    const next = await pushBaseImage({ registry: registry.host, tag: '2' });
    environment.proxy.clear();
    agentsProxy.clear();
    eye.beginRecord();
    stalls.start();
    progress('a new image');
    const begun = performance.now();
    const spec = { system: { image: `${repository}@${next.digest}` } };
    await environment.admin.mergePatch(systempools, 'workers', { spec }, { fieldManager: 'bench' });
    await settled(eye, next.digest, progress);
    const seconds = (performance.now() - begun) / 1000;
    return [
      ...planning,
      ...(await figures({ environment, agentsProxy, eye, names: fleet.names, seconds, stallMs: await stalls.stop() })),
    ];
  } finally {
    await stalls.stop();
    await fleet.stop();
    await eye.stop();
    await agentsProxy.stop();
    await environment.stop();
  }
}

interface Seen {
  environment: Environment;
  agentsProxy: FaultProxy;
  eye: Fleet;
  names: readonly string[];
  seconds: number;
  stallMs: number;
}

async function figures({ environment, agentsProxy, eye, names, seconds, stallMs }: Seen): Promise<Measure[]> {
  const { proxy, controller } = environment;
  const byController = names.map(name => writesOf(proxy.record, name).controller);
  const byAgent = names.map(name => writesOf(agentsProxy.record, name).agent);
  const others = proxy.record.filter(
    call => (writes as readonly string[]).includes(call.verb) && call.resource === 'systempools',
  ).length;
  const { items } = await environment.admin.list<Event>(events, { namespace: 'default' });
  const nodeEvents = items.filter(
    e => ['Node', 'NodeTarget'].includes(e.regarding.kind) && e.reportingController?.startsWith('scantling'),
  );
  return [
    { measure: `${names.length} nodes, ${maxUnavailable} at once: all updated after`, value: seconds, unit: 's' },
    { measure: 'controller: peak RSS', value: memoryOf(controller.pid ?? 0).peakMiB, unit: 'MiB', budget: 256 },
    { measure: 'controller: longest stall of the event loop', value: stallMs, unit: 'ms', budget: 250 },
    { measure: 'writes of the controller for a node, at most', value: Math.max(...byController), unit: '', budget: 4 },
    { measure: 'writes of the agent for a node, at most', value: Math.max(...byAgent), unit: '', budget: 3 },
    { measure: 'writes of the pool status per node', value: others / names.length, unit: '' },
    { measure: 'events about nodes', value: nodeEvents.length, unit: '', budget: 0 },
    { measure: 'unavailable nodes, at most', value: eye.mostUnavailable, unit: '', budget: maxUnavailable },
    { measure: 'connections of the controller', value: proxy.connections.peak, unit: '', budget: 20 },
  ];
}

function pool(image: string): Apply<SystemPool> {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemPool',
    metadata: { name: 'workers' },
    spec: {
      nodeSelector: { matchLabels: labels },
      system: { image },
      rollout: { canary: 1, maxUnavailable, maxStaging: maxUnavailable },
    },
  };
}

/** Resolves when the pool is Ready with all nodes on the digest. */
async function settled(eye: Fleet, digest: string, progress: (line: string) => void): Promise<void> {
  let told = performance.now();
  await eye.until(
    `all nodes run ${digest}`,
    () => {
      const status = eye.stores.pools.get('workers')?.status;
      if (performance.now() - told > 10_000) {
        told = performance.now();
        progress(`${status?.nodes?.updated ?? 0} of ${count} updated`);
      }
      return (status?.target?.image?.endsWith(digest) ?? false) && status?.nodes?.updated === count && readiness(status).ready;
    },
    { timeoutMs, explain: () => eye.describe().slice(0, 5_000) },
  );
}

/** Scrapes the controller's longest stall; each scrape begins a new record there. */
class StallWatch {
  readonly #environment: Environment;
  #timer: NodeJS.Timeout | undefined;
  #longestMs = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  start(): void {
    void this.#scrape().then(() => (this.#longestMs = 0)); // what was before does not count
    this.#timer = setInterval(() => void this.#scrape(), scrapeEveryMs);
  }

  /** The longest stall since `start`, ms. */
  async stop(): Promise<number> {
    if (this.#timer) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      await this.#scrape();
    }
    return this.#longestMs;
  }

  async #scrape(): Promise<void> {
    const text = await (await fetch(`${this.#environment.controller.url}/metrics`)).text();
    const seconds = Number(/^scantling_event_loop_lag_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1] ?? 0);
    this.#longestMs = Math.max(this.#longestMs, seconds * 1000);
  }
}
