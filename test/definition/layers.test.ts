/** How finish layers are split, and which are shared between definitions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import type { Plan } from '../../controller/build/context.ts';
import { render } from '../../controller/definition/render.ts';
import { inputsOf, specOf } from './definition-fixture.ts';

const sourceRef = { name: 'fleet', path: '.' };

const layersOf = (spec: Partial<SystemDefinitionSpec>, files: Record<string, string>): Plan['layers'] =>
  render({ definition: 'worker', spec: specOf({ sourceRef, ...spec }), inputs: inputsOf(files) }).plan.layers;

const trees = [
  { from: 'b', to: '/usr/share/b' },
  { from: 'a', to: '/usr/share/a/' },
];
const repository = { 'a/x': '1', 'b/x': '2', 'c/x': '3' };
const files = [{ path: '/etc/motd', mode: '0644', content: 'a' }];

test('what changes often is last, and each tree is a layer', () => {
  assert.deepEqual(
    layersOf({ trees, files, kernelArguments: ['quiet'] }, repository).map(({ comment }) => comment),
    ['system: kernel arguments, users, units', 'tree: /usr/share/a', 'tree: /usr/share/b', 'files'],
  );
});

const shared = (layers: Plan['layers']): string[] =>
  layers.filter(({ comment }) => /tree: .*[ab]$/.test(comment)).map(({ digest }) => digest);

test('a definition shares the layers of its trees with others, whatever else they hold', () => {
  const one = layersOf({ trees, files, kernelArguments: ['quiet'] }, repository);
  const other = layersOf(
    { trees: [{ from: 'c', to: '/usr/share/0' }, ...trees.toReversed()], users: [{ name: 'core' }] },
    repository,
  );
  assert.equal(shared(one).length, 2);
  assert.deepEqual(shared(one), shared(other));
});

test('changing a file changes one layer', () => {
  const one = layersOf({ trees, files, kernelArguments: ['quiet'] }, repository);
  const other = layersOf({ trees, files, kernelArguments: ['quiet'] }, { ...repository, 'a/x': 'new' });
  const changed = other.filter(({ digest }) => !one.some(layer => layer.digest === digest));
  assert.deepEqual(
    changed.map(({ comment }) => comment),
    ['tree: /usr/share/a'],
  );
});

test('there are never more than 20 layers', () => {
  const many = Array.from({ length: 100 }, (_, i) => `t${String(i).padStart(2, '0')}`);
  const layers = layersOf(
    { files, kernelArguments: ['quiet'], trees: many.map(name => ({ from: name, to: `/usr/share/${name}` })) },
    Object.fromEntries(many.map(name => [`${name}/x`, name])),
  );
  assert.equal(layers.length, 18);
  assert.equal(layers.at(-3)?.comment, 'tree: /usr/share/t14');
  assert.equal(layers.at(-2)?.comment, 'trees: 85 more');
});
