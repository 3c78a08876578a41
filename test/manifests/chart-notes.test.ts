/** What Helm says after an installation, with what it sees in the cluster. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../controller/api/meta.ts';
import { type DryRun, startDryRun } from '../cluster/dry-run.ts';
import { helm } from '../cluster/helm.ts';
import { resourceOf } from '../cluster/manifests.ts';
import { chart } from './rendered-chart.ts';

describe('the notes of the chart', () => {
  let api: DryRun;
  before(async () => {
    api = await startDryRun();
  });
  after(() => api?.stop());

  async function notes(namespace: string, labels: Record<string, string>, ...set: string[]): Promise<string> {
    const object: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } };
    await api.client.apply(resourceOf(object), object, { fieldManager: 'test' });
    // The CRDs are there already, and are not this release's.
    const args = ['install', 'scantling', chart, '--dry-run=server', `--namespace=${namespace}`, '--set=crds.install=false'];
    const { stdout } = await helm([...args, ...set.map(each => `--set=${each}`)], { kubeconfig: api.kubeconfig });
    return stdout.slice(stdout.indexOf('\nNOTES:'));
  }

  test('say that a namespace refuses the agents, and how to change that', async () => {
    const text = await notes('strict', { 'pod-security.kubernetes.io/enforce': 'baseline' });
    assert.match(text, /admits only pods of the level "baseline"/);
    assert.match(text, /kubectl label namespace strict --overwrite pod-security.kubernetes.io\/enforce=privileged/);
    assert.match(await notes('unsaid', {}), /if your cluster's default refuses those/);
    assert.doesNotMatch(await notes('open', { 'pod-security.kubernetes.io/enforce': 'privileged' }), /kubectl label namespace/);
  });

  test('name what is set: images, webhook, removal, CRDs', async () => {
    const plain = await notes('plain', {});
    assert.match(plain, /image.repository is "scantling"/);
    assert.match(plain, /helm test scantling --namespace plain/);
    assert.match(plain, /CRDs, with your definitions and pools, stay/);
    const set = await notes(
      'set',
      {},
      'image.repository=registry.example.com/scantling',
      'webhook.enabled=true,webhook.ingress.enabled=true,webhook.ingress.host=hooks.example.com',
      'crds.keep=false,uninstall.enabled=false,admission.enabled=false,rbac.secretNames={git}',
    );
    assert.doesNotMatch(set, /! image.repository is/);
    assert.match(set, /builder.image.repository is "scantling-builder", which names no registry, though/);
    assert.match(set, /--set builder.image.repository=registry.example.com\/scantling-builder$/m);
    const both = ['image.repository=registry.example.com/scantling', 'builder.image.repository=registry.example.com/made'];
    assert.doesNotMatch(await notes('both', {}, ...both), /names no registry/);
    assert.match(
      await notes('hub', {}, 'image.repository=fleet/scantling'),
      /image.repository is "fleet\/scantling", which names no/,
    );
    assert.doesNotMatch(await notes('local', {}, 'image.repository=localhost:5000/scantling'), /! image.repository is/);
    assert.match(set, /http:\/\/hooks.example.com, path \/hooks\//);
    assert.match(set, /every definition, pool and target with them/);
    assert.match(set, /uninstall.enabled is false/);
    assert.match(set, /admission.enabled is false/);
    assert.match(set, /only these Secrets of set: git/);
  });
});
