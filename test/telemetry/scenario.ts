/** From a commit to booted nodes on real servers, with a foundation where buildah is there; what tests of telemetry look at. */
import type { TestContext } from 'node:test';
import { isTrue } from '../../controller/api/conditions.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import type { Apply } from '../../controller/kube/client.ts';
import type { SystemSource } from '../../controller/api/system-source.ts';
import { withoutBuildah } from '../build/build-fixture.ts';
import { startEnvironment, type Environment, type EnvironmentOptions } from '../cluster/environment.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import { until } from '../kube/until.ts';

export interface Scenario {
  environment: Environment;
  repository: GitRepository;
  /** Whether the definition has steps that run commands. */
  hasFoundation: boolean;
  /** Commits that file and waits until every node has booted it; resolves with the commit. */
  roll: (text: string) => Promise<string>;
}

/** Nodes of the pool: every second one of the simulated has an architecture that a foundation cannot be built for here. */
export const scenarioNodes = 2;

export async function startScenario(
  t: Pick<TestContext, 'after'>,
  options: Pick<EnvironmentOptions, 'controllerFlags' | 'program'> = {},
): Promise<Scenario> {
  const environment = await startEnvironment({ nodes: 2 * scenarioNodes - 1, workloads: false, ...options });
  t.after(() => environment.stop());
  const { admin, git, base, registry } = environment;
  const hasFoundation = !withoutBuildah();
  const repository = await git.createRepository('fleet');
  const files = (text: string): Record<string, string> => ({
    'system.yaml': `apiVersion: scantling.dev/v1alpha1
kind: SystemDefinition
metadata: { name: worker }
spec:
  base: { image: ${base.image} }
  output: { repository: ${registry.host}/systems/worker }
  files: [{ path: /etc/motd, content: ${JSON.stringify(text)} }]
  platforms: [linux/amd64]
${hasFoundation ? '  containerfile: { inline: "ENV NOTE=scenario" }\n' : ''}`,
    'pool.yaml': `apiVersion: scantling.dev/v1alpha1
kind: SystemPool
metadata: { name: workers }
spec:
  nodeSelector: { matchLabels: { kubernetes.io/arch: amd64 } }
  system: { definitionRef: { name: worker } }
  rollout: { maxUnavailable: 1 }
  drain: { enabled: false }
`,
  });
  const source: Apply<SystemSource> = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemSource',
    metadata: { name: 'fleet' },
    spec: { url: repository.url, allowInsecure: true, interval: '1s' },
  };
  const roll = async (text: string): Promise<string> => {
    const oid = await repository.commit(files(text), text);
    await admin.apply(systemsources, source, { fieldManager: 'test' });
    const state = async () => {
      const { items } = await admin.list(nodetargets);
      const definition = (await admin.list(systemdefinitions)).items.map(({ status }) => status);
      return { definition, nodes: items.map(({ spec, status }) => ({ spec, status })) };
    };
    const arrived = async (): Promise<boolean> => {
      const { nodes } = await state();
      const booted = nodes.filter(({ status }) => status?.host?.booted?.revision?.endsWith(oid) && status.host.phase === 'Idle');
      const [pool] = (await admin.list(systempools)).items;
      const done = pool?.status?.nodes?.updated === scenarioNodes && isTrue(pool.status.conditions, 'Ready');
      return booted.length === scenarioNodes && done;
    };
    try {
      await until(`every node runs ${oid}`, arrived, 120_000);
    } catch (error) {
      throw new Error(JSON.stringify(await state(), undefined, 1), { cause: error });
    }
    return oid;
  };
  return { environment, repository, hasFoundation, roll };
}
