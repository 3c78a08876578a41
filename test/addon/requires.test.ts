import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type HostFeatures, type Requiring, missingOf, orderByRequirements } from '../../controller/addon/requires.ts';
import type { AddonRequirements } from '../../controller/api/addon-artifact.ts';

describe('what a host lacks', () => {
  const host: HostFeatures = {
    systemd: 255,
    kernelModules: new Map([
      ['overlay', true],
      ['br_netfilter', false],
    ]),
    paths: new Map([
      ['/usr/bin/runc', true],
      ['/usr/bin/crun', false],
    ]),
  };
  const table: Record<string, { requires: AddonRequirements; host: HostFeatures; missing: string[] }> = {
    'nothing is required': { requires: {}, host, missing: [] },
    'all is there': { requires: { systemd: 255, kernelModules: ['overlay'], paths: ['/usr/bin/runc'] }, host, missing: [] },
    'nothing is known of the host': { requires: { systemd: 300, kernelModules: ['a'], paths: ['/a'] }, host: {}, missing: [] },
    'what is asked is not known': { requires: { kernelModules: ['toString'], paths: ['/usr/bin/other'] }, host, missing: [] },
    'all of it': {
      requires: { systemd: 256, kernelModules: ['overlay', 'br_netfilter'], paths: ['/usr/bin/crun'] },
      host,
      missing: ['systemd 256 or newer (here is 255)', 'kernel module br_netfilter', 'path /usr/bin/crun'],
    },
    'a module with the other sign in its name': {
      requires: { kernelModules: ['br-netfilter'] },
      host,
      missing: ['kernel module br-netfilter'],
    },
  };
  for (const [what, { requires, host, missing }] of Object.entries(table)) {
    test(what, () => assert.deepEqual(missingOf(requires, host), missing));
  }
});

const requiring = (name: string, ...addons: string[]): Requiring => ({ name, requires: { addons } });
const names = (addons: readonly Requiring[]): string[] => addons.map(({ name }) => name);

describe('the order of addons', () => {
  test('is the one given where nothing is required', () => {
    const addons = [requiring('c'), requiring('a'), { name: 'b' }];
    assert.deepEqual(orderByRequirements(addons), { ordered: addons });
  });
  test('puts before an addon all that it requires, and changes nothing else', () => {
    const order = orderByRequirements([
      requiring('shell'),
      requiring('kubelet', 'runtime'),
      requiring('agent', 'kubelet', 'tools'),
      requiring('runtime'),
      requiring('tools'),
    ]);
    assert.ok('ordered' in order);
    assert.deepEqual(names(order.ordered), ['shell', 'runtime', 'kubelet', 'tools', 'agent']);
  });
  test('passes over what is not among them', () => {
    assert.deepEqual(orderByRequirements([requiring('a', 'gone')]), { ordered: [requiring('a', 'gone')] });
  });
  test('is none for a circle, which is named in full', () => {
    const addons = [requiring('x', 'a'), requiring('a', 'b'), requiring('b', 'c'), requiring('c', 'a'), requiring('y', 'y')];
    assert.deepEqual(orderByRequirements(addons), {
      cycles: [
        ['a', 'b', 'c', 'a'],
        ['y', 'y'],
      ],
    });
  });

  const graph = fc
    .uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'))
    .chain(all =>
      fc.tuple(
        ...all.map(name =>
          fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 3 }).map(addons => requiring(name, ...addons)),
        ),
      ),
    );
  test('keeps all, with all that is required before, or proves that it cannot', () => {
    fc.assert(
      fc.property(graph, addons => {
        const order = orderByRequirements(addons);
        if ('cycles' in order) {
          for (const cycle of order.cycles) {
            assert.equal(cycle[0], cycle.at(-1));
            cycle.slice(1).forEach((name, at) => {
              const before = addons.find(addon => addon.name === cycle[at]);
              assert.ok(before?.requires?.addons?.includes(name), cycle.join(' → '));
            });
          }
          return;
        }
        const ordered = names(order.ordered);
        assert.deepEqual(ordered.toSorted(), names(addons).toSorted());
        for (const { name, requires } of addons)
          for (const required of requires?.addons ?? [])
            assert.ok(ordered.indexOf(required) < ordered.indexOf(name) || !ordered.includes(required));
      }),
    );
  });
});
