/**
 * CRDs and Helm: those of the last release, whoever applied them, become the chart's own; objects and CRDs stay whatever Helm does, unless
 * it is told otherwise. No pods run here.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, describe, test } from 'node:test';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { CommandError } from '../cluster/administrator-command.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { objectsOf } from '../cluster/dry-run.ts';
import { helm } from '../cluster/helm.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { lastRelease } from '../cluster/last-release.ts';
import { type CustomResourceDefinition, crds, established, resourceOf } from '../cluster/manifests.ts';

const root = join(import.meta.dirname, '../..');
const chart = join(root, 'charts/scantling');
const names = crds().map(({ metadata }) => metadata.name);

interface Versioned extends CustomResourceDefinition {
  spec: CustomResourceDefinition['spec'] & { versions: { schema: unknown }[] };
}
const schemaOf = (crd: CustomResourceDefinition | undefined) => (crd as Versioned | undefined)?.spec.versions[0]?.schema;

/** An empty cluster, and Helm in it on the one release. Hooks are left out: nothing here would run them. */
async function cluster(t: TestContext) {
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
  const client = createClient(transport);
  return {
    client,
    kubectl: async (...args: string[]) => (await kubectl(args, { kubeconfig })).stdout,
    helm: (verb: string, ...args: string[]) => helm([verb, 'scantling', ...args, '--namespace=scantling-system'], { kubeconfig }),
    /** Those of ours that there are, with their annotations. */
    crds: async (): Promise<Map<string, CustomResourceDefinition>> => {
      const { stdout } = await kubectl(['get', 'customresourcedefinitions', '--output=json'], { kubeconfig });
      const { items } = JSON.parse(stdout) as { items: CustomResourceDefinition[] };
      return new Map(items.filter(({ metadata }) => names.includes(metadata.name)).map(crd => [crd.metadata.name, crd]));
    },
  };
}
type Cluster = Awaited<ReturnType<typeof cluster>>;

/** A SystemSource that a user made; returns what throws unless it is still that one. */
async function userObject({ kubectl }: Cluster): Promise<() => Promise<void>> {
  await kubectl('apply', '--filename', join(root, 'manifests/samples/source.yaml'));
  const uid = () => kubectl('get', 'systemsources', '--output=jsonpath={.items[*].metadata.uid}');
  const before = await uid();
  assert.ok(before);
  return async () => assert.equal(await uid(), before, 'the object is the one that the user made');
}

async function assertNew({ crds: stored }: Cluster): Promise<void> {
  const there = await stored();
  for (const wanted of crds()) {
    const crd = there.get(wanted.metadata.name);
    assert.deepEqual(schemaOf(crd), schemaOf(wanted), wanted.metadata.name);
    assert.equal(crd?.metadata.annotations?.['helm.sh/resource-policy'], 'keep');
  }
}

async function failure(running: Promise<unknown>): Promise<string> {
  try {
    await running;
  } catch (error) {
    if (error instanceof CommandError) return error.stderr;
    throw error;
  }
  throw new assert.AssertionError({ message: 'Helm did what it had to refuse' });
}

/** Who searches the documentation for what Helm said must find it. */
function assertDocumented(message: string, ...words: string[]): void {
  const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');
  for (const each of words) {
    assert.ok(message.includes(each), `Helm says something else: ${message}`);
    assert.ok(page.includes(each), `docs/troubleshooting.md does not have "${each}"`);
  }
}

const foreign = 'exists and cannot be imported into the current release: invalid ownership metadata';
const conflict = 'conflict occurred while applying object';

describe('CRDs of the last release', () => {
  test('that its chart installed become the chart’s with --take-ownership, and stay through all that Helm does', async t => {
    const there = await cluster(t);
    const { chart: before } = lastRelease();
    await there.helm('install', before, '--create-namespace');
    for (const name of names) await established(there.client, name);
    const kept = await userObject(there);
    const old = await there.crds();

    assertDocumented(await failure(there.helm('upgrade', chart)), foreign);
    assert.deepEqual(
      schemaOf((await there.crds()).get('systempools.scantling.dev')),
      schemaOf(old.get('systempools.scantling.dev')),
    );

    await there.helm('upgrade', chart, '--take-ownership');
    await assertNew(there);
    await kept();

    const stay = async (step: string) => {
      assert.deepEqual([...(await there.crds()).keys()].toSorted(), names.toSorted(), step);
      await kept();
    };
    // Each of these leaves the CRDs out of what the release holds, which is where Helm deletes; what follows each needs no flag.
    await there.helm('rollback', '1', '--no-hooks');
    await stay('rollback');
    // Helm does not wait until a namespace is gone, and nothing can be made in it meanwhile. The release before has none of the agents' own.
    const gone = () => there.kubectl('wait', '--for=delete', 'namespace/scantling-agents', '--timeout=2m');
    await gone();
    await there.helm('upgrade', chart);
    await there.helm('uninstall', '--no-hooks');
    await stay('uninstall');
    await gone();
    await there.helm('install', chart);
    await assertNew(there);
    await there.helm('upgrade', chart, '--set=crds.install=false');
    await stay('crds.install=false');
  });

  test('that kubectl applied need --force-conflicts as well', async t => {
    const there = await cluster(t);
    const { chart: before } = lastRelease();
    const rendered = await helm(['show', 'crds', before]);
    for (const crd of objectsOf(rendered.stdout)) await there.client.apply(resourceOf(crd), crd, { fieldManager: 'kubectl' });
    for (const name of names) await established(there.client, name);
    await there.helm('install', before, '--create-namespace', '--skip-crds');
    const kept = await userObject(there);

    assertDocumented(await failure(there.helm('upgrade', chart, '--take-ownership')), conflict);
    await kept();
    await there.helm('upgrade', chart, '--take-ownership', '--force-conflicts');
    await assertNew(there);
    await kept();
  });
});

describe('an installation', () => {
  test('from the plain manifests becomes Helm’s, with the same objects', async t => {
    const there = await cluster(t);
    await there.kubectl('apply', '--server-side', '--filename', join(root, 'crds'));
    for (const name of names) await established(there.client, name);
    await there.kubectl('apply', '--server-side', '--kustomize', join(root, 'manifests'));
    const kept = await userObject(there);
    const uids = () =>
      there.kubectl(
        '--namespace=scantling-system',
        'get',
        'deployments,daemonsets',
        '--output=jsonpath={.items[*].metadata.uid}',
      );
    const before = await uids();
    await there.helm('install', chart, '--take-ownership', '--force-conflicts');
    assert.equal(await uids(), before);
    await assertNew(there);
    await kept();
  });

  test('takes its CRDs with it when crds.keep is false, and has none when crds.install is', async t => {
    const there = await cluster(t);
    const { stdout } = await helm(['template', 'scantling', chart, '--set=crds.install=false']);
    assert.deepEqual(
      objectsOf(stdout).filter(({ kind }) => kind === 'CustomResourceDefinition'),
      [],
    );
    await there.helm('install', chart, '--create-namespace');
    for (const name of names) await established(there.client, name);
    await there.helm('upgrade', chart, '--set=crds.keep=false');
    await there.helm('uninstall', '--no-hooks', '--wait=hookOnly');
    for (const end = performance.now() + 60_000; (await there.crds()).size > 0;) {
      assert.ok(performance.now() < end, 'the CRDs are there after a minute');
    }
  });
});
