/** Everything that is applied to a cluster is taken by the API server, with unknown fields refused: CRDs, overlays, samples, the chart. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type DryRun, objectsOf, startDryRun } from '../cluster/dry-run.ts';
import { helm } from '../cluster/helm.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { chartValues } from '../tools/chart-values.ts';
import { prometheusOperatorCrds } from './prometheus-operator.ts';

const root = join(import.meta.dirname, '../..');
const files = globSync(['crds/*.yaml', 'manifests/samples/*.yaml'], { cwd: root })
  .filter(file => !file.endsWith('kustomization.yaml'))
  .toSorted();
/** Components are no installation by themselves. */
const overlays = globSync('manifests/**/kustomization.yaml', { cwd: root })
  .map(dirname)
  .filter(directory => directory !== 'manifests/images')
  .toSorted();

describe('the API server takes', () => {
  let api: DryRun;
  const others = prometheusOperatorCrds();
  before(async () => {
    api = await startDryRun(typeof others === 'string' ? [] : others);
  });
  after(() => api?.stop());

  /** Kinds of the Prometheus operator are left out where its CRDs are not there, and nothing else. */
  const check = async (text: string) => {
    const objects = objectsOf(text);
    assert.ok(objects.length > 0);
    const unknown = objects.filter(object => !api.serves(object)).map(({ apiVersion, kind }) => `${apiVersion} ${kind}`);
    assert.deepEqual(
      unknown.filter(each => typeof others !== 'string' || !each.startsWith('monitoring.coreos.com/')),
      [],
    );
    const known = objects.filter(object => api.serves(object));
    if (known.length > 0) assert.equal((await api.check(known)).length, known.length);
  };

  test('what is for the Prometheus operator', { skip: typeof others === 'string' && others }, () =>
    assert.ok(api.serves({ apiVersion: 'monitoring.coreos.com/v1', kind: 'PodMonitor', metadata: { name: 'x' } })),
  );

  for (const file of files) test(file, async () => check(await readFile(join(root, file), 'utf8')));

  for (const directory of overlays) {
    test(`${directory}/ through kustomize`, async () => {
      const { stdout } = await kubectl(['kustomize', join(root, directory)]);
      await check(stdout);
    });
  }

  const chart = ['template', 'scantling', 'charts/scantling', '--namespace=scantling-system'];
  test('the chart as it is', async () => check((await helm(chart, { cwd: root })).stdout));

  test('the chart with all on that can be on', async () => {
    const values = chartValues(await readFile(join(root, 'charts/scantling/values.yaml'), 'utf8'));
    const off = values.filter(({ path, default: value }) => /\.(?:enabled|create|withoutCluster)$/.test(path) && value === false);
    assert.ok(off.length > 5);
    const { stdout } = await helm(
      [...chart, ...off.map(({ path }) => `--set=${path}=true`), '--set=webhook.ingress.host=hooks.example.com'],
      { cwd: root },
    );
    await check(stdout);
  });

  test('nothing with a field that does not exist', async () => {
    const text = await readFile(join(root, 'manifests/base/controller.yaml'), 'utf8');
    const objects = objectsOf(text.replace('replicas:', 'replica:'));
    await assert.rejects(api.check(objects), /replica"?: field not declared in schema|unknown field "spec\.replica"/);
  });
});
