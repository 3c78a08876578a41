import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { pods, type ContainerStatus } from '../../controller/api/core.ts';
import { imagebuilds, type ImageBuild, type ImageBuildStatus } from '../../controller/api/image-build.ts';
import { buildLabel, defaultNamespace, platformAnnotation } from '../../controller/api/names.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { timed } from '../../controller/cli/container-log.ts';
import { logs } from '../../controller/cli/logs.ts';
import { parseCommandLine } from '../../controller/command-line.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { type KubeletLogs, startKubeletLogs } from '../cluster/kubelet-logs.ts';
import { install, resourceOf } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';

const fieldManager = 'test';
const apiVersion = 'scantling.dev/v1alpha1';
const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const ended = { terminated: { exitCode: 1 } };

test('times of a log compare as text', () => {
  assert.deepEqual(timed('2026-01-01T00:00:00.5Z a b'), { time: '2026-01-01T00:00:00.500000000', text: 'a b' });
  assert.deepEqual(timed('2026-01-01T00:00:00Z'), { time: '2026-01-01T00:00:00.000000000', text: '' });
  assert.deepEqual(timed('no time'), { time: '', text: 'no time' });
});

describe('scantling logs', () => {
  let plane: ControlPlane;
  let transport: Transport;
  let kubelet: KubeletLogs;
  before(async () => {
    plane = await startControlPlane({ apiServerFlags: ['--allow-privileged=true'] });
    transport = new Transport({ kubeConfig: loadKubeConfig(plane.adminKubeconfig), userAgent: 'test' });
    await install(admin(), { without: ['Deployment', 'DaemonSet'] });
    kubelet = await startKubeletLogs(admin(), 'builder-1');
  });
  after(async () => {
    await kubelet.stop();
    await transport.close();
    await plane.stop();
  });

  const admin = () => createClient(transport);

  async function build(name: string, status: ImageBuildStatus): Promise<ImageBuild> {
    const spec = {
      definitionRef: { name: name.slice(0, name.lastIndexOf('-')) },
      context: `sha256:${'c'.repeat(64)}`,
      base: `registry.example/base@sha256:${'b'.repeat(64)}`,
      output: { repository: 'registry.example/os' },
      execution: { timeout: '1m', lint: 'Warn' as const },
      builderVersion: '1',
    };
    const made: ImageBuild = { apiVersion, kind: 'ImageBuild', metadata: { name }, spec };
    const { metadata } = await admin().create(imagebuilds, made);
    await becomes(name, status);
    return { ...made, metadata };
  }

  async function becomes(name: string, status: ImageBuildStatus, message = status.phase ?? ''): Promise<void> {
    const lastTransitionTime = '2026-01-01T00:00:00Z';
    const conditions = [{ type: 'Ready', status: 'False' as const, reason: 'Test', message, lastTransitionTime }];
    await admin().mergePatch(imagebuilds, name, { status: { ...status, conditions } }, { fieldManager, subresource: 'status' });
  }

  /** The pod of an attempt, as the Job controller makes it. */
  async function pod(name: string, of: ImageBuild, platform: string): Promise<void> {
    const spec = {
      nodeName: 'builder-1',
      containers: [{ name: 'build', image: 'builder' }],
      serviceAccountName: 'scantling-builder',
      automountServiceAccountToken: false,
    };
    const metadata = {
      name,
      namespace: defaultNamespace,
      labels: { [buildLabel]: of.metadata.uid ?? '' },
      annotations: { [platformAnnotation]: platform },
    };
    await admin().create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  }

  async function container(name: string, state: NonNullable<ContainerStatus['state']>): Promise<void> {
    const status = {
      phase: state.terminated ? 'Failed' : 'Running',
      containerStatuses: [{ name: 'build', image: 'builder', imageID: '', ready: false, restartCount: 0, state }],
    };
    await admin().mergePatch(pods, name, { status }, { fieldManager, namespace: defaultNamespace, subresource: 'status' });
  }

  /** Runs the command beside the test. */
  function start(args: string[], kubeconfig = plane.adminKubeconfig) {
    const abort = new AbortController();
    const [out, said] = [sink(), sink()];
    const line = parseCommandLine('logs', ['--kubeconfig', kubeconfig, ...args]);
    const code = logs({ ...line, stdout: out.stream, stderr: said.stream, signal: abort.signal });
    // Its failure is looked at by who awaits it.
    code.catch(() => undefined);
    return { code, out: out.text, said: said.text, abort: () => abort.abort(new Error('stopped')) };
  }

  test('a running build is followed over broken connections and attempts to its end', async () => {
    const of = await build('edge-0000000001', { phase: 'Building', builder: 'Job' });
    await pod('edge-1-amd64-1', of, 'linux/amd64');
    const shown = start(['-f', 'edge-0000000001']);
    await until('it says where the build is', () => shown.said().includes('edge-0000000001: Building'));
    await container('edge-1-amd64-1', running);
    kubelet.write('edge-1-amd64-1', 'STEP 1', 'STEP 2');
    await until('two lines', () => shown.out() === 'STEP 1\nSTEP 2\n');
    kubelet.cut();
    kubelet.write('edge-1-amd64-1', 'STEP 3');
    await until('the third', () => shown.out() === 'STEP 1\nSTEP 2\nSTEP 3\n');
    await container('edge-1-amd64-1', ended);
    kubelet.end('edge-1-amd64-1');
    await becomes('edge-0000000001', { phase: 'Pending', attempts: 1 }, 'again in 10s');
    await pod('edge-1-amd64-2', of, 'linux/amd64');
    await container('edge-1-amd64-2', running);
    kubelet.write('edge-1-amd64-2', 'STEP 1 again');
    await until('the next attempt', () => shown.out().endsWith('STEP 1 again\n'));
    await container('edge-1-amd64-2', ended);
    kubelet.end('edge-1-amd64-2');
    await becomes('edge-0000000001', { phase: 'Succeeded' }, 'pushed it');
    assert.equal(await shown.code, 0);
    assert.equal(shown.out(), 'STEP 1\nSTEP 2\nSTEP 3\nSTEP 1 again\n');
    assert.match(shown.said(), /Pending: again in 10s[^]*Succeeded: pushed it/);
  });

  test('platforms are told apart, and a failed build ends with 1', async () => {
    const of = await build('multi-0000000002', { phase: 'Building', builder: 'Job' });
    for (const arch of ['amd64', 'arm64']) {
      await pod(`multi-2-${arch}-1`, of, `linux/${arch}`);
      await container(`multi-2-${arch}-1`, running);
      kubelet.write(`multi-2-${arch}-1`, `on ${arch}`);
    }
    const shown = start(['-f', 'multi-0000000002']);
    await until('both', () => shown.out().split('\n').length === 3);
    assert.deepEqual(shown.out().split('\n').toSorted(), ['', 'linux/amd64 | on amd64', 'linux/arm64 | on arm64']);
    for (const arch of ['amd64', 'arm64']) {
      await container(`multi-2-${arch}-1`, ended);
      kubelet.end(`multi-2-${arch}-1`);
    }
    const failure = { step: 'RUN false', message: 'exit code 1', pod: 'multi-2-arm64-1', log: ['on arm64'] };
    await becomes('multi-0000000002', { phase: 'Failed', failure });
    assert.equal(await shown.code, 1);
    assert.equal(shown.out().split('\n').length, 3, 'the kept tail is not shown a second time');
  });

  test('the kept tail of a build whose pod is gone, also by the name of its definition', async () => {
    const failure = {
      step: 'RUN dnf install nothing',
      stepNumber: 3,
      exitCode: 1,
      message: 'no match',
      platform: 'linux/amd64',
      pod: 'gone',
      log: ['Error: no match', 'bye'],
    };
    await build('office-0000000003', { phase: 'Failed', builder: 'Job', failure });
    const spec = { base: { image: 'registry.example/base:1' }, output: { repository: 'registry.example/os' } };
    const definition = { apiVersion, kind: 'SystemDefinition' as const, metadata: { name: 'office' } };
    await admin().apply(systemdefinitions, { ...definition, spec }, { fieldManager });
    const before = start(['office']);
    assert.equal(await before.code, 1);
    assert.match(before.said(), /SystemDefinition office has asked for no build yet/);
    await admin().applyStatus(
      systemdefinitions,
      { ...definition, status: { latestBuild: 'office-0000000003' } },
      { fieldManager },
    );
    const shown = start(['office']);
    assert.equal(await shown.code, 0);
    assert.equal(shown.out(), 'Error: no match\nbye\n');
    assert.match(shown.said(), /the last failure, linux\/amd64, step 3: RUN dnf install nothing: no match \(exit code 1\)/);
    assert.doesNotMatch(shown.said(), /no pod/);
    const unknown = start(['office-ffffffffff']);
    assert.equal(await unknown.code, 1);
    assert.match(
      unknown.said(),
      /no ImageBuild and no SystemDefinition office-ffffffffff; the builds of SystemDefinition office are office-0000000003/,
    );
  });

  test('a build beside the controller has nothing to follow, and says so', async () => {
    await build('beside-0000000004', { phase: 'Building', builder: 'Process' });
    const shown = start(['-f', 'beside-0000000004']);
    await until('it says so', () =>
      shown.said().includes('it runs beside the controller, and of its output only what failed is kept'),
    );
    const [first, second] = ['attempt 1 is running: step 2/3: RUN one', 'attempt 1 is running: step 3/3: RUN two'];
    for (const step of [first, second]) {
      await becomes('beside-0000000004', { phase: 'Building', builder: 'Process' }, step);
      await until('it shows the step', () => shown.said().includes(`beside-0000000004: Building: ${step}\n`));
    }
    shown.abort();
    assert.equal(await shown.code, 130);
    assert.equal(shown.out(), '');
  });

  test('who may not read pods is told, and gets what the status has', async () => {
    const failure = { step: 'RUN false', message: 'exit code 1', log: ['kept'] };
    await build('barred-0000000005', { phase: 'Failed', builder: 'Job', failure });
    const viewer = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'viewer', namespace: defaultNamespace } };
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'viewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'scantling-view' },
      subjects: [{ kind: 'ServiceAccount', name: 'viewer', namespace: defaultNamespace }],
    };
    for (const object of [viewer, binding]) await admin().create(resourceOf(object), object);
    const view = plane.kubeconfigFor(await serviceAccountToken(transport, 'viewer'));
    const shown = start(['barred-0000000005'], view);
    assert.equal(await shown.code, 0, shown.said());
    assert.equal(shown.out(), 'kept\n');
    assert.match(shown.said(), /pods is forbidden: .*; only what the ImageBuild's status has can be shown/);
    const stranger = { ...viewer, metadata: { name: 'stranger', namespace: defaultNamespace } };
    await admin().create(resourceOf(stranger), stranger);
    const barred = plane.kubeconfigFor(await serviceAccountToken(transport, 'stranger'));
    await assert.rejects(start(['barred-0000000005'], barred).code, /imagebuilds.* is forbidden/);
  });
});

/** A stream that keeps what is written to it. */
function sink(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}
