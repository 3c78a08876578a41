/** Fields of our kinds and values of the chart that pages name are there: `spec.rollout.maxUnavailable`, `status.host.failed`, `crds.keep`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { crds, type CustomResourceDefinition } from '../cluster/manifests.ts';
import { type Page, pages, root } from './markdown.ts';

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
}

interface Served extends CustomResourceDefinition {
  spec: CustomResourceDefinition['spec'] & { versions: { schema: { openAPIV3Schema: Schema } }[] };
}

/** Of kinds that are not ours: a Plan of system-upgrade-controller, a CRD. */
const foreign: readonly string[] = ['spec.window', 'spec.versions'];

const objects = crds().flatMap(crd => (crd as Served).spec.versions.map(({ schema }) => schema.openAPIV3Schema));
const specs = objects.flatMap(schema => schema.properties?.['spec'] ?? []);
const chart = JSON.parse(readFileSync(join(root, 'charts/scantling/values.schema.json'), 'utf8')) as Schema;
const values = parse(readFileSync(join(root, 'charts/scantling/values.yaml'), 'utf8')) as Record<string, unknown>;

/** Whether a schema has a path; below a field that says nothing of its content everything may be. */
function has(schema: Schema, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  const within = schema.items ?? schema;
  if (!within.properties && typeof within.additionalProperties !== 'object')
    return within.additionalProperties !== false && within !== chart;
  const next = within.properties?.[first] ?? within.additionalProperties;
  return typeof next === 'object' && has(next, rest);
}

const begins = (schema: Schema, first: string): boolean => Object.hasOwn(schema.properties ?? {}, first);

/** Whether a path begins as one of ours, and is none. */
function missing(path: string): boolean {
  const parts = path
    .replaceAll(/\[[^\]]*\]/g, '')
    .split('.')
    .filter(Boolean);
  const [first = ''] = parts;
  if (foreign.includes(path)) return false;
  if (first === 'spec' || first === 'status') return !objects.some(schema => has(schema, parts));
  const ours = [...specs.filter(spec => begins(spec, first)), ...(Object.hasOwn(values, first) ? [chart] : [])];
  return ours.length > 0 && !ours.some(schema => has(schema, parts));
}

/** `a.b`, `a.b[].c` in code, and JSON paths of commands. */
function pathsOf({ text }: Page): string[] {
  const inCode = [...text.matchAll(/`\.?([a-z]\w*(?:\[[^\]`]*\])?(?:\.[a-z]\w*(?:\[[^\]`]*\])?)+)(?::[^`]*)?`/g)].map(
    match => match[1] ?? '',
  );
  const inCommands = [...text.matchAll(/[{:\s]\.((?:spec|status)(?:\.\w+(?:\[[^\]]*\])?)+)/g)].map(match => match[1] ?? '');
  return [...new Set([...inCode, ...inCommands])];
}

describe('fields that a page names', () => {
  for (const page of pages().filter(({ path }) => !path.startsWith('docs/adr/') && path !== 'docs/api.md'))
    test(page.path, () => assert.deepEqual(pathsOf(page).filter(missing), []));
});

test('a field that does not exist is found, in a page and in a command', () => {
  const text = '`rollout.windows`, `spec.rollout.maxUnavailable`, `crds.keeps`, `crds.keep`\n  -o jsonpath={.status.host.fail}';
  assert.deepEqual(pathsOf({ path: 'x.md', text }).filter(missing), ['rollout.windows', 'crds.keeps', 'status.host.fail']);
});
