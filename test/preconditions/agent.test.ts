/** The same for an agent: it says what is missing beside its work, and goes on. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { nodes } from '../../controller/api/core.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { createFakeHost } from '../cluster/host/fake-host.ts';
import { crds, customResourceDefinitions, established, install, manifests, resourceOf } from '../cluster/manifests.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry, type RegistryServer } from '../cluster/registry.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { startApi, type Api } from '../kube/api-fixture.ts';
import { Program } from './program.ts';

let api: Api;
let registry: RegistryServer;
let token: string;
let image: { image: string; digest: string };
before(async () => {
  api = await startApi({ deliberateRefusals: true });
  registry = await startRegistry();
  await install(api.admin, { without: ['Deployment', 'DaemonSet'] });
  const base = await pushBaseImage({ registry: registry.host });
  image = { image: base.image, digest: base.platforms['amd64'] ?? '' };
  const node = await api.admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
  token = await serviceAccountToken(api.transport(), 'scantling-agent', { name: 'node-1', uid: node.metadata.uid ?? '' });
});
after(async () => {
  await registry?.stop();
  await api?.stop();
});

async function start(t: TestContext, flags: Record<string, string> = {}): Promise<Program> {
  const directory = join(temporaryDirectory('agent'), 'host');
  mkdirSync(directory);
  const host = createFakeHost({ directory, version: 'next', architecture: 'amd64', booted: image });
  const kubeconfig = api.proxy.kubeconfigFor(token);
  return Program.start(t, 'agent', {
    kubeconfig,
    'node-name': 'node-1',
    'host-root': host.root,
    'host-path': host.path,
    ...flags,
  });
}

async function clearlySaid(program: Program, words: RegExp): Promise<string> {
  const text = await program.untilUnready(words);
  const lines = program.said().filter(({ msg }) => words.test(msg));
  assert.equal(lines.length, 1);
  assert.ok(text.includes(`cluster: ${lines[0]?.msg}`), text);
  assert.equal(program.running, true);
  return lines[0]?.msg ?? '';
}

describe('an agent', () => {
  it('finds all that it needs', async t => {
    const program = await start(t);
    await program.untilReady();
    assert.deepEqual(program.said(), []);
  });

  it('asks once more where the API server is busy', async t => {
    const busy = api.proxy.fail(({ path }) => path === '/version', { status: 429, retryAfter: 1, times: 1 });
    t.after(() => busy.remove());
    const program = await start(t);
    await program.untilReady();
    assert.equal(busy.hits, 1);
    assert.deepEqual(program.said(), []);
  });

  it('says that its CRD is missing', async t => {
    const crd = crds().find(({ spec }) => spec.names.kind === 'NodeTarget');
    assert.ok(crd);
    const put = async () => {
      await api.admin.apply(customResourceDefinitions, crd, { fieldManager: 'kubectl' });
      await established(api.admin, crd.metadata.name);
    };
    await api.admin.delete(customResourceDefinitions, crd.metadata.name);
    t.after(put);
    const program = await start(t);
    assert.match(await clearlySaid(program, /not installed/), /^not installed: the CRD nodetargets\.scantling\.dev/);
    await put();
    await program.untilReady();
  });

  it('names the rule that is missing', async t => {
    const role = manifests().find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'scantling-agent');
    assert.ok(role);
    const put = (object: typeof role) => api.admin.apply(resourceOf(object), object, { fieldManager: 'kubectl' });
    await put({ ...role, rules: [] } as typeof role);
    t.after(() => put(role));
    const program = await start(t);
    const line = await clearlySaid(program, /lacks permissions/);
    assert.match(
      line,
      /^system:serviceaccount:scantling-system:scantling-agent lacks .*ClusterRole scantling-agent.*\[nodetargets\]/,
    );
    await put(role);
    await program.untilReady();
  });

  it('says that the API server is too old, and that it is on another Node', async t => {
    const body = JSON.stringify({ major: '1', minor: '30', gitVersion: 'v1.30.1' });
    const fault = api.proxy.fail(({ path }) => path === '/version', { status: 200, body });
    t.after(() => fault.remove());
    assert.match(await clearlySaid(await start(t), /v1\.30\.1/), /needs 1\.32 or newer/);
    fault.remove();
    const elsewhere = await start(t, { 'node-name': 'node-2' });
    assert.match(
      await clearlySaid(elsewhere, /--node-name/),
      /^this pod runs on the Node node-1, and --node-name is node-2: set it/,
    );
  });
});
