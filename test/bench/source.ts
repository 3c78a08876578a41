/** What polling and fetching cost: with 20,000 tags beside the branch, and with 200 MB of files beside the definitions. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemsources, type SystemSource } from '../../controller/api/system-source.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { Fleet, readiness } from '../cluster/fleet.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import { programFor } from '../cluster/program.ts';
import type { Measure } from './measure.ts';
import { memoryOf } from './process-memory.ts';

const tags = 20_000;
const foreignFiles = 100;
const foreignBytes = 2 * 1024 * 1024;
const kilobyte = 1024;
const megabyte = 1024 * 1024;

export async function measureSource(progress: (line: string) => void): Promise<Measure[]> {
  const program = await programFor({ source: false });
  const environment = await startEnvironment({ nodes: 0, program, workloads: false, progress });
  const fleet = new Fleet(environment);
  try {
    await fleet.start();
    progress(`a repository with ${tags} tags`);
    const poll = await measurePolls(environment, fleet);
    await environment.controller.stop();
    await environment.controller.start();
    progress(`a repository with ${(foreignFiles * foreignBytes) / megabyte} MiB of other files`);
    const fetch = await measureFetch(environment, fleet);
    return [...poll, ...fetch];
  } finally {
    await fleet.stop();
    await environment.stop();
  }
}

/** Requests and bytes of one poll that finds nothing new. */
async function measurePolls(environment: Environment, fleet: Fleet): Promise<Measure[]> {
  const { git } = environment;
  const repository = await git.createRepository('tagged');
  const oid = await repository.commit(definition(environment, 'tagged'), 'First');
  await repository.tag(
    Array.from({ length: tags }, (_, i) => `v${i}`),
    oid,
  );
  await applySource(environment, fleet, { name: 'tagged', repository, oid });
  await sleep(3_000); // what follows the first apply is over
  git.requests.clear();
  const before = await polls(environment, 'tagged');
  await until(() => git.requests.log.filter(e => e.status !== 0).length >= 10);
  const log = git.requests.log.filter(e => e.status !== 0);
  const perPoll = log.length / ((await polls(environment, 'tagged')) - before);
  const bytes = Math.max(...log.map(e => e.bytesIn + e.bytesOut));
  await suspend(environment, 'tagged');
  return [
    { measure: 'poll of an unchanged source: requests', value: perPoll, unit: '', budget: 1 },
    { measure: 'poll of an unchanged source: bytes of bodies', value: bytes, unit: 'B', budget: kilobyte },
  ];
}

/** Bytes on the wire of a first fetch and of one changed file, and the memory of the process that did both. */
async function measureFetch(environment: Environment, fleet: Fleet): Promise<Measure[]> {
  const { git } = environment;
  const repository = await git.createRepository('large');
  for (let i = 0; i < foreignFiles; i++)
    await repository.commit({ [`videos/${i}.bin`]: randomBytes(foreignBytes) }, `Video ${i}`);
  const oid = await repository.commit(definition(environment, 'large'), 'Define');
  git.requests.clear();
  await applySource(environment, fleet, { name: 'large', repository, oid });
  const first = git.requests.bytesIn + git.requests.bytesOut;
  git.requests.clear();
  const next = await repository.commit({ 'systems/files/large': 'changed\n' }, 'Change');
  await until(() => fleet.stores.sources.get('large')?.status?.lastAppliedRevision?.endsWith(next) ?? false);
  const second = git.requests.bytesIn + git.requests.bytesOut;
  const { peakMiB } = memoryOf(environment.controller.pid ?? 0);
  return [
    { measure: 'fetch beside 200 MB of other files: bytes on the wire', value: first / megabyte, unit: 'MiB', budget: 1 },
    { measure: 'fetch of one changed file', value: second / kilobyte, unit: 'KiB' },
    { measure: 'fetch beside 200 MB of other files: peak RSS of the controller', value: peakMiB, unit: 'MiB', budget: 256 },
  ];
}

function definition({ base, registry }: Environment, name: string): Record<string, string> {
  return {
    [`systems/${name}.yaml`]: `apiVersion: scantling.dev/v1alpha1
kind: SystemDefinition
metadata: { name: ${name} }
spec:
  base: { image: '${base.image}' }
  output: { repository: '${registry.host}/systems/${name}' }
  files: [{ path: /etc/${name}, from: files/${name} }]
`,
    [`systems/files/${name}`]: 'first\n',
  };
}

async function applySource(
  { admin }: Environment,
  fleet: Fleet,
  o: { name: string; repository: GitRepository; oid: string },
): Promise<void> {
  const source: Apply<SystemSource> = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemSource',
    metadata: { name: o.name },
    spec: { url: o.repository.url, allowInsecure: true, path: 'systems', interval: '1s' },
  };
  await admin.apply(systemsources, source, { fieldManager: 'bench' });
  await fleet.until(
    `${o.name} is applied and built`,
    () =>
      (fleet.stores.sources.get(o.name)?.status?.lastAppliedRevision?.endsWith(o.oid) ?? false) &&
      readiness(fleet.stores.definitions.get(o.name)?.status).ready,
    { timeoutMs: 120_000, explain: () => fleet.describe() },
  );
}

/** Polls of a source so far, by the controller's own count. */
async function polls({ controller }: Environment, source: string): Promise<number> {
  const lines = (await controller.metrics()).split('\n').filter(line => line.startsWith('scantling_source_polls_total{'));
  const mine = lines.filter(line => line.includes(`source="${source}"`));
  return mine.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function suspend({ admin }: Environment, name: string): Promise<void> {
  await admin.mergePatch(systemsources, name, { spec: { suspend: true } }, { fieldManager: 'bench' });
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 120_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('not within 120 s');
    await sleep(20);
  }
}
