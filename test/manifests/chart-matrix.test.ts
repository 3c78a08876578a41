/**
 * What the chart renders is taken by an API server, with unknown fields refused, whatever is switched on or off; and its pods are what the Pod
 * Security levels make of them. Kinds of the Prometheus operator are left out where its CRDs cannot be had.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../controller/api/meta.ts';
import { CommandError } from '../cluster/administrator-command.ts';
import { type DryRun, startDryRun } from '../cluster/dry-run.ts';
import { resourceOf } from '../cluster/manifests.ts';
import { chartValues } from '../tools/chart-values.ts';
import { everythingChanged, valuesOf } from './chart-value-effects.ts';
import { prometheusOperatorCrds } from './prometheus-operator.ts';
import { chart, hooks, render } from './rendered-chart.ts';

interface Templated extends KubeObject {
  spec: { template?: { metadata: object; spec: object } };
}

const values = chartValues(readFileSync(join(chart, 'values.yaml'), 'utf8'));
const switches = values.filter(({ default: value }) => typeof value === 'boolean').map(({ path }) => path);
const all = (value: boolean) => Object.fromEntries(switches.map(path => [path, value]));

describe('an API server takes the chart', () => {
  let api: DryRun;
  const others = prometheusOperatorCrds();
  before(async () => {
    api = await startDryRun(typeof others === 'string' ? [] : others);
  });
  after(() => api?.stop());

  const cases: Readonly<Record<string, Record<string, unknown>>> = {
    'as it is': {},
    'with everything off': { ...all(false), nameOverride: 'west' },
    'with everything on': { ...all(true) },
    'with every value changed': everythingChanged(),
  };
  for (const [name, paths] of Object.entries(cases)) {
    test(name, async () => {
      const objects = await render(valuesOf(paths));
      const known = objects.filter(object => api.serves(object));
      if (typeof others !== 'string') assert.equal(known.length, objects.length);
      assert.equal((await api.check(known)).length, known.length);
    });
  }

  /** Each pod that the chart would have made, in a namespace that enforces a level. */
  async function refusedPods(level: string): Promise<string[]> {
    const namespace = `level-${level}`;
    const labels = { 'pod-security.kubernetes.io/enforce': level };
    const there: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } };
    await api.client.apply(resourceOf(there), there, { fieldManager: 'test' });
    const objects = (await render(hooks, { namespace })) as Templated[];
    const refused: string[] = [];
    for (const account of objects.filter(o => o.kind === 'ServiceAccount'))
      await api.client.apply(resourceOf(account), account, { fieldManager: 'test' });
    for (const { kind, metadata, spec } of objects) {
      const template = kind === 'Pod' ? { metadata: { labels: metadata.labels }, spec } : spec?.template;
      if (!template) continue;
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...template.metadata, name: metadata.name, namespace },
        spec: template.spec,
      };
      try {
        await api.check([pod]);
      } catch (error) {
        if (!(error instanceof CommandError) || !error.stderr.includes('violates PodSecurity')) throw error;
        refused.push(`${kind} ${metadata.name}`);
      }
    }
    return refused.toSorted();
  }

  test('and of its pods only the agent is more than the level restricted admits', async () => {
    assert.deepEqual(await refusedPods('restricted'), ['DaemonSet scantling-agent']);
    assert.deepEqual(await refusedPods('privileged'), []);
  });
});
