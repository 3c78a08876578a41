/** An API server that takes critical pods only where a quota allows them, as GKE's does, takes ours with the chart's. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../controller/api/meta.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { ApiError } from '../../controller/kube/errors.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { resourceOf } from '../cluster/manifests.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { until } from '../rollout/cluster.ts';
import { render } from './rendered-chart.ts';

const namespace = 'scantling-system';
const fieldManager = 'test';

const critical = ['system-cluster-critical', 'system-node-critical'];
const limits = {
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AdmissionConfiguration',
  plugins: [
    {
      name: 'ResourceQuota',
      configuration: {
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'ResourceQuotaConfiguration',
        limitedResources: [{ resource: 'pods', matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: critical }] }],
      },
    },
  ],
};

const refused = (error: unknown) => error instanceof ApiError && /insufficient quota to match these scopes/.test(error.message);

describe('where critical pods need a quota', () => {
  const directory = temporaryDirectory('priority-quota');
  let controlPlane: ControlPlane;
  let transport: Transport;
  let admin: Client;
  before(async () => {
    const file = join(directory, 'admission.json');
    writeFileSync(file, JSON.stringify(limits));
    controlPlane = await startControlPlane({
      controllers: ['resourcequota-controller'],
      apiServerFlags: [`--admission-control-config-file=${file}`],
    });
    transport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' });
    admin = createClient(transport);
    const there: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
    await admin.apply(resourceOf(there), there, { fieldManager });
  });
  after(async () => {
    await transport?.close();
    await controlPlane?.stop();
    removeDirectory(directory);
  });

  const make = (priorityClassName: string) => {
    const spec = { priorityClassName, containers: [{ name: 'any', image: 'any' }] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: priorityClassName, namespace }, spec };
    return admin.apply(resourceOf(pod), pod, { fieldManager });
  };

  test("the chart's pods are refused, and taken with its quota", async () => {
    for (const name of critical) await assert.rejects(make(name), refused);
    const quotas = (await render({ priorityQuota: { enabled: true } })).filter(o => o.kind === 'ResourceQuota');
    assert.equal(quotas.length, 1);
    for (const quota of quotas) await admin.apply(resourceOf(quota), quota, { fieldManager });
    for (const name of critical) await until(async () => assert.ok(await make(name)));
  });

  test('a second release has one of its own, for its controller only', async () => {
    const values = { priorityQuota: { enabled: true }, nameOverride: 'west', agent: { enabled: false } };
    const [quota] = (await render(values, { release: 'west' })).filter(o => o.kind === 'ResourceQuota');
    assert.equal(quota?.metadata.name, 'west-priority');
    assert.match(JSON.stringify(quota), /"values":\["system-cluster-critical"\]/);
  });
});
