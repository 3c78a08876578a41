/** The health script and expressions of docs/gitops.md, run on what our objects say: the Lua by a Lua, the CEL by the API server. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { LuaFactory } from 'wasmoon';
import { parse } from 'yaml';
import { customResourceDefinitions, crds, established, resourceOf } from '../cluster/manifests.ts';
import { startApi, type Api } from '../kube/api-fixture.ts';
import { until } from '../kube/until.ts';
import { blocksOf, pages } from './markdown.ts';

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

const condition = (type: string, status: string, reason = 'Test'): Condition => ({
  type,
  status,
  reason,
  message: `${type} is ${status}`,
});

/** A status, with what Argo CD and Flux should make of it. The generation is 2. */
const cases: {
  name: string;
  status?: { observedGeneration?: number; conditions?: Condition[] };
  argo: string;
  current: boolean;
  failed: boolean;
}[] = [
  { name: 'no status', argo: 'Progressing', current: false, failed: false },
  {
    name: 'ready',
    status: { observedGeneration: 2, conditions: [condition('Ready', 'True')] },
    argo: 'Healthy',
    current: true,
    failed: false,
  },
  {
    name: 'ready before the last change',
    status: { observedGeneration: 1, conditions: [condition('Ready', 'True')] },
    argo: 'Progressing',
    current: false,
    failed: false,
  },
  {
    name: 'at work',
    status: { observedGeneration: 2, conditions: [condition('Ready', 'False'), condition('Reconciling', 'True')] },
    argo: 'Progressing',
    current: false,
    failed: false,
  },
  {
    name: 'stalled',
    status: { observedGeneration: 2, conditions: [condition('Ready', 'False'), condition('Stalled', 'True')] },
    argo: 'Degraded',
    current: false,
    failed: true,
  },
  {
    name: 'suspended',
    status: { observedGeneration: 2, conditions: [condition('Ready', 'Unknown', 'Suspended')] },
    argo: 'Suspended',
    current: false,
    failed: false,
  },
];

function yamlOf(holds: string): unknown {
  const block = pages()
    .flatMap(blocksOf)
    .find(({ path, text }) => path === 'docs/gitops.md' && text.includes(holds));
  assert.ok(block);
  return parse(block.text);
}

describe("Argo CD's health script", () => {
  const { data } = yamlOf('health.lua') as { data: Record<string, string> };
  const customizations = parse(data['resource.customizations'] ?? '') as Record<string, { 'health.lua': string }>;
  for (const { name, status, argo } of cases)
    it(`${name}: ${argo}`, async () => {
      const lua = await new LuaFactory().createEngine({ injectObjects: true });
      try {
        // A table as Argo CD makes it: what is absent is nil, and lists count from 1.
        await lua.doString(`obj = ${luaTable({ metadata: { generation: 2 }, ...(status ? { status } : {}) })}`);
        const health = (await lua.doString(customizations['scantling.dev/*']?.['health.lua'] ?? '')) as {
          status: string;
          message: string;
        };
        assert.equal(health.status, argo);
        assert.notEqual(health.message, '');
      } finally {
        lua.global.close();
      }
    });
});

/** A value as Lua writes it. */
function luaTable(value: unknown): string {
  if (Array.isArray(value)) return `{ ${value.map(luaTable).join(', ')} }`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, item]) => `["${key}"] = ${luaTable(item)}`)
      .join(', ')} }`;
  return JSON.stringify(value);
}

/** Flux gives an expression the object's fields as variables; a policy of the API server has them in `object`. */
const ofObject = (expression: string): string => expression.replaceAll(/\b(status|metadata)\./g, 'object.$1.');
const times = (conditions: Condition[] = []) => conditions.map(c => ({ ...c, lastTransitionTime: '2026-01-01T00:00:00Z' }));

interface Expressions {
  spec: { healthCheckExprs: { kind: string; current: string; failed: string }[] };
}

describe("Flux' health expressions", () => {
  let api: Api;
  before(async () => {
    api = await startApi();
    for (const crd of crds()) {
      await api.admin.apply(customResourceDefinitions, crd, { fieldManager: 'test' });
      await established(api.admin, crd.metadata.name);
    }
  });
  after(() => api?.stop());

  it('are true and false as kstatus says', async () => {
    const { spec } = yamlOf('healthCheckExprs') as Expressions;
    assert.deepEqual(
      spec.healthCheckExprs.map(({ kind }) => kind),
      ['SystemDefinition', 'SystemPool'],
    );
    const [, pool] = spec.healthCheckExprs;
    assert.deepEqual(spec.healthCheckExprs.map(({ current, failed }) => [current, failed])[0], [pool?.current, pool?.failed]);
    const policy = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'health' },
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: ['scantling.dev'], apiVersions: ['*'], operations: ['UPDATE'], resources: ['systempools/status'] },
          ],
        },
        validations: [
          { expression: `!(${ofObject(pool?.current ?? '')})`, message: 'is current' },
          { expression: `!(${ofObject(pool?.failed ?? '')})`, message: 'has failed' },
        ],
      },
    };
    const binding = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'health' },
      spec: { policyName: 'health', validationActions: ['Deny'] },
    };
    for (const object of [policy, binding]) await api.admin.create(resourceOf(object), object);
    const transport = api.transport();
    const path = '/apis/scantling.dev/v1alpha1/systempools';
    const spec1 = { nodeSelector: { matchLabels: { a: 'b' } }, system: { image: 'registry.example.com/a:1' } };
    const head = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', metadata: { name: 'edge' } };
    await transport.request({ method: 'POST', path, body: { ...head, spec: { ...spec1, suspend: true } } });
    await transport.request({
      method: 'PATCH',
      path: `${path}/edge`,
      contentType: 'application/merge-patch+json',
      body: { spec: { suspend: false } },
    });
    /** What the policy says of a status. */
    const judged = async (status: object): Promise<string> => {
      const body = { status };
      const request = {
        method: 'PATCH',
        path: `${path}/edge/status`,
        contentType: 'application/merge-patch+json',
        query: { dryRun: 'All' },
        body,
      } as const;
      return transport.request(request).then(
        () => '',
        (error: unknown) => String(error),
      );
    };
    const ready = { observedGeneration: 2, conditions: times([condition('Ready', 'True')]) };
    await until('the policy to hold', async () => (await judged(ready)).includes('is current'));
    for (const { name, status, current, failed } of cases) {
      if (!status) continue; // Flux looks at no expression before there is a status.
      const said = await judged({ ...status, conditions: times(status.conditions) });
      assert.deepEqual([said.includes('is current'), said.includes('has failed')], [current, failed], `${name}: ${said}`);
    }
  });
});
