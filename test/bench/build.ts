/**
 * Builds: from a commit that is seen to the image that holds it, beside buildah alone on the same definition; a hundred definitions on one
 * base of another registry; and what a look at an unchanged base costs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemdefinitions, type SystemDefinition } from '../../controller/api/system-definition.ts';
import { systemsources, type SystemSource } from '../../controller/api/system-source.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { pushBaseImage, type BaseImage } from '../cluster/base-image.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { Fleet } from '../cluster/fleet.ts';
import type { GitServer } from '../cluster/git-server.ts';
import { programFor } from '../cluster/program.ts';
import { startRegistry, type RegistryServer } from '../cluster/registry.ts';
import { measureBuildah } from './buildah.ts';
import { median, type Measure } from './measure.ts';
import { memoryOf } from './process-memory.ts';

const rounds = 5;
const definitions = 100;
const mebibyte = 1024 * 1024;
/** Of the layer of the base that carries its weight. */
const baseBytes = 200 * mebibyte;

interface Scene {
  environment: Environment;
  fleet: Fleet;
  /** Another registry than the one that is pushed to, as that of a distribution is. */
  bases: RegistryServer;
  base: BaseImage;
  progress: (line: string) => void;
}

export async function measureBuild(progress: (line: string) => void): Promise<Measure[]> {
  const program = await programFor({ source: false });
  const bases = await startRegistry();
  const environment = await startEnvironment({ nodes: 0, program, workloads: false, otherRegistries: [bases.host], progress });
  const fleet = new Fleet(environment);
  try {
    await fleet.start();
    progress(`pushing a base of ${baseBytes / mebibyte} MiB`);
    const base = await pushBaseImage({ registry: bases.host, payloadBytes: baseBytes });
    const scene = { environment, fleet, bases, base, progress };
    const many = await measureMany(scene);
    const poll = await measurePoll(scene);
    const change = await measureChange(scene);
    return [...change, ...many, ...poll];
  } finally {
    await fleet.stop();
    await environment.stop();
    await bases.stop();
  }
}

/** A hundred definitions at once, each into a repository of its own, by a controller that has built nothing yet. */
async function measureMany(scene: Scene): Promise<Measure[]> {
  const { environment, fleet, bases, progress } = scene;
  bases.requests.clear();
  const names = Array.from({ length: definitions }, (_, i) => `many-${i}`);
  const started = performance.now();
  for (const name of names) {
    const files = [{ path: '/etc/motd', content: `This is ${name}.\n` }];
    await environment.admin.apply(systemdefinitions, definition(scene, name, { files }), { fieldManager: 'bench' });
  }
  const image = (name: string) => fleet.stores.definitions.get(name)?.status?.image;
  await fleet.until(`${definitions} images`, () => names.every(name => image(name) !== undefined), {
    timeoutMs: 300_000,
    explain: () => fleet.describe(),
  });
  const seconds = (performance.now() - started) / 1000;
  progress(`${definitions} images after ${seconds.toFixed(1)} s`);
  const payload = Math.max(...bases.requests.log.map(e => e.bytesOut));
  const transfers = bases.requests.log.filter(e => e.method === 'GET' && e.bytesOut === payload && payload > baseBytes).length;
  const { peakMiB } = memoryOf(environment.controller.pid ?? 0);
  return [
    { measure: `${definitions} definitions on one base, files only`, value: seconds, unit: 's', budget: 60 },
    { measure: 'peak RSS of the controller meanwhile', value: peakMiB, unit: 'MiB', budget: 256 },
    { measure: "transfers of the base's large blob", value: transfers, unit: '', budget: 1 },
  ];
}

/** Requests for a base that has not changed, with all these definitions on it. */
async function measurePoll({ environment, fleet, bases, base, progress }: Scene): Promise<Measure[]> {
  for (const { name } of fleet.stores.definitions.list())
    if (name !== 'many-0') await environment.admin.delete(systemdefinitions, name);
  const change = { spec: { base: { image: base.image, interval: '10s' } } };
  await environment.admin.mergePatch(systemdefinitions, 'many-0', change, { fieldManager: 'bench' });
  await sleep(3_000); // the look that the change asks for is over
  bases.requests.clear();
  const seconds = 36;
  progress(`looking at the base's registry for ${seconds} s`);
  await sleep(seconds * 1000);
  const log = bases.requests.log.filter(e => e.status !== 0);
  const heads = log.filter(e => e.method === 'HEAD').length;
  return [
    { measure: 'looks at an unchanged base in 36 s, each after 10 s and up to a tenth', value: heads, unit: '', budget: 4 },
    { measure: 'requests per look', value: heads === 0 ? Number.NaN : log.length / heads, unit: '', budget: 1 },
  ];
}

/** One file changes in Git. */
async function measureChange(scene: Scene): Promise<Measure[]> {
  const { environment, fleet, progress } = scene;
  const { admin, git, proxy } = environment;
  const repository = await git.createRepository('fleet');
  const built = (oid: string) => fleet.stores.definitions.get('worker')?.status?.revision === `main@sha1:${oid}`;
  const wait = (oid: string) =>
    fleet.until(`the image of ${oid}`, () => built(oid), { timeoutMs: 120_000, explain: () => fleet.describe() });

  const document = JSON.stringify(definition(scene, 'worker', { files: [{ path: '/etc/motd', from: 'motd' }] }));
  const first = await repository.commit({ 'worker.yaml': document, motd: 'first\n' }, 'Define');
  const source: Apply<SystemSource> = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemSource',
    metadata: { name: 'fleet' },
    spec: { url: repository.url, allowInsecure: true, interval: '1s' },
  };
  await admin.apply(systemsources, source, { fieldManager: 'bench' });
  await wait(first);

  const seconds: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await sleep(1_500); // the build before is over, and polls go on
    // Right after a poll, so that the next request is a poll that began after the commit.
    git.requests.clear();
    await answered(git);
    git.requests.clear();
    const oid = await repository.commit({ motd: `round ${round}\n` }, `Round ${round}`);
    await answered(git);
    const seen = performance.now();
    await wait(oid);
    seconds.push((performance.now() - seen) / 1000);
    progress(`image named after ${seconds.at(-1)?.toFixed(2)} s`);
  }
  const pods = proxy.record.filter(call => ['pods', 'jobs'].includes(call.resource) && call.verb === 'create').length;
  const image = fleet.stores.definitions.get('worker')?.status?.image ?? '';
  const insecureHosts = [environment.registry.host, scene.bases.host];
  return [
    {
      measure: `commit seen to image pushed, one file changed (median of ${rounds})`,
      value: median(seconds),
      unit: 's',
      budget: 2,
    },
    { measure: 'the slowest of them', value: Math.max(...seconds), unit: 's' },
    { measure: 'pods and Jobs for them', value: pods, unit: '', budget: 0 },
    ...(await measureBuildah({ image, insecureHosts, rounds: 3, progress })),
  ];
}

function definition(
  { base, environment }: Scene,
  name: string,
  parts: Partial<Apply<SystemDefinition>['spec']>,
): Apply<SystemDefinition> {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemDefinition',
    metadata: { name },
    spec: { base: { image: base.image }, output: { repository: `${environment.registry.host}/systems/${name}` }, ...parts },
  };
}

/** Resolves when a request that is in the log has its answer. */
async function answered({ requests }: GitServer): Promise<void> {
  while (!requests.log.some(e => e.status !== 0)) await sleep(1);
}
