/** What the record of a control plane says of calls, each kind of which it keeps once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { secrets, type Secret } from '../../controller/api/core.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { defaultAgentNamespace, defaultNamespace, fieldManagers } from '../../controller/api/names.ts';
import { createClient, type Client } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { userAgent, version } from '../../controller/version.ts';
import { recordedCalls, type RecordedCall } from '../cluster/audit.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { manifests, resourceOf } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';

let plane: ControlPlane;
let direct: Transport;
let transport: Transport;
let controller: Client;

before(async () => {
  plane = await startControlPlane({ audit: true, deliberateRefusals: true });
  direct = new Transport({ kubeConfig: loadKubeConfig(plane.adminKubeconfig), userAgent: 'admin' });
  const admin = createClient(direct);
  const kinds = ['Namespace', 'ServiceAccount', 'Role', 'RoleBinding'];
  for (const object of manifests().filter(o => kinds.includes(o.kind))) {
    await admin.apply<KubeObject>(resourceOf(object), object, { fieldManager: 'test' });
  }
  const kubeConfig = loadKubeConfig(plane.kubeconfigFor(await serviceAccountToken(direct, 'scantling-controller')));
  transport = new Transport({ kubeConfig, userAgent: userAgent('controller') });
  controller = createClient(transport);
});
after(async () => {
  await transport?.close();
  await direct?.close();
  await plane?.stop();
});

/** In an order of their own. */
const sorted = (calls: readonly RecordedCall[]): string[] =>
  calls
    .map(call =>
      Object.entries(call)
        .map(([name, value]) => `${name}=${value}`)
        .toSorted()
        .join(' '),
    )
    .toSorted();

const copy: Secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pool-a', namespace: defaultAgentNamespace } };

test('says who asked, as whom, for what and where, and which role let it pass, or that none did', async () => {
  await until('the roles are in force', async () => {
    try {
      await controller.apply(secrets, copy, { fieldManager: fieldManagers.rollout });
      return true;
    } catch {
      return false; // The API server takes a moment to know a new binding.
    }
  });
  await controller.apply(secrets, copy, { fieldManager: fieldManagers.rollout });
  await assert.rejects(controller.list(secrets, { namespace: defaultNamespace }), /403/);
  await assert.rejects(controller.get(secrets, 'x', 'kube-system'), /403/);
  await plane.stopApiServer();

  const common = {
    user: 'system:serviceaccount:scantling-system:scantling-controller',
    userAgent: `scantling-controller/${version}`,
    group: '',
    resource: 'secrets',
  };
  const role = 'Role scantling-agents/scantling-controller';
  const { rollout: fieldManager } = fieldManagers;
  const namespace = defaultAgentNamespace;
  const expected: RecordedCall[] = [
    { ...common, verb: 'patch', namespace, role, fieldManager },
    { ...common, verb: 'create', namespace, role, fieldManager },
    { ...common, verb: 'list', namespace: defaultNamespace },
    { ...common, verb: 'get', namespace: '*' },
  ];
  const seen = (await recordedCalls(plane.directory)).filter(call => call.namespace !== namespace || call.role !== undefined);
  assert.deepEqual(sorted(seen), sorted(expected));
});
