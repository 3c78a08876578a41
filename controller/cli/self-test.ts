/** `scantling self-test`: whether an installation works, as `helm test` asks it. Changes nothing: what it sends is a dry run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { leases } from '../api/core.ts';
import { messageOf } from '../api/errors.ts';
import { imagebuilds } from '../api/image-build.ts';
import { nodetargets, type NodeTarget } from '../api/node-target.ts';
import { systemaddons } from '../api/system-addon.ts';
import { systemdefinitions } from '../api/system-definition.ts';
import { systempools } from '../api/system-pool.ts';
import { systemsources } from '../api/system-source.ts';
import { trustpolicies } from '../api/trust-policy.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import { ApiError } from '../kube/errors.ts';
import { listAll } from '../kube/list-all.ts';
import { resourcePath } from '../kube/resource-path.ts';
import type { Invocation } from '../running.ts';
import { connect, type Cluster } from './cluster.ts';

/** One thing that must be so. Resolves with what was seen; throws Error with what is wrong. */
interface Check {
  name: string;
  run: () => Promise<string>;
}

const digest = `sha256:${'0'.repeat(64)}`;
/** A leader renews its Lease every few seconds; images may have to be pulled before there is one. */
const leaderPatienceMs = 120_000;

/** Prints a line for each check. Resolves with 0 when all passed, else 1. */
export async function selfTest(invocation: Invocation, { patienceMs = leaderPatienceMs } = {}): Promise<number> {
  const { stdout } = invocation;
  const cluster = await connect(invocation, 'self-test');
  try {
    let failed = 0;
    for (const { name, run } of checksOf(cluster, invocation, patienceMs)) {
      try {
        stdout.write(`ok      ${name}: ${await run()}\n`);
      } catch (error) {
        failed++;
        stdout.write(`failed  ${name}: ${messageOf(error)}\n`);
      }
    }
    return failed === 0 ? 0 : 1;
  } finally {
    await cluster.close();
  }
}

function checksOf(cluster: Cluster, { config, signal }: Invocation, patienceMs: number): Check[] {
  const kinds: readonly Resource[] = [
    systemsources,
    systemdefinitions,
    systemaddons,
    imagebuilds,
    systempools,
    nodetargets,
    trustpolicies,
  ];
  return [
    ...kinds.map(kind => ({ name: kind.kind, run: () => served(cluster, kind) })),
    { name: 'a good source is taken', run: () => accepted(cluster) },
    { name: 'a bad source is refused', run: () => refused(cluster) },
    { name: 'targets are protected', run: () => protectedTargets(cluster) },
    {
      name: 'a controller leads',
      run: () => led(cluster, { namespace: config.namespace, name: config['lease-name'], signal, patienceMs }),
    },
  ];
}

async function served({ client }: Cluster, kind: Resource): Promise<string> {
  const { items, metadata } = await client.list(kind, { limit: 1 });
  return `served, ${items.length === 0 ? 'none' : metadata.continue ? 'several' : 'one'} in the cluster`;
}

function dryRun<T>({ transport }: Cluster, resource: Resource, body: object): Promise<T> {
  return transport.request<T>({ method: 'POST', path: resourcePath(resource), query: { dryRun: 'All' }, body });
}

const source = (url: string): object => ({
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'SystemSource',
  metadata: { generateName: 'self-test-' },
  spec: { url, suspend: true },
});

async function accepted(cluster: Cluster): Promise<string> {
  const { spec } = await dryRun<{ spec?: { interval?: string } }>(
    cluster,
    systemsources,
    source('https://git.example.com/a.git'),
  );
  if (spec?.interval === undefined) throw new Error('the API server gives no defaults; are the CRDs those of this version?');
  return 'with its defaults';
}

async function refused(cluster: Cluster): Promise<string> {
  return refusal(dryRun(cluster, systemsources, source('http://git.example.com/a.git')), 422, 'a URL of plain http was taken');
}

const unprotected = 'who may write targets decides what nodes boot, since no policy refuses it (admission.enabled)';

/** The verb that the policy lets through, which cluster administrators have. */
async function mayOverride({ transport }: Cluster): Promise<boolean> {
  const { group, plural: resource } = nodetargets;
  const { status } = await transport.request<{ status: { allowed: boolean } }>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { group, resource, verb: 'override' } },
    },
  });
  return status.allowed;
}

interface Binding extends KubeObject {
  spec?: { policyName?: string; validationActions?: string[] };
}

const admission = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false } as const;
const policies: Resource = { ...admission, plural: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy' };
const bindings: Resource<Binding> = {
  ...admission,
  plural: 'validatingadmissionpolicybindings',
  kind: 'ValidatingAdmissionPolicyBinding',
};

/** For who may go round the policy, and so cannot try it. */
async function policyInForce({ client }: Cluster): Promise<string> {
  const known = new Set(await listAll(client, policies, p => p.metadata.name));
  const bound = await listAll(client, bindings, b => b);
  const found = bound.find(
    ({ metadata, spec }) =>
      metadata.name.endsWith('-controller-targets') &&
      known.has(spec?.policyName ?? '') &&
      spec?.validationActions?.includes('Deny'),
  );
  if (!found) throw new Error(unprotected);
  return `the policy ${found.spec?.policyName} is there and bound; not tried, since you have the verb "override", which it lets through`;
}

/** The account of the test may create targets as far as roles go, so that it is the policy that must refuse. */
async function protectedTargets(cluster: Cluster): Promise<string> {
  const target: NodeTarget = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'NodeTarget',
    metadata: { name: 'self-test' },
    spec: {
      poolRef: { name: 'self-test' },
      image: `registry.example.com/self-test@${digest}`,
      digests: [digest],
      state: 'Staged',
      since: '2026-01-01T00:00:00Z',
    },
  };
  if (await mayOverride(cluster)) return policyInForce(cluster);
  const said = await refusal(dryRun(cluster, nodetargets, target), 403, unprotected);
  if (!said.includes('is written by the controller')) throw new Error(`not the policy of Scantling refuses it: ${said}`);
  return said;
}

async function refusal(request: Promise<unknown>, status: number, taken: string): Promise<string> {
  try {
    await request;
  } catch (error) {
    if (error instanceof ApiError && error.status === status) return error.message;
    throw error;
  }
  throw new Error(taken);
}

/** Times are not compared with this machine's clock: a Lease is held when it is renewed while we look. */
async function led(
  { client }: Cluster,
  o: { namespace: string; name: string; signal: AbortSignal; patienceMs: number },
): Promise<string> {
  const end = performance.now() + o.patienceMs;
  let first: string | undefined;
  let last = `there is no Lease ${o.namespace}/${o.name}`;
  while (performance.now() < end) {
    try {
      const { spec } = await client.get(leases, o.name, o.namespace);
      const { holderIdentity, renewTime } = spec ?? {};
      if (holderIdentity && renewTime) {
        first ??= renewTime;
        if (renewTime !== first) return holderIdentity;
        last = `${holderIdentity} does not renew it`;
      } else last = 'nobody holds it';
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    await sleep(1000, undefined, { signal: o.signal });
  }
  throw new Error(`the controller is not there or has no rights: ${last}`);
}
