/** The controller as a process that is told of a proxy and of authorities by its environment, as the chart tells it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemsources } from '../../controller/api/system-source.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { ControllerProcess } from '../cluster/controller-process.ts';
import { startForwardProxy } from '../cluster/forward-proxy.ts';
import { startGitServer } from '../cluster/git-server.ts';
import { install } from '../cluster/manifests.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';
import { definitionYaml } from './source-fixture.ts';

test('Git servers are reached through the proxy and trusted by the authorities that the environment names', async t => {
  const directory = temporaryDirectory('proxy');
  t.after(() => removeDirectory(directory));
  const controlPlane = await startControlPlane({ apiServerFlags: ['--allow-privileged=true'] });
  t.after(() => controlPlane.stop());
  const [open, secure] = await Promise.all([startGitServer(), startGitServer({ tls: true })]);
  t.after(() => Promise.all([open.stop(), secure.stop()]));
  const { hostname, port } = new URL(open.url);
  const proxy = await startForwardProxy({ host: hostname, port: Number(port) });
  t.after(() => proxy.stop());
  const transport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' });
  t.after(() => transport.close());
  const admin = createClient(transport);
  await install(admin);

  const authorities = join(directory, 'ca.crt');
  writeFileSync(authorities, secure.certificateAuthority);
  const environment = [`HTTP_PROXY=${proxy.url}`, 'HTTPS_PROXY=http://127.0.0.1:9', `NODE_EXTRA_CA_CERTS=${authorities}`];
  const controller = new ControllerProcess({
    program: ['env', ...environment, ...(await programFor({ source: true }))],
    kubeconfig: controlPlane.kubeconfigFor(await serviceAccountToken(transport, 'scantling-controller')),
    logFile: join(directory, 'controller.log'),
  });
  t.after(() => controller.stop());
  // That it is ready shows that the API server is asked directly: nothing listens where the proxy for https should be.
  await controller.start();

  const follow = async (name: string, url: string, oid: string): Promise<void> => {
    const spec = { url, allowInsecure: true, interval: '1s' };
    const source = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemSource', metadata: { name }, spec } as const;
    await admin.apply(systemsources, source, { fieldManager: 'test' });
    await until(`${name} is applied`, async () => {
      const { status } = await admin.get(systemsources, name);
      return status?.lastAppliedRevision?.endsWith(oid) === true;
    });
  };
  const far = await (await open.createRepository('far')).commit({ 'a.yaml': definitionYaml('far') }, 'first');
  await follow('far', 'http://git.invalid/far.git', far);
  assert.ok(proxy.asked.some(line => line.endsWith(' git.invalid')));
  assert.ok(proxy.asked.every(line => !line.startsWith('CONNECT')));
  const near = await (await secure.createRepository('near')).commit({ 'b.yaml': definitionYaml('near') }, 'first');
  // Loopback is never proxied.
  await follow('near', `${secure.url}/near.git`, near);
});
