/** Equal inputs give the equal context digest; what has no order in the API has none in the image. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { contextDigest } from '../../controller/build/context.ts';
import type { Input } from '../../controller/definition/files.ts';
import { render } from '../../controller/definition/render.ts';
import { listTar, specOf } from './definition-fixture.ts';

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', 'é'), minLength: 1, maxLength: 4 });
const ascii = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), minLength: 1, maxLength: 6 });
const some = <T>(value: fc.Arbitrary<T>, selector: (value: T) => unknown) => fc.uniqueArray(value, { selector, maxLength: 6 });

const spec = fc
  .record({
    // Directories and files get different first letters, so that none is both.
    files: some(
      fc.record({
        path: fc.tuple(word, word).map(([d, f]) => `/etc/D${d}/F${f}`),
        mode: fc.constantFrom('0644', '755', '0600'),
        content: fc.string({ unit: 'grapheme' }),
      }),
      file => file.path,
    ),
    units: some(
      fc.record({
        name: ascii.map(name => `${name}.service`),
        mask: fc.constant(false),
        enabled: fc.boolean(),
        contents: fc.string(),
        dropIns: some(fc.record({ name: ascii.map(name => `${name}.conf`), contents: fc.string() }), d => d.name),
      }),
      unit => unit.name,
    ),
    users: some(
      fc.record({ name: ascii, groups: some(ascii, g => g), sshAuthorizedKeys: some(ascii, key => key) }),
      user => user.name,
    ),
    kernelArguments: some(fc.string({ unit: fc.constantFrom('a', '"', '\\', '=', ','), minLength: 1 }), argument => argument),
    labels: fc.dictionary(
      ascii.map(key => `com.example.${key}`),
      word,
    ),
    packages: fc.record({ manager: fc.constant('dnf' as const), install: fc.uniqueArray(ascii, { minLength: 1 }) }),
  })
  .map(parts => specOf({ ...parts, sourceRef: { name: 'fleet', path: 'docs' }, trees }));

const trees = [
  { from: '../one', to: '/usr/share/one' },
  { from: 'two', to: '/usr/share/two/' },
];

const inputs = fc
  .tuple(
    some(fc.tuple(word, fc.uint8Array(), fc.boolean()), ([path]) => path),
    some(fc.tuple(word, word), ([path]) => path),
  )
  .map(([files, links]) => {
    const entries: [string, Input][] = files.map(([path, bytes, executable]) => [
      `one/F${path}`,
      { type: 'file', executable, bytes },
    ]);
    entries.push(['one/always', { type: 'file', executable: false, bytes: new Uint8Array(1) }]);
    for (const [path, target] of links) entries.push([`docs/two/L${path}`, { type: 'symlink', target }]);
    entries.push(['docs/two/always', { type: 'file', executable: true, bytes: new Uint8Array(2) }]);
    return entries;
  });

/** The same with every object's keys and every list without order reversed. */
function reversed(spec: SystemDefinitionSpec): SystemDefinitionSpec {
  const ordered = new Set(['kernelArguments']);
  const turn = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) {
      const turned = value.map(item => turn(item, ''));
      return ordered.has(key) ? turned : turned.toReversed();
    }
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([k, v]) => [k, turn(v, k)]),
    );
  };
  return turn(spec, '') as SystemDefinitionSpec;
}

test('the order of keys, entries and inputs does not change the digest', () => {
  fc.assert(
    fc.property(spec, inputs, (spec, inputs) => {
      const one = render({ definition: 'worker', spec, inputs: new Map(inputs) });
      const other = render({ definition: 'worker', spec: reversed(spec), inputs: new Map(inputs.toReversed()) });
      assert.equal(contextDigest(other), contextDigest(one));
      assert.deepEqual(other.layers, one.layers);
      const again = render({
        definition: 'worker',
        spec: JSON.parse(JSON.stringify(spec)) as SystemDefinitionSpec,
        inputs: new Map(inputs),
      });
      assert.equal(contextDigest(again), contextDigest(one));
    }),
  );
});

test('layers hold no directory, and tar reads them all', async () => {
  await fc.assert(
    fc.asyncProperty(spec, inputs, async (spec, inputs) => {
      for (const layer of render({ definition: 'worker', spec, inputs: new Map(inputs) }).layers) {
        for (const line of (await listTar(layer)).trim().split('\n'))
          assert.match(line, /^[-l]\S+ 0\/0 +\d+ 1970-01-01 00:00:00 (etc|usr)\//);
      }
    }),
    { numRuns: 20 },
  );
});

function digestOf(content: string, mode = '0644', more: Partial<SystemDefinitionSpec> = {}): string {
  const spec = specOf({ files: [{ path: '/etc/a', mode, content }], ...more });
  return contextDigest(render({ definition: 'worker', spec, inputs: new Map() }));
}

test('one changed byte, mode or target is another digest; another base, output or commit is not', () => {
  const digests = [
    digestOf('a'),
    digestOf('b'),
    digestOf('a', '0600'),
    digestOf('a', '0644', { kernelArguments: ['a', 'b'] }),
    digestOf('a', '0644', { kernelArguments: ['b', 'a'] }),
  ];
  assert.equal(new Set(digests).size, digests.length);
  const elsewhere = {
    base: { image: 'other.example/base:1', update: 'Always' as const, interval: '10m' },
    output: { repository: 'other.example/x' },
    sourceRef: { name: 'fleet', path: '.', revision: `main@sha1:${'a'.repeat(40)}` },
  };
  assert.equal(digestOf('a', '0644', elsewhere), digestOf('a'));
});
