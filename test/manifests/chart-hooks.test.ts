/** Hooks are of Helm's releases only: what is rendered to be applied by something else holds nothing that would run the removal. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { jobs } from '../../controller/api/core.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { CommandError } from '../cluster/administrator-command.ts';
import { type DryRun, startDryRun } from '../cluster/dry-run.ts';
import { helm } from '../cluster/helm.ts';
import { chart, hooks, isHook, objectsOf, render } from './rendered-chart.ts';

const namespace = 'scantling-system';
const named = ['scantling', chart, `--namespace=${namespace}`];

const namesOf = (objects: readonly KubeObject[]): string[] =>
  objects
    .filter(isHook)
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    .toSorted();

const all = [
  'ClusterRole scantling-self-test',
  'ClusterRoleBinding scantling-self-test',
  'Job scantling-uninstall',
  'Pod scantling-self-test',
  'Role scantling-self-test',
  'RoleBinding scantling-self-test',
  'ServiceAccount scantling-self-test',
];

describe('what is rendered without a cluster', () => {
  test('has no hooks', async () => {
    assert.deepEqual(namesOf(await render()), []);
    const others = (await render()).filter(({ kind }) => kind !== 'NetworkPolicy');
    assert.doesNotMatch(JSON.stringify(others), /self-test|"uninstall"/);
  });

  test('has no hooks for whatever takes API versions of a cluster, but none of it', async () => {
    const { stdout } = await helm(['template', ...named, '--api-versions=apps/v1/Deployment', '--kube-version=1.35.0']);
    assert.deepEqual(namesOf(objectsOf(stdout)), []);
  });

  test('has them for what runs hooks itself, when told', async () => {
    assert.deepEqual(namesOf(await render(hooks)), all);
    const without = { ...hooks, uninstall: { enabled: false } };
    assert.ok(!namesOf(await render(without)).includes('Job scantling-uninstall'));
  });

  test('has none with --no-hooks, even then', async () => {
    const { stdout } = await helm(['template', ...named, '--no-hooks', '--set=hooks.withoutCluster=true']);
    assert.deepEqual(namesOf(objectsOf(stdout)), []);
  });
});

describe('in a cluster', () => {
  let api: DryRun;
  before(async () => {
    api = await startDryRun();
  });
  after(() => api?.stop());
  const here = (args: readonly string[]) => helm(args, { kubeconfig: api.kubeconfig });

  test('a render has no hooks either, which is what is piped to kubectl', async () => {
    assert.deepEqual(namesOf(objectsOf((await here(['template', ...named])).stdout)), []);
  });

  test('a release has them, from its first installation on, and runs the removal', async () => {
    await here(['install', ...named, '--create-namespace', '--set=crds.install=false']);
    const release = [`--namespace=${namespace}`];
    const recorded = async () => namesOf(objectsOf((await here(['get', 'hooks', 'scantling', ...release])).stdout));
    assert.deepEqual(await recorded(), all);
    await here(['upgrade', ...named, '--set=crds.install=false']);
    await here(['rollback', 'scantling', '1', ...release]);
    assert.deepEqual(await recorded(), all);
    // Nothing runs Jobs here, so that Helm waits in vain for the one that it made.
    const removal = here(['uninstall', 'scantling', ...release, '--timeout=2s']);
    await assert.rejects(removal, (error: unknown) => error instanceof CommandError && /uninstall/.test(error.stderr));
    assert.equal((await api.client.get(jobs, 'scantling-uninstall', namespace)).metadata.name, 'scantling-uninstall');
  });
});
