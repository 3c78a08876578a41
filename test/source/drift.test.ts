import assert from 'node:assert/strict';
import { test } from 'node:test';
import { specSchemas, type Schema } from '../../controller/api/schemas.ts';
import { withoutForeign } from '../../controller/source/drift.ts';

const schema = specSchemas['SystemDefinition'] as Schema;
const wanted = {
  base: { image: 'r.example.com/base:1' },
  output: { repository: 'r.example.com/out' },
  kernelArguments: ['quiet'],
  files: [{ path: '/etc/motd', content: 'hello' }],
};
/** As the API server stores it: with defaults. */
const stored = {
  ...wanted,
  files: [{ path: '/etc/motd', content: 'hello', mode: '0644' }],
  build: { timeout: '30m', suspend: false },
};

test('what the document says, with defaults, is left alone', () => {
  assert.equal(withoutForeign(wanted, stored, schema), undefined);
});

test('what others added is taken away, and nothing else', () => {
  const table: [name: string, there: object, patch: object][] = [
    ['a field', { ...stored, labels: { a: 'b' } }, { labels: null }],
    ['an item of a set', { ...stored, kernelArguments: ['debug', 'quiet'] }, { kernelArguments: ['quiet'] }],
    [
      'an item of a map list',
      { ...stored, files: [...stored.files, { path: '/etc/issue', content: '', mode: '0644' }] },
      { files: wanted.files },
    ],
    ['a field that has a default', { ...stored, files: [{ ...stored.files[0], mode: '4755' }] }, { files: wanted.files }],
    [
      'a field inside an object',
      { ...stored, output: { ...stored.output, pushSecretRef: { name: 'mine' } } },
      { output: { pushSecretRef: null } },
    ],
  ];
  for (const [name, there, patch] of table) assert.deepEqual(withoutForeign(wanted, there, schema), patch, name);
});

test('a build may be held back by hand', () => {
  assert.equal(withoutForeign(wanted, { ...stored, build: { timeout: '30m', suspend: true } }, schema), undefined);
});
