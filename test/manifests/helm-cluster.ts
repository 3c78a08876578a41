/** An empty cluster with the one release of Helm in it, and what is asked of it: that CRDs are new, that what users made is there. No pods run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { KubeObject } from '../../controller/api/meta.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { CommandError, type Said } from '../cluster/administrator-command.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { helm } from '../cluster/helm.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { type CustomResourceDefinition, crds, established } from '../cluster/manifests.ts';
import type { HelmProgram } from '../tools/helm-versions.ts';

const root = join(import.meta.dirname, '../..');
const names = crds().map(({ metadata }) => metadata.name);
const namespace = 'scantling-system';

interface Versioned extends CustomResourceDefinition {
  spec: CustomResourceDefinition['spec'] & { versions: { schema: unknown }[] };
}
export const schemaOf = (crd: CustomResourceDefinition | undefined) => (crd as Versioned | undefined)?.spec.versions[0]?.schema;

export class HelmCluster {
  readonly client: Client;
  readonly #kubeconfig: string;

  /** Started for one test, and stopped with it. */
  static async start(t: TestContext): Promise<HelmCluster> {
    const controlPlane = await startControlPlane({
      controllers: ['namespace-controller', 'garbage-collector-controller'],
      apiServerFlags: ['--allow-privileged=true'],
    });
    const kubeconfig = controlPlane.adminKubeconfig;
    const transport = new Transport({ kubeConfig: loadKubeConfig(kubeconfig), userAgent: 'test' });
    t.after(async () => {
      await transport.close();
      await controlPlane.stop();
    });
    return new HelmCluster(createClient(transport), kubeconfig);
  }

  private constructor(client: Client, kubeconfig: string) {
    this.client = client;
    this.#kubeconfig = kubeconfig;
  }

  async kubectl(...args: string[]): Promise<string> {
    return (await kubectl(args, { kubeconfig: this.#kubeconfig })).stdout;
  }

  /** `helm VERB scantling …` in the release's namespace, in the newest version. */
  helm(verb: string, ...args: string[]): Promise<Said> {
    return this.run('helm', [verb, 'scantling', ...args, `--namespace=${namespace}`]);
  }

  /** A whole command, at the top of the repository as the documents have it. */
  run(program: HelmProgram, args: readonly string[]): Promise<Said> {
    return helm(args, { program, kubeconfig: this.#kubeconfig, cwd: root });
  }

  /** Those of our CRDs that there are, by name. */
  async crds(): Promise<Map<string, CustomResourceDefinition>> {
    const { items } = JSON.parse(await this.kubectl('get', 'customresourcedefinitions', '--output=json')) as {
      items: CustomResourceDefinition[];
    };
    return new Map(items.filter(({ metadata }) => names.includes(metadata.name)).map(crd => [crd.metadata.name, crd]));
  }

  /** Those that there are: a release before may have had fewer. */
  async crdsEstablished(): Promise<void> {
    const there = await this.crds();
    assert.notEqual(there.size, 0, 'none of our CRDs is there');
    for (const name of there.keys()) await established(this.client, name);
  }

  /** The CRDs are those of these sources, and to be kept. */
  async assertNew(): Promise<void> {
    const there = await this.crds();
    for (const wanted of crds()) {
      const crd = there.get(wanted.metadata.name);
      assert.deepEqual(schemaOf(crd), schemaOf(wanted), wanted.metadata.name);
      assert.equal(crd?.metadata.annotations?.['helm.sh/resource-policy'], 'keep');
    }
  }

  /** Makes a SystemSource as a user would; returns what throws unless it and all CRDs are still there. */
  async userObject(): Promise<(step?: string) => Promise<void>> {
    await this.kubectl('apply', '--filename', join(root, 'manifests/samples/source.yaml'));
    const uid = () => this.kubectl('get', 'systemsources', '--output=jsonpath={.items[*].metadata.uid}');
    const before = await uid();
    assert.ok(before);
    return async (step = '') => {
      assert.deepEqual([...(await this.crds()).keys()].toSorted(), names.toSorted(), step);
      assert.equal(await uid(), before, `the object is the one that the user made ${step}`);
    };
  }

  /** Helm does not wait until a namespace is gone, and nothing can be made in it meanwhile. */
  async agentsNamespaceGone(): Promise<void> {
    await this.kubectl('wait', '--for=delete', 'namespace/scantling-agents', '--timeout=2m');
  }

  /** What the release's objects say in the cluster, but for what the API server adds; by kind and name. */
  async objects(): Promise<Record<string, unknown>> {
    const { stdout: manifest } = await this.run('helm', ['get', 'manifest', 'scantling', `--namespace=${namespace}`]);
    const args = ['get', '--filename=-', '--output=json'];
    const { stdout } = await kubectl(args, { kubeconfig: this.#kubeconfig, input: manifest });
    const { items } = JSON.parse(stdout) as { items: KubeObject[] };
    return Object.fromEntries(items.map(o => [`${o.kind} ${o.metadata.namespace ?? ''}/${o.metadata.name}`, said(o)]));
  }
}

/** What the API server and its controllers note on objects. */
const noted = new Set(['deployment.kubernetes.io/revision', 'deprecated.daemonset.template.generation']);

function said({ metadata: { labels, annotations }, ...object }: KubeObject): object {
  const { status: _status, ...rest } = object as typeof object & { status?: unknown };
  return {
    ...rest,
    labels,
    annotations: Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => !noted.has(name))),
  };
}

/** What Helm said when it failed. Throws when it did not. */
export async function failure(running: Promise<unknown>): Promise<string> {
  try {
    await running;
  } catch (error) {
    if (error instanceof CommandError) return error.stderr;
    throw error;
  }
  throw new assert.AssertionError({ message: 'Helm did what it had to refuse' });
}

/** Who searches the documentation for what Helm said must find it. */
export function assertDocumented(message: string, ...words: string[]): void {
  const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');
  for (const each of words) {
    assert.ok(message.includes(each), `Helm says something else: ${message}`);
    assert.ok(page.includes(each), `docs/troubleshooting.md does not have "${each}"`);
  }
}

/** The command that a document gives for a Helm to take over what is there. */
export function documented(page: 'install.md' | 'troubleshooting.md', program: HelmProgram): string[] {
  const heading = program === 'helm' ? '# Helm 4' : '# Helm 3';
  const text = readFileSync(join(root, 'docs', page), 'utf8');
  const [, command] = new RegExp(`^${heading}[^\n]*\nhelm (upgrade .*)$`, 'm').exec(text) ?? [];
  assert.ok(command, `docs/${page} has no command under "${heading}"`);
  return command.split(' ');
}
