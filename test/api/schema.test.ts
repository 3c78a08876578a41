/** What crds/ tells a person who reads it with `kubectl explain`, or who writes a value that it refuses. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { policySchema } from '../../controller/api/policy-schema.ts';
import { specSchemas } from '../../controller/api/schemas.ts';
import { wordsOf } from '../../controller/source/pattern-words.ts';
import { type CustomResourceDefinition, crds } from '../cluster/manifests.ts';

interface Schema {
  description?: string;
  default?: unknown;
  pattern?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
}

/** Every schema in it, with its path. Values of lists and maps end in `[]`. */
function schemasIn(schema: Schema, path: string): [path: string, schema: Schema][] {
  const below = schema.items ?? schema.additionalProperties;
  return [
    [path, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
      schemasIn(child, path === '' ? name : `${path}.${name}`),
    ),
    ...(below ? schemasIn(below, `${path}[]`) : []),
  ];
}

function schemaOf(crd: CustomResourceDefinition): Schema {
  return (crd as object as { spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] } }).spec.versions[0].schema
    .openAPIV3Schema;
}

/** The API server describes these itself. */
const standard = ['apiVersion', 'kind', 'metadata'];

describe('schemas', () => {
  for (const crd of crds()) {
    const all = schemasIn(schemaOf(crd), '');

    test(`every field of ${crd.metadata.name} says what it is`, () => {
      const silent = all.filter(([path, s]) => !s.description && !path.endsWith('[]') && !standard.includes(path));
      assert.deepEqual(
        silent.map(([path]) => path),
        [],
      );
    });

    test(`every field of ${crd.metadata.name} that has a default says it`, () => {
      const silent = all.filter(
        ([, s]) => s.default !== undefined && typeof s.default !== 'object' && !/Default: .*\.$/s.test(s.description ?? ''),
      );
      assert.deepEqual(
        silent.map(([path]) => path),
        [],
      );
    });

    test(`no field of ${crd.metadata.name} refuses a person's value by a bare pattern where words can be afforded`, () => {
      const bare = all.filter(([path, s]) => path.startsWith('spec') && s.pattern !== undefined);
      assert.deepEqual(
        bare.map(([path]) => path).filter(path => !dear.has(path)),
        [],
      );
    });
  }

  test('what can only be a pattern has words for documents from Git, and nothing else has', () => {
    const read = [...Object.values(specSchemas), policySchema];
    const bare = read.flatMap(schema => schemasIn(schema, 'spec').flatMap(([, s]) => s.pattern ?? []));
    assert.deepEqual([...new Set(bare)].toSorted(), Object.keys(wordsOf).toSorted());
  });
});

/** A rule here would cost more than the API server allows, because there may be so many of them. */
const dear = new Set([
  'spec.users[].sshAuthorizedKeys[]',
  'spec.workloads[].containers[].env[].name',
  'spec.workloads[].containers[].volumeMounts[].mountPath',
  'spec.workloads[].containers[].secretRefs[].hostPath',
  'spec.workloads[].containers[].secretRefs[].mountPath',
  // A rule is given a time as a time, and cannot see how it is written.
  'spec.authorities[].key.notBefore',
  'spec.authorities[].key.notAfter',
  'spec.revoked[].since',
]);
