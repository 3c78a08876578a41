/** What a key may sign is said by its Secret, in prefixes that are matched by whole segments. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signingRefusal } from '../../controller/build/signing-scope.ts';

const repository = 'registry.example.com/systems/edge';

const refusal = (signs: string | undefined, of = repository): string | undefined =>
  signingRefusal(
    {
      namespace: 'scantling-system',
      name: 'release',
      annotations: { other: repository, ...(signs === undefined ? {} : { 'scantling.dev/signs': signs }) },
    },
    of,
  );

for (const signs of [
  repository,
  'registry.example.com/systems',
  'registry.example.com/systems/',
  'registry.example.com',
  'REGISTRY.example.com:443/systems',
  'example.com/other,registry.example.com/systems',
  'example.com/other\nregistry.example.com/systems\n',
  ' example.com/other , registry.example.com/systems/edge ',
])
  test(`${JSON.stringify(signs)} lets the key sign`, () => assert.equal(refusal(signs), undefined));

for (const signs of [
  undefined,
  '',
  ' , ',
  '/',
  '*',
  'example.com',
  'registry.example.com/system',
  'registry.example.com/systems/edge/arm',
  'registry.example.com/Systems',
  'registry.example.com.evil.example/systems',
])
  test(`${JSON.stringify(signs)} does not`, () => assert.match(refusal(signs) ?? '', /may sign/));

test('a refusal names Secret and repository, and the command that allows it beside what is allowed already', () => {
  assert.equal(
    refusal(undefined),
    'Secret scantling-system/release may sign nothing (annotation scantling.dev/signs), and not registry.example.com/systems/edge; to allow it: ' +
      "kubectl --namespace scantling-system annotate secret release 'scantling.dev/signs=registry.example.com/systems/edge'",
  );
  assert.equal(
    refusal("example.com/a,b'$(reboot)"),
    'Secret scantling-system/release may sign only example.com/a (annotation scantling.dev/signs), and not registry.example.com/systems/edge; to allow it: ' +
      "kubectl --namespace scantling-system annotate secret release --overwrite 'scantling.dev/signs=example.com/a,registry.example.com/systems/edge'",
  );
  assert.match(refusal('*') ?? '', /may sign only what no name is/);
});
