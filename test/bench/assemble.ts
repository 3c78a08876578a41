/** From a commit that is seen to the image that holds it, when only a file changed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemsources, type SystemSource } from '../../controller/api/system-source.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { startEnvironment } from '../cluster/environment.ts';
import { Fleet } from '../cluster/fleet.ts';
import type { GitServer } from '../cluster/git-server.ts';
import { programFor } from '../cluster/program.ts';
import { median, type Measure } from './measure.ts';

const rounds = 5;

export async function measureAssemble(progress: (line: string) => void): Promise<Measure[]> {
  const program = await programFor({ source: false });
  const environment = await startEnvironment({ nodes: 0, program, workloads: false, progress });
  const fleet = new Fleet(environment);
  try {
    await fleet.start();
    const { admin, git, base, registry } = environment;
    const repository = await git.createRepository('fleet');
    const files = {
      'worker.yaml': `apiVersion: scantling.dev/v1alpha1
kind: SystemDefinition
metadata: { name: worker }
spec:
  base: { image: '${base.image}' }
  output: { repository: '${registry.host}/systems/worker' }
  files: [{ path: /etc/motd, from: motd }]
`,
      motd: 'first\n',
    };
    const built = (oid: string) => fleet.stores.definitions.get('worker')?.status?.revision === `main@sha1:${oid}`;
    const wait = (oid: string) =>
      fleet.until(`the image of ${oid}`, () => built(oid), { timeoutMs: 120_000, explain: () => fleet.describe() });

    const first = await repository.commit(files, 'Define');
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
    return [
      {
        measure: `commit seen to image pushed and named, one file changed (median of ${rounds})`,
        value: median(seconds),
        unit: 's',
        budget: 2,
      },
      { measure: 'the slowest of them', value: Math.max(...seconds), unit: 's' },
    ];
  } finally {
    await fleet.stop();
    await environment.stop();
  }
}

/** Resolves when a request that is in the log has its answer. */
async function answered({ requests }: GitServer): Promise<void> {
  while (!requests.log.some(e => e.status !== 0)) await sleep(1);
}
