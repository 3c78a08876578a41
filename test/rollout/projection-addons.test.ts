/** What the controller keeps of addons in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addonsAnnotation } from '../../controller/api/names.ts';
import type { NodeTarget, NodeTargetSpecAddon } from '../../controller/api/node-target.ts';
import { projectNode, projectNodeTarget } from '../../controller/rollout/projection.ts';
import { wantedBy } from '../../controller/rollout/wanted.ts';
import { addonSet, image } from './machine.ts';

const targetOf = (name: string, n: number, more: Partial<NodeTargetSpecAddon> = {}): NodeTarget => {
  const { digest, addons } = structuredClone(addonSet(n)) ?? assert.fail();
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'NodeTarget',
    metadata: { name },
    spec: {
      poolRef: { name: 'pool' },
      image: image(1).image,
      digests: [...image(1).digests],
      state: 'Staged',
      since: '2026-11-23T12:00:00Z',
      addonSet: digest,
      addons: addons.map(addon => ({ ...addon, ...more })),
    },
  };
};
const setOf = (...of: Parameters<typeof targetOf>) => projectNodeTarget(targetOf(...of)).addons;

const nodeOf = (text: string) =>
  projectNode({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', annotations: { [addonsAnnotation]: text } } });

describe('in memory', () => {
  it('a set of addons is once, however many nodes have it', () => {
    const first = setOf('a', 1);
    assert.equal(setOf('b', 1), first);
    assert.notEqual(setOf('c', 2), first);
    assert.equal(setOf('d', 1), first);
  });

  it('a set of the same digest that starts other services is another', () => {
    const plain = setOf('a', 1);
    const started = setOf('b', 1, { services: ['kubelet.service'] });
    assert.deepEqual(plain?.addons[0]?.services, undefined);
    assert.deepEqual(started?.addons[0]?.services, ['kubelet.service']);
  });

  it('what a node asks for is bounded, and more than that is refused', () => {
    const longest = Array.from({ length: 64 }, (_, i) => ({ name: `${i}`.padEnd(63, 'a'), addon: `${i}`.padEnd(63, 'b') }));
    const whole = JSON.stringify(longest, undefined, 1);
    assert.equal(nodeOf(whole).addons, whole);
    const node = nodeOf(`[${' '.repeat(100_000)}]`);
    assert.equal(node.addons?.length, 20_480);
    const os = { id: 'fedora', idLike: [] };
    const request = { asked: [], mayAsk: false, offers: new Map(), systemOf: () => ({ os, profile: [] }) };
    const { wanted } = wantedBy({ ...request, nodes: [{ ...node, labels: { 'kubernetes.io/arch': 'amd64' } }] });
    assert.equal(wanted.get('n')?.hold?.reason, 'InvalidAddons');
  });
});
