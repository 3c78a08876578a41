/** What the metrics say of addons and of the nodes that are to have them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { projectAddonFigures } from '../../controller/addon/figures.ts';
import type { NodeTargetStatusHostAddons } from '../../controller/api/node-target.ts';
import type { SystemAddon } from '../../controller/api/system-addon.ts';
import type { SystemPoolStatus } from '../../controller/api/system-pool.ts';
import { poolAddonFigures } from '../../controller/rollout/addon-figures.ts';

const seals = (...states: (NodeTargetStatusHostAddons['state'] | undefined)[]) =>
  states.map(seal => ({ pool: 'edge', ...(seal ? { seal } : {}) }));
const pool = (status: SystemPoolStatus = {}) => ({ name: 'edge', status });

describe('figures of addons on nodes', () => {
  it('are by what is merged, with those that wait for them', () => {
    const problems = [
      { reason: 'AddonsNotReady', message: 'a', nodes: 3, addons: ['kubelet', 'runtime'] },
      { reason: 'AddonsNotReady', message: 'b', nodes: 2, addons: ['runtime'] },
      { reason: 'AgentTooOld', message: 'c', nodes: 1 },
    ];
    const all = seals('Merged', 'Merged', 'Partial', 'Failed', 'None', undefined);
    assert.deepEqual(poolAddonFigures([pool({ addons: { problems } })], [...all, { pool: 'other', seal: 'Failed' }]), [
      { pool: 'edge', nodes: { merged: 2, partial: 1, failed: 1, held: 6 }, missing: { runtime: 5, kubelet: 3 } },
    ]);
  });

  it('are absent for pools that have nothing to do with addons, and there where only nodes have some', () => {
    assert.deepEqual(poolAddonFigures([pool()], seals('None', undefined)), []);
    assert.deepEqual(
      poolAddonFigures([pool()], seals('Partial')).map(f => f.nodes),
      [{ merged: 0, partial: 1, failed: 0, held: 0 }],
    );
  });

  it('name no more addons than may have series, whatever nodes ask for', () => {
    const problems = Array.from({ length: 16 }, (_, i) => ({
      reason: 'AddonsNotReady',
      message: `${i}`,
      nodes: 16 - i,
      addons: Array.from({ length: 16 }, (_, k) => `a-${i}-${k}`),
    }));
    const [figures] = poolAddonFigures([pool({ addons: { problems } })], []);
    assert.deepEqual(Object.keys(figures?.missing ?? {}), Array.from({ length: 16 }, (_, k) => `a-0-${k}`).toSorted());
  });
});

const addon = (suspend: boolean, status?: SystemAddon['status']): SystemAddon => ({
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'SystemAddon',
  metadata: { name: 'tool' },
  // Nothing else of it is counted.
  spec: { suspend, variants: [{}, {}, {}] } as SystemAddon['spec'],
  ...(status ? { status } : {}),
});

describe('figures of an addon', () => {
  const variants = [
    { platform: 'linux/amd64' as const, os: { id: 'fedora' } },
    { platform: 'linux/arm64' as const, os: { id: 'fedora' }, reason: 'ContentRefused', message: 'has /etc' },
  ];
  const table: [string, SystemAddon, [number, number, number]][] = [
    ['nobody has looked at it', addon(false), [3, 0, 0]],
    ['one is made, one failed, one is not looked at yet', addon(false, { ready: '1/3', variants }), [3, 1, 1]],
    ['it is suspended', addon(true, { ready: '1/3', variants }), [3, 1, 0]],
  ];
  for (const [name, object, counts] of table)
    it(`are right when ${name}`, () => {
      const { asked, made, failed } = projectAddonFigures(object).variants;
      assert.deepEqual([asked, made, failed], counts);
    });
});
