/** `scantling self-test` with the rights that the chart gives it, on a real API server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { leaderLease } from '../../controller/api/names.ts';
import { selfTest } from '../../controller/cli/self-test.ts';
import { parseCommandLine } from '../../controller/command-line.ts';
import { createClient, type Client } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { LeaderElector } from '../../controller/kube/leader.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { customResourceDefinitions, install, resourceOf } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';
import { hooks, render } from '../manifests/rendered-chart.ts';
import { sink } from './sink.ts';

const namespace = 'scantling-system';

describe('scantling self-test', () => {
  let controlPlane: ControlPlane;
  let transport: Transport;
  let client: Client;
  let kubeconfig: string;

  before(async () => {
    controlPlane = await startControlPlane({ apiServerFlags: ['--allow-privileged=true'] });
    transport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' });
    client = createClient(transport);
    await install(client);
    const made = (await render(hooks)).filter(o => o.metadata.annotations?.['helm.sh/hook'] === 'test' && o.kind !== 'Pod');
    for (const object of made) await client.apply(resourceOf(object), object, { fieldManager: 'helm' });
    kubeconfig = controlPlane.kubeconfigFor(await serviceAccountToken(transport, 'scantling-self-test'));
  });
  after(async () => {
    await transport?.close();
    await controlPlane?.stop();
  });

  async function run(patienceMs: number, as = kubeconfig): Promise<{ code: number; lines: string[] }> {
    const out = sink();
    const line = parseCommandLine('self-test', ['--kubeconfig', as, `--namespace=${namespace}`]);
    const invocation = { ...line, stdout: out.stream, stderr: out.stream, signal: new AbortController().signal };
    const code = await selfTest(invocation, { patienceMs });
    return { code, lines: out.text().trim().split('\n') };
  }

  test('passes where all is well', async () => {
    const elector = new LeaderElector({
      client,
      namespace,
      name: leaderLease,
      identity: 'the-leader',
      log: createLog('silent'),
      onLost: reason => assert.fail(reason),
    });
    await elector.start();
    try {
      await until('the new policies are in force', async () => (await run(30_000)).code === 0);
      const { lines } = await run(30_000);
      assert.equal(lines.length, 11);
      assert.ok(lines.every(line => line.startsWith('ok ')));
      assert.match(lines.at(-1) ?? '', /a controller leads: the-leader/);
      const admin = await run(30_000, controlPlane.adminKubeconfig);
      assert.equal(admin.code, 0, admin.lines.join('\n'));
      assert.match(admin.lines.join('\n'), /targets are protected: the policy scantling-controller-targets is there.*"override"/);
    } finally {
      await elector.release();
    }
  });

  test('names what is wrong: no leader, no policy, no CRD', async () => {
    const none = await run(1);
    assert.equal(none.code, 1);
    assert.deepEqual(
      none.lines.filter(line => line.startsWith('failed')).map(line => line.split(':')[0]),
      ['failed  a controller leads'],
    );
    const policies = { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicyBinding' };
    const bindings = { ...policies, plural: 'validatingadmissionpolicybindings', namespaced: false } as const;
    await client.delete(bindings, 'scantling-controller-targets');
    await until('the policy is gone', async () =>
      (await run(1)).lines.some(line => /^failed {2}targets are protected/.test(line)),
    );
    const admin = await run(1, controlPlane.adminKubeconfig);
    assert(admin.lines.some(line => /^failed {2}targets are protected: .*no policy refuses it/.test(line)));
    await client.delete(customResourceDefinitions, 'systempools.scantling.dev');
    await until('the kind is gone', async () => (await run(1)).lines.some(line => /^failed {2}SystemPool: .*404/.test(line)));
  });
});
