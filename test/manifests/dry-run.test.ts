/** Everything that is applied to a cluster is taken by the API server, with unknown fields refused: CRDs, overlays, samples, the chart. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type DryRun, objectsOf, startDryRun } from '../cluster/dry-run.ts';
import { helm } from '../cluster/helm.ts';
import { kubectl } from '../cluster/kubectl.ts';

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
  before(async () => {
    api = await startDryRun();
  });
  after(() => api?.stop());

  /** How many were asked about, and which kinds there is no API for. */
  const check = async (text: string, t: { diagnostic(message: string): void }) => {
    const objects = objectsOf(text);
    assert.ok(objects.length > 0);
    const known = objects.filter(object => api.serves(object));
    const unknown = new Set(objects.filter(object => !api.serves(object)).map(({ apiVersion, kind }) => `${apiVersion} ${kind}`));
    for (const each of unknown) {
      assert.match(each, /^monitoring\.coreos\.com\/v1 /, 'only the Prometheus operator’s API is another’s');
      t.diagnostic(`not tried: ${each}`);
    }
    if (known.length > 0) assert.equal((await api.check(known)).length, known.length);
  };

  for (const file of files) test(file, async t => check(await readFile(join(root, file), 'utf8'), t));

  for (const directory of overlays) {
    test(`${directory}/ through kustomize`, async t => {
      const { stdout } = await kubectl(['kustomize', join(root, directory)]);
      await check(stdout, t);
    });
  }

  test('the chart as it is', async t => {
    const { stdout } = await helm(['template', 'scantling', 'charts/scantling', '--namespace=scantling-system'], { cwd: root });
    await check(stdout, t);
  });

  test('nothing with a field that does not exist', async () => {
    const text = await readFile(join(root, 'manifests/base/controller.yaml'), 'utf8');
    const objects = objectsOf(text.replace('replicas:', 'replica:'));
    await assert.rejects(api.check(objects), /replica"?: field not declared in schema|unknown field "spec\.replica"/);
  });
});
