/** A controller with the rights of the chart's `rbac.secretNames` works with the Secrets that these name, and says which one it may not read. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import type { Condition, KubeObject } from '../../controller/api/meta.ts';
import { defaultNamespace as namespace } from '../../controller/api/names.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import { type TrustPolicy, type TrustPolicySpec, trustpolicies } from '../../controller/api/trust-policy.ts';
import { type GitServer, startGitServer } from '../cluster/git-server.ts';
import { crds, established, resourceOf } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { type Api, startApi } from '../kube/api-fixture.ts';
import { until } from '../kube/until.ts';
import { byName, render } from '../manifests/rendered-chart.ts';
import { definitionYaml } from '../source/source-fixture.ts';
import { Program } from './program.ts';

const login = { username: 'scantling', password: 'a-password-of-a-git-server' };
const fieldManager = 'test';
/** What says what the controller may do. */
const kinds = new Set(['Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding']);

describe('with rbac.secretNames', () => {
  let api: Api;
  let git: GitServer;
  let kubeconfig: string;
  before(async () => {
    [api, git] = await Promise.all([startApi({ deliberateRefusals: true }), startGitServer({ auth: login })]);
    const apply = (object: KubeObject) => api.admin.apply(resourceOf(object), object, { fieldManager });
    for (const crd of crds()) await apply(crd);
    for (const crd of crds()) await established(api.admin, crd.metadata.name);
    const objects = await render({ namespace: { create: true }, rbac: { secretNames: ['git'] } });
    const rights = Object.values(byName(objects)).filter(({ kind }) => kinds.has(kind));
    for (const object of rights.toSorted((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace')))
      await apply(object);
    kubeconfig = api.proxy.kubeconfigFor(await serviceAccountToken(api.transport(), 'scantling-controller'));
    const data = Object.fromEntries(Object.entries(login).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
    for (const name of ['git', 'other'])
      await api.admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data });
  });
  after(async () => {
    await git?.stop();
    await api?.stop();
  });

  /** A source that reads a Secret. Returns its condition Ready once it is as it should be. */
  async function ready(name: string, secret: string, status: Condition['status']): Promise<Condition> {
    const repository = await git.createRepository(name);
    await repository.commit({ 'definition.yaml': definitionYaml(name) }, 'first');
    await api.admin.apply(
      systemsources,
      {
        apiVersion: 'scantling.dev/v1alpha1',
        kind: 'SystemSource',
        metadata: { name },
        spec: { url: repository.url, allowInsecure: true, interval: '1s', secretRef: { name: secret } },
      },
      { fieldManager },
    );
    let condition: Condition | undefined;
    await until(`${name} is Ready=${status}`, async () => {
      condition = conditionOf((await api.admin.get(systemsources, name)).status?.conditions, 'Ready');
      return condition?.status === status;
    }).catch((error: unknown) => {
      throw new Error(JSON.stringify(condition), { cause: error });
    });
    assert.ok(condition);
    return condition;
  }

  /** What a policy with a key in the Secret says of it. */
  async function unread(secret: string): Promise<string> {
    const key = { secretRef: { name: secret }, transparencyLog: 'Ignored' as const };
    const spec = { scope: { prefix: `${secret}.example.com` }, authorities: [{ name: 'release', key }] } as TrustPolicySpec;
    const policy = { apiVersion: 'scantling.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name: secret }, spec } as const;
    await api.admin.apply<TrustPolicy>(trustpolicies, policy, { fieldManager });
    let condition: Condition | undefined;
    await until(`TrustPolicy ${secret} is not Ready`, async () => {
      condition = conditionOf((await api.admin.get(trustpolicies, secret)).status?.conditions, 'Ready');
      return condition?.status === 'False';
    });
    return `${condition?.reason}: ${condition?.message}`;
  }

  it('a controller is ready, reads the Secret that is named, and says of another that it may not', async t => {
    const program = await Program.start(t, 'controller', { kubeconfig, builders: 'process' });
    await program.untilReady();
    assert.deepEqual(
      program.said('warn').filter(({ precondition }) => precondition),
      [],
      'nothing is missing: it is meant so',
    );
    await ready('named', 'git', 'True');
    assert.match(await unread('git'), /^SecretNotFound: authority release: Secret git has no key cosign\.pub$/);
    assert.match(
      await unread('other'),
      /^KeyUnreadable: authority release: the API server answered 403 \(Forbidden\) for the Secret scantling-system\/other$/,
    );
    const { reason, message } = await ready('unnamed', 'other', 'False');
    t.diagnostic(`${reason}: ${message}`);
    assert.equal(reason, 'Forbidden');
    assert.match(message, /answered 403 \(Forbidden\) for the Secret scantling-system\/other$/);
    assert.doesNotMatch(message, new RegExp(login.password));
    assert.equal(program.running, true);
  });
});
