/** What a change of an addon alone costs the API server: a hundred simulated nodes, from the change to all of them prepared, and until all run it. */
import { systemaddons, type SystemAddon } from '../../controller/api/system-addon.ts';
import { systempools, type SystemPool } from '../../controller/api/system-pool.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { startFaultProxy, type FaultProxy } from '../cluster/fault-proxy.ts';
import { Fleet, readiness } from '../cluster/fleet.ts';
import { programFor } from '../cluster/program.ts';
import { describeWrites, writesOf } from '../demo/api-writes.ts';
import type { Measure } from './measure.ts';
import { SimulatedFleet } from './simulated-fleet.ts';

const count = 100;
const maxUnavailable = 20;
const labels = { 'node-role.kubernetes.io/worker': '', 'kubernetes.io/arch': 'amd64' };
const fieldManager = 'bench';
/** Agents are up for so long before the boot scripts have said what they merged. */
const sealMs = 500;
const within = (eye: Fleet) => ({ timeoutMs: 600_000, explain: () => eye.describe().slice(0, 5_000) });

interface Scene {
  environment: Environment;
  agentsProxy: FaultProxy;
  eye: Fleet;
  names: readonly string[];
}

export async function measureAddonRollout(progress: (line: string) => void): Promise<Measure[]> {
  const program = await programFor({ source: false });
  const environment = await startEnvironment({ nodes: 0, program, workloads: false, progress });
  const agentsProxy = await startFaultProxy(environment.controlPlane);
  const eye = new Fleet(environment);
  const { admin, base, log } = environment;
  const image = `${base.image.slice(0, base.image.lastIndexOf(':'))}@${base.digest}`;
  const fleet = new SimulatedFleet({ environment, proxy: agentsProxy, count, image, labels, log, addons: { sealMs } });
  const scene = { environment, agentsProxy, eye, names: fleet.names };
  try {
    await eye.start();
    progress(`registering ${count} nodes`);
    await fleet.start();
    await admin.apply(systemaddons, addon(environment, 1), { fieldManager });
    await admin.apply(systempools, pool(image), { fieldManager });
    await running(scene, undefined);
    const [before] = sets(eye);
    // Nothing reboots for a while, so that what it takes to prepare is seen by itself.
    await admin.mergePatch(systempools, 'workers', { spec: { rollout: { maxUnavailable: 0 } } }, { fieldManager });
    await eye.until('nothing starts any more', () => readiness(poolOf(eye)?.status).ready, within(eye));
    clear(scene);
    progress('another content of the addon');
    const begun = performance.now();
    await admin.apply(systemaddons, addon(environment, 2), { fieldManager });
    await eye.until('all nodes have it prepared', () => prepared(eye, before) === count, within(eye));
    const seconds = (performance.now() - begun) / 1000;
    const staging = most(scene, progress);
    clear(scene);
    await admin.mergePatch(systempools, 'workers', { spec: { rollout: { maxUnavailable } } }, { fieldManager });
    await running(scene, before);
    const booting = most(scene, progress);
    return [
      { measure: `an addon's change alone, ${count} nodes: all have it prepared after`, value: seconds, unit: 's' },
      { measure: 'writes of the controller for a node until then, at most', value: staging.controller, unit: '', budget: 1 },
      { measure: 'writes of the agent for a node until then, at most', value: staging.agent, unit: '', budget: 1 },
      {
        measure: 'of both together with those until it runs: controller',
        value: staging.controller + booting.controller,
        unit: '',
        budget: 4,
      },
      { measure: 'of both together with those until it runs: agent', value: staging.agent + booting.agent, unit: '', budget: 3 },
      { measure: 'unavailable nodes, at most', value: eye.mostUnavailable, unit: '', budget: maxUnavailable },
    ];
  } finally {
    await fleet.stop();
    await eye.stop();
    await agentsProxy.stop();
    await environment.stop();
  }
}

function clear({ environment, agentsProxy, eye }: Scene): void {
  environment.proxy.clear();
  agentsProxy.clear();
  eye.beginRecord();
}

/** The most for one node; of more than the budget the writes are told. */
function most(
  { environment, agentsProxy, names }: Scene,
  progress: (line: string) => void,
): { controller: number; agent: number } {
  const by = names.map(name => ({
    name,
    controller: writesOf(environment.proxy.record, name).controller,
    agent: writesOf(agentsProxy.record, name).agent,
  }));
  const [worst] = by.toSorted((a, b) => b.controller + b.agent - a.controller - a.agent);
  if (worst)
    progress(
      `${worst.name}: ${describeWrites(environment.proxy.record, worst.name)}; ${describeWrites(agentsProxy.record, worst.name)}`,
    );
  return { controller: Math.max(...by.map(of => of.controller)), agent: Math.max(...by.map(of => of.agent)) };
}

function poolOf(eye: Fleet): ReturnType<Fleet['stores']['pools']['get']> {
  return eye.stores.pools.get('workers');
}

function sets(eye: Fleet): string[] {
  return [...new Set(eye.stores.targets.list().flatMap(({ spec }) => spec.addonSet ?? []))];
}

/** Nodes that have prepared another set than the one before. */
function prepared(eye: Fleet, before: string | undefined): number {
  return eye.stores.targets.list().filter(({ spec, status }) => {
    const set = status?.host?.prepared?.set;
    return set !== undefined && set !== before && set === spec.addonSet && status?.host?.phase === 'Staged';
  }).length;
}

/** Resolves when all nodes run a set, another one than the one before. */
async function running({ eye }: Scene, before: string | undefined): Promise<void> {
  const isThere = (): boolean => {
    const { status } = poolOf(eye) ?? {};
    const all = eye.stores.targets.list();
    const run = all.filter(
      ({ spec, status }) => spec.addonSet !== before && spec.addonSet && status?.host?.addons?.set === spec.addonSet,
    );
    return run.length === count && status?.nodes?.updated === count && readiness(status).ready;
  };
  await eye.until('all nodes run the addon', isThere, within(eye));
}

function addon({ registry }: Environment, version: number): Apply<SystemAddon> {
  const files = [{ path: '/usr/share/runtime/version', content: `${version}\n` }];
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemAddon',
    metadata: { name: 'runtime' },
    spec: {
      variants: [{ platform: '_any', source: { files } }],
      output: { repository: `${registry.host}/addons/runtime` },
    },
  };
}

function pool(image: string): Apply<SystemPool> {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemPool',
    metadata: { name: 'workers' },
    spec: {
      nodeSelector: { matchLabels: labels },
      system: { image },
      addons: [{ name: 'runtime', addon: 'runtime' }],
      rollout: { canary: 1, maxUnavailable, maxStaging: count },
    },
  };
}
