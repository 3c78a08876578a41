/** Where a namespace forbids by default, every pod of ours may still connect to what it needs, and nobody to it who needs not. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ImageBuild } from '../../controller/api/image-build.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { jobManifest, type JobSettings } from '../../controller/build/job-manifest.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { hooks, objectsOf, render } from './rendered-chart.ts';

type Labels = Record<string, string>;

interface NetworkPolicy extends KubeObject {
  spec: {
    podSelector: { matchLabels: Labels; matchExpressions?: { key: string; operator: 'In'; values: string[] }[] };
    policyTypes: string[];
    ingress?: object[];
    egress?: object[];
  };
}

interface Templated extends KubeObject {
  spec: { hostNetwork?: boolean; template?: { metadata: { labels: Labels }; spec: { hostNetwork?: boolean } } };
}

/** Labels of the pods that are not in their node's network, by the name of what makes them. */
function podsOf(objects: readonly KubeObject[]): Record<string, Labels> {
  const pods: Record<string, Labels> = {};
  for (const { kind, metadata, spec } of objects as Templated[]) {
    if (kind === 'Pod') pods[metadata.name] = metadata.labels ?? {};
    if (spec?.template?.spec && !spec.template.spec.hostNetwork) pods[metadata.name] = spec.template.metadata.labels;
  }
  return pods;
}

const build: ImageBuild = {
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'ImageBuild',
  metadata: { name: 'worker-0123456789', uid: 'u' },
  spec: {
    definitionRef: { name: 'worker' },
    context: 'sha256:00',
    base: 'r.example/base@sha256:00',
    output: { repository: 'r.example/worker' },
    execution: { timeout: '20m', lint: 'Warn' },
    builderVersion: '2',
  },
};

const settings: JobSettings = {
  namespace: 'scantling-system',
  image: 'builder',
  serviceAccount: 'scantling-builder',
  registriesConfig: 'scantling-registries',
  certificateSecrets: [],
  insecureHosts: [],
};

/** The pods of builds, whatever the release is called. */
function buildPod(): Labels {
  const request = {
    platform: 'linux/amd64',
    key: 'a'.repeat(64),
    base: 'r.example/base@sha256:00',
    attempt: 1,
    interruptions: 0,
  };
  const job = jobManifest({ build, ...request }, settings);
  return podsOf([job])[job.metadata.name] ?? {};
}

function selects({ spec: { podSelector } }: NetworkPolicy, labels: Labels): boolean {
  const { matchLabels, matchExpressions = [] } = podSelector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''))
  );
}

/** What a pod may connect to and be reached by, of all policies that select it. */
function allowed(objects: readonly KubeObject[], labels: Labels): { egress: object[]; ingress: object[] } {
  const policies = objects.filter(o => o.kind === 'NetworkPolicy') as NetworkPolicy[];
  const selecting = policies.filter(policy => selects(policy, labels));
  for (const { metadata, spec } of selecting) assert.deepEqual(spec.policyTypes, ['Ingress', 'Egress'], metadata.name);
  return { egress: selecting.flatMap(p => p.spec.egress ?? []), ingress: selecting.flatMap(p => p.spec.ingress ?? []) };
}

const api = { to: [{ ipBlock: { cidr: '10.0.0.1/32' } }], ports: [{ port: 6443 }] };
const registry = { to: [{ ipBlock: { cidr: '10.0.0.2/32' } }], ports: [{ port: 443 }] };

describe('network policies', () => {
  test('let every pod of a release connect anywhere when nothing is set, and nobody in but for metrics', async () => {
    const objects = await render(hooks);
    const pods = { ...podsOf(objects), build: buildPod() };
    assert.deepEqual(Object.keys(pods).toSorted(), [
      'build',
      'scantling-controller',
      'scantling-self-test',
      'scantling-uninstall',
    ]);
    for (const [name, labels] of Object.entries(pods)) {
      const { egress, ingress } = allowed(objects, labels);
      assert.deepEqual(egress, [{}], name);
      assert.deepEqual(ingress, name === 'scantling-controller' ? [{ ports: [{ port: 'http' }] }] : [], name);
    }
  });

  test('let the pods of hooks connect where the controller does, and those of builds where they are told', async () => {
    const objects = await render({ ...hooks, networkPolicy: { egress: [api], builderEgress: [registry] } });
    for (const [name, labels] of Object.entries(podsOf(objects))) assert.deepEqual(allowed(objects, labels).egress, [api], name);
    assert.deepEqual(allowed(objects, buildPod()).egress, [registry]);
  });

  test('are of a second release too', async () => {
    const objects = await render({ ...hooks, nameOverride: 'west', agent: { enabled: false } }, { release: 'west' });
    const pods = podsOf(objects);
    assert.deepEqual(Object.keys(pods).toSorted(), ['west-controller', 'west-self-test', 'west-uninstall']);
    for (const [name, labels] of Object.entries(pods)) assert.deepEqual(allowed(objects, labels).egress, [{}], name);
    assert.deepEqual(allowed(objects, buildPod()).egress, [{}]);
  });

  test('are the same where Helm looks at no cluster, as for a comparison with what is installed', async () => {
    const [without, having] = (await Promise.all([render(), render(hooks)])).map(objects =>
      objects.filter(o => o.kind === 'NetworkPolicy'),
    );
    assert.equal(without?.length, 3);
    assert.deepEqual(without, having);
  });

  test('forbid nothing by a value that is taken away', async () => {
    for (const name of ['egress', 'builderEgress'])
      await assert.rejects(render({ networkPolicy: { [name]: null } }), new RegExp(`networkPolicy.${name}: null is no list`));
    assert.deepEqual(allowed(await render({ networkPolicy: { builderEgress: [] } }), buildPod()).egress, []);
  });

  test('are the same in the plain install, which has no hooks', async () => {
    const { stdout } = await kubectl(['kustomize', join(import.meta.dirname, '../../manifests')]);
    const objects = objectsOf(stdout);
    for (const labels of [...Object.values(podsOf(objects)), buildPod()]) assert.deepEqual(allowed(objects, labels).egress, [{}]);
    assert.ok(objects.every(o => o.kind !== 'NetworkPolicy' || !o.metadata.name.endsWith('-hooks')));
  });
});
