/** Each version of Helm that is supported renders, installs, upgrades, takes back and removes the chart, after any other. No pods run here. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { helm } from '../cluster/helm.ts';
import { type HelmProgram, supportedHelm } from '../tools/helm-versions.ts';
import { everythingChanged, valuesOf } from './chart-value-effects.ts';
import { documented, HelmCluster } from './helm-cluster.ts';
import { byName, chart, objectsOf } from './rendered-chart.ts';

const root = join(import.meta.dirname, '../..');
const namespace = ['--namespace', 'scantling-system'];
const older = supportedHelm().filter(({ program }) => program !== 'helm');

describe('this chart', () => {
  test('that kubectl installed goes from Helm to Helm, and is the same under each', async t => {
    const there = await HelmCluster.start(t);
    await there.kubectl('apply', '--server-side', '--filename', join(root, 'crds'));
    await there.crdsEstablished();
    await there.kubectl('apply', '--server-side', '--kustomize', join(root, 'manifests'));
    const kept = await there.userObject();
    const upgrade = ['upgrade', 'scantling', chart, ...namespace];
    const steps: [HelmProgram, string[]][] = [
      ['helm-oldest', documented('troubleshooting.md', 'helm-oldest')],
      ['helm-3', upgrade],
      ['helm', upgrade],
      ['helm', documented('troubleshooting.md', 'helm')],
      ['helm', [...upgrade, '--server-side=false']],
      ['helm-3', ['rollback', 'scantling', ...namespace]],
      ['helm-oldest', upgrade],
    ];
    let same: unknown;
    for (const [program, args] of steps) {
      await there.run(program, args);
      const objects = await there.objects();
      assert.deepEqual(objects, (same ??= objects), `${program} ${args.join(' ')}`);
    }
    await there.run('helm-oldest', ['uninstall', 'scantling', ...namespace, '--no-hooks']);
    await kept('uninstall');
  });

  for (const { program, release } of older)
    for (const [name, values] of Object.entries({ 'as it is': {}, 'with every value changed': valuesOf(everythingChanged()) }))
      test(`is the same ${name} for Helm ${release}`, async () => {
        const input = JSON.stringify(values);
        await helm(['lint', '--strict', chart, '--values=-'], { program, input });
        const args = ['template', 'scantling', chart, ...namespace, '--values=-'];
        const [theirs, ours] = await Promise.all(
          ([program, 'helm'] as const).map(async each => byName(objectsOf((await helm(args, { program: each, input })).stdout))),
        );
        assert.ok(Object.keys(ours ?? {}).length > 20);
        assert.deepEqual(theirs, ours);
      });
});
