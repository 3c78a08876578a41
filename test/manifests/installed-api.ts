/** An API server with the plain install on it, and requests under the tokens of whom that lets in. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../controller/api/meta.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { crds, manifests, resourceOf } from '../cluster/manifests.ts';
import { rawApi, type Answer, type Call, type RawApi } from './raw-api.ts';

const digest = `sha256:${'a'.repeat(64)}`;
export const targets = '/apis/scantling.dev/v1alpha1/nodetargets';
export const applyPatch = 'application/apply-patch+yaml';

export interface InstalledApi extends RawApi {
  /** As a cluster administrator. */
  admin(call: Call): Promise<Answer>;
  adminToken: string;
  tokens: {
    controller: string;
    /** Of the agent on node one: bound to the Node, and to a pod that runs there. */
    one: string;
    pod: string;
    /** Of an agent, and of no node. */
    unbound: string;
  };
}

/** What the controller writes for a node. */
export const target = (name: string) => ({
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'NodeTarget',
  metadata: { name },
  spec: {
    poolRef: { name: 'workers' },
    image: `registry.example.com/worker@${digest}`,
    digests: [digest],
    state: 'Staged',
    since: '2026-01-01T00:00:00Z',
  },
});

/** As the agent writes: server-side apply of the status subresource. */
export const applyStatus = (name: string, status: object, fieldManager = 'scantling-agent'): Call => ({
  method: 'PATCH',
  path: `${targets}/${name}/status?fieldManager=${fieldManager}&force=true`,
  contentType: applyPatch,
  body: { apiVersion: 'scantling.dev/v1alpha1', kind: 'NodeTarget', metadata: { name }, status },
});

/** Repeats a call until it answers as it should for ever: a new policy, role or CRD takes a moment to be in force. */
export async function until(call: () => Promise<Answer>, status: number): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await call();
    if (answer.status === status || attempt === 300) return answer;
    await sleep(100);
  }
}

function pathOf(object: KubeObject): string {
  const { group, version, plural, namespaced } = resourceOf(object);
  const namespace = namespaced ? `/namespaces/${object.metadata.namespace}` : '';
  return `${group === '' ? '/api' : `/apis/${group}`}/${version}${namespace}/${plural}/${object.metadata.name}`;
}

/** Starts it with the nodes `one` and `two` and a target for each, and resolves when the policies are in force. */
export async function startInstalledApi(): Promise<InstalledApi> {
  // As kubeadm and every distribution do; the agent works on the host.
  const controlPlane = await startControlPlane({ apiServerFlags: ['--allow-privileged=true'] });
  const api = rawApi(controlPlane);
  const { adminToken } = controlPlane;
  const admin = (call: Call) => api.call(adminToken, call);
  const close = async () => {
    await api.close();
    await controlPlane.stop();
  };
  try {
    await install(admin);
    return { ...api, admin, adminToken, close, tokens: await prepare(api, admin) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function install(admin: InstalledApi['admin']): Promise<void> {
  for (const object of [...crds(), ...manifests()]) {
    const path = `${pathOf(object)}?fieldManager=test&fieldValidation=Strict`;
    const answer = await admin({ method: 'PATCH', path, contentType: applyPatch, body: object });
    assert.equal(answer.status, 201, `${object.kind} ${object.metadata.name}: ${answer.body.message}`);
    assert.deepEqual(answer.warnings, [], `${object.kind} ${object.metadata.name}`);
  }
}

const uidOf = ({ body }: Answer): string => (body['metadata'] as { uid: string }).uid;

async function prepare(api: RawApi, admin: InstalledApi['admin']): Promise<InstalledApi['tokens']> {
  const make = (path: string, body: KubeObject & Record<string, unknown>) => admin({ method: 'POST', path, body });
  const one = uidOf(await make('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'one' } }));
  await make('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'two' } });
  const spec = { nodeName: 'one', serviceAccountName: 'scantling-agent', containers: [{ name: 'agent', image: 'scantling' }] };
  const pod = await make('/api/v1/namespaces/scantling-system/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'scantling-agent-one' },
    spec,
  });
  const tokens = {
    controller: await api.tokenOf('scantling-controller'),
    one: await api.tokenOf('scantling-agent', { kind: 'Node', name: 'one', uid: one }),
    pod: await api.tokenOf('scantling-agent', { kind: 'Pod', name: 'scantling-agent-one', uid: uidOf(pod) }),
    unbound: await api.tokenOf('scantling-agent'),
  };
  for (const name of ['one', 'two']) {
    const created = await until(() => api.call(tokens.controller, { method: 'POST', path: targets, body: target(name) }), 201);
    assert.equal(created.status, 201, created.body.message);
  }
  await until(() => api.call(tokens.one, applyStatus('two', { observedGeneration: 1 })), 403);
  return tokens;
}
