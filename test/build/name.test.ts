import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildName, imageTag, imageVersion } from '../../controller/build/name.ts';
import { sha256 } from '../../controller/registry/digest.ts';

const inputs = { context: sha256('c'), base: `r.example/base@${sha256('b')}`, output: 'r.example/os', builderVersion: '1' };

test('a build is named by all of its inputs and nothing else', () => {
  const name = buildName('worker', inputs);
  assert.match(name, /^worker-[0-9a-f]{10}$/);
  const turned = {
    builderVersion: '1',
    output: inputs.output,
    base: inputs.base,
    context: inputs.context,
    revision: 'main@sha1:0',
  };
  assert.equal(buildName('worker', turned), name, 'the commit is no input');
  const others = [
    buildName('other', inputs).replace('other', 'worker'),
    ...Object.keys(inputs).map(key => buildName('worker', { ...inputs, [key]: 'changed' })),
  ];
  const platforms = buildName('worker', { ...inputs, platforms: ['linux/amd64'] });
  assert.equal(new Set([name, ...others, platforms]).size, 7);
});

test('the version of an image names its context', () => {
  assert.equal(imageVersion('worker', `sha256:0123456789${'a'.repeat(54)}`), 'worker-0123456789');
});

test('a tag is no longer than a registry takes, and ends with the hash', () => {
  const long = buildName('w.'.repeat(100), inputs);
  assert.match(imageTag(long), /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);
  assert.equal(imageTag(long).slice(-11), long.slice(-11));
  assert.equal(imageTag('worker-0123456789'), 'worker-0123456789');
});
