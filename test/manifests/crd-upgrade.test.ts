/**
 * CRDs and Helm: those of the last release, whoever applied them, become the chart's own; objects and CRDs stay whatever Helm does, unless
 * it is told otherwise. No pods run here.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { objectsOf } from '../cluster/dry-run.ts';
import { helm } from '../cluster/helm.ts';
import { lastRelease } from '../cluster/last-release.ts';
import { resourceOf } from '../cluster/manifests.ts';
import { assertDocumented, documented, failure, HelmCluster, schemaOf } from './helm-cluster.ts';

const root = join(import.meta.dirname, '../..');
const chart = join(root, 'charts/scantling');

const foreign = 'exists and cannot be imported into the current release: invalid ownership metadata';
const conflict = 'conflict occurred while applying object';

describe('CRDs of the last release', () => {
  test('that its chart installed become the chart’s with --take-ownership, and stay through all that Helm does', async t => {
    const there = await HelmCluster.start(t);
    const { chart: before } = lastRelease();
    await there.helm('install', before, '--create-namespace');
    await there.crdsEstablished();
    const kept = await there.userObject();
    const old = await there.crds();

    assertDocumented(await failure(there.helm('upgrade', chart)), foreign);
    assert.deepEqual(
      schemaOf((await there.crds()).get('systempools.scantling.dev')),
      schemaOf(old.get('systempools.scantling.dev')),
    );

    await there.helm('upgrade', chart, '--take-ownership');
    await there.assertNew();
    await kept();

    // Each of these leaves the CRDs out of what the release holds, which is where Helm deletes; what follows each needs no flag.
    await there.helm('rollback', '1', '--no-hooks');
    await kept('rollback');
    await there.agentsNamespaceGone(); // which the release before does not have
    await there.helm('upgrade', chart);
    await there.helm('uninstall', '--no-hooks');
    await kept('uninstall');
    await there.agentsNamespaceGone();
    await there.helm('install', chart);
    await there.assertNew();
    await there.helm('upgrade', chart, '--set=crds.install=false');
    await kept('crds.install=false');
  });

  test('that kubectl applied need --force-conflicts as well', async t => {
    const there = await HelmCluster.start(t);
    const { chart: before } = lastRelease();
    const rendered = await helm(['show', 'crds', before]);
    for (const crd of objectsOf(rendered.stdout)) await there.client.apply(resourceOf(crd), crd, { fieldManager: 'kubectl' });
    await there.crdsEstablished();
    await there.helm('install', before, '--create-namespace', '--skip-crds');
    const kept = await there.userObject();

    assertDocumented(await failure(there.helm('upgrade', chart, '--take-ownership')), conflict);
    await kept();
    await there.run('helm', documented('install.md', 'helm'));
    await there.assertNew();
    await kept();
  });
});

describe('an installation', () => {
  test('from the plain manifests becomes Helm’s, with the same objects', async t => {
    const there = await HelmCluster.start(t);
    await there.kubectl('apply', '--server-side', '--filename', join(root, 'crds'));
    await there.crdsEstablished();
    await there.kubectl('apply', '--server-side', '--kustomize', join(root, 'manifests'));
    const kept = await there.userObject();
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
    await there.assertNew();
    await kept();
  });

  test('takes its CRDs with it when crds.keep is false, and has none when crds.install is', async t => {
    const there = await HelmCluster.start(t);
    const { stdout } = await helm(['template', 'scantling', chart, '--set=crds.install=false']);
    assert.deepEqual(
      objectsOf(stdout).filter(({ kind }) => kind === 'CustomResourceDefinition'),
      [],
    );
    await there.helm('install', chart, '--create-namespace');
    await there.crdsEstablished();
    await there.helm('upgrade', chart, '--set=crds.keep=false');
    await there.helm('uninstall', '--no-hooks', '--wait=hookOnly');
    for (const end = performance.now() + 60_000; (await there.crds()).size > 0;) {
      assert.ok(performance.now() < end, 'the CRDs are there after a minute');
    }
  });
});
