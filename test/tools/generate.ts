/**
 * Writes what is generated from the CRDs in crds/: TypeScript types (controller/api/<kind>.ts), schemas (controller/api/schemas.ts),
 * with the roles of manifests/ what the program needs at its start (controller/preconditions/needed.ts), and the reference pages under
 * docs/ from crds/ and the tables of flags and metrics.
 * `--check` writes nothing and exits 1 when a file differs, which is what the test does.
 */
import { readFileSync, readdirSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import { manifests } from '../cluster/manifests.ts';
import { hostAddonFiles } from './host-addons.ts';
import { neededText } from './needed.ts';
import { permissionsReference } from './permissions-page.ts';
import { chartFlags } from './chart-flags.ts';
import { chartReference } from './chart-values.ts';
import { cliReference } from './cli-reference.ts';
import { apiReference, conditionsReference, flagsReference, metricsReference } from './reference.ts';
import { eventsReference, logsReference, tracesReference } from './telemetry-reference.ts';

export interface Crd {
  spec: {
    group: string;
    names: { kind: string; plural: string; shortNames: string[] };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}

/** The part of an OpenAPI v3 schema that the generator reads. */
export interface Schema {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: string[];
  default?: unknown;
  enum?: unknown[];
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-validations'?: { rule: string; message?: string }[];
  [key: string]: unknown;
}

const root = join(import.meta.dirname, '../..');

/** 'SystemSource' → 'system-source': the name of the generated file. */
export function fileName(kind: string): string {
  return kind.replace(/(?<!^)[A-Z]/g, c => `-${c}`).toLowerCase();
}

/** Turns a CRD's schema into one whose compiled type is what a person would write: named nested interfaces, defaults present, CEL messages as comments. */
function forTypes(schema: Schema, name: string): JSONSchema {
  if (schema['x-kubernetes-int-or-string']) return { tsType: 'number | string', description: comment(schema) };
  if (schema.type === 'array') {
    const items = schema.items ?? {};
    if (name.endsWith('Conditions')) return { tsType: 'Condition[]', description: comment(schema) };
    return { type: 'array', description: comment(schema), items: forTypes(items, singular(name)) };
  }
  if (schema.type === 'object' && schema.properties) {
    const required = new Set(schema.required ?? []);
    const properties: Record<string, JSONSchema> = {};
    for (const [key, value] of Object.entries(schema.properties)) {
      properties[key] = forTypes(value, name + key[0]?.toUpperCase() + key.slice(1));
      if (value.default !== undefined) required.add(key);
    }
    return {
      type: 'object',
      title: name,
      description: comment(schema),
      properties,
      required: [...required],
      additionalProperties: false,
    };
  }
  if (schema.type === 'object' && schema.additionalProperties) {
    return {
      type: 'object',
      description: comment(schema),
      additionalProperties: forTypes(schema.additionalProperties, `${name}Value`),
    };
  }
  return { type: schema.type, description: comment(schema), ...(schema.enum ? { enum: schema.enum } : {}) } as JSONSchema;
}

function singular(name: string): string {
  return name.endsWith('ies') ? `${name.slice(0, -3)}y` : name.replace(/s$/, '');
}

function comment(schema: Schema): string | undefined {
  const rules = (schema['x-kubernetes-validations'] ?? []).map(v => `Rule: ${v.message ?? v.rule}.`);
  return [schema.description, ...rules].filter(Boolean).join('\n') || undefined;
}

/** Compiles one CRD file's text to the TypeScript of its kind. */
export async function typesOf(crdText: string): Promise<{ kind: string; text: string }> {
  const crd = parse(crdText) as Crd;
  const { kind, plural } = crd.spec.names;
  const version = crd.spec.versions[0];
  if (!version) throw new Error(`${kind}: no version`);
  const schema = version.schema.openAPIV3Schema;
  const top = forTypes(schema, kind) as { properties: Record<string, JSONSchema>; required: string[] };
  top.properties['apiVersion'] = { tsType: `'${crd.spec.group}/${version.name}'` };
  top.properties['kind'] = { tsType: `'${kind}'` };
  top.properties['metadata'] = { tsType: 'ObjectMeta' };
  top.required = ['apiVersion', 'kind', 'metadata', 'spec'];
  const body = await compile(top, kind, {
    bannerComment: '',
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    format: false,
  });
  const text = `// Generated from crds/${plural}.yaml by \`npm run generate\`. Do not edit.
import type { Condition, ObjectMeta } from './meta.ts';
import type { Resource } from './resource.ts';

export const ${plural}: Resource<${kind}> = { group: '${crd.spec.group}', version: '${version.name}', plural: '${plural}', kind: '${kind}', namespaced: false };

${body}`;
  return { kind, text: await format(text, { ...(await resolveConfig(join(root, 'package.json'))), parser: 'typescript' }) };
}

/** The kinds that may come from a repository; their schemas are needed at run time to name file and line of what is wrong. */
const documentKinds = ['SystemDefinition', 'SystemAddon', 'SystemPool'];

/** A rule that is a pattern with words: what does not match it is refused with them. */
const patternRule = /^self\.matches\(r?'([^']*)'\)$/;

/** The schema without what the API server alone uses. Its rules stay where they are patterns, with the words for what does not match. */
function forDecoding(schema: Schema): Schema {
  const { description: _description, 'x-kubernetes-validations': rules = [], ...rest } = schema;
  const matches = rules.flatMap(({ rule, message }) => {
    const pattern = patternRule.exec(rule)?.[1];
    return pattern === undefined || message === undefined ? [] : [{ pattern, message }];
  });
  return {
    ...rest,
    ...(matches.length > 0 ? { matches } : {}),
    ...(schema.properties
      ? { properties: Object.fromEntries(Object.entries(schema.properties).map(([name, s]) => [name, forDecoding(s)])) }
      : {}),
    ...(schema.additionalProperties ? { additionalProperties: forDecoding(schema.additionalProperties) } : {}),
    ...(schema.items ? { items: forDecoding(schema.items) } : {}),
  };
}

/** controller/api/schemas.ts: the spec schema of each kind that may come from a repository. */
export async function schemasOf(crdTexts: readonly string[]): Promise<string> {
  const crds = crdTexts.map(text => parse(text) as Crd).filter(crd => documentKinds.includes(crd.spec.names.kind));
  const specs = crds.map(crd => [
    crd.spec.names.kind,
    forDecoding(crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.['spec'] ?? {}),
  ]);
  const text = `// Generated from crds/ by \`npm run generate\`. Do not edit.
/* oxlint-disable max-lines */

/** The part of an OpenAPI v3 schema that our CRDs use. */
export interface Schema {
  type?: string;
  format?: string;
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: readonly string[];
  default?: unknown;
  enum?: readonly unknown[];
  pattern?: string;
  /** Patterns, each with what to say of a text that does not match. */
  matches?: readonly { pattern: string; message: string }[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
}

/** The schema of spec, by kind, of the kinds that may come from a repository. */
export const specSchemas: Readonly<Record<string, Schema>> = ${JSON.stringify(Object.fromEntries(specs))};
`;
  return format(text, { ...(await resolveConfig(join(root, 'package.json'))), parser: 'typescript' });
}

/** controller/api/policy-schema.ts: the spec schema of TrustPolicy, which commands read from files. */
export async function policySchemaOf(crdTexts: readonly string[]): Promise<string> {
  const crd = crdTexts.map(text => parse(text) as Crd).find(({ spec }) => spec.names.kind === 'TrustPolicy');
  const schema = forDecoding(crd?.spec.versions[0]?.schema.openAPIV3Schema.properties?.['spec'] ?? {});
  const text = `// Generated from crds/trustpolicies.yaml by \`npm run generate\`. Do not edit.
/* oxlint-disable max-lines */
import type { Schema } from './schemas.ts';

/** The schema of the spec of a TrustPolicy. */
export const policySchema: Schema = ${JSON.stringify(schema)};
`;
  return format(text, { ...(await resolveConfig(join(root, 'package.json'))), parser: 'typescript' });
}

function chartFile(name: string): string {
  return readFileSync(join(root, 'charts/scantling', name), 'utf8');
}

/** Every generated file with the text it should have, keyed by its path from the root. */
export async function generated(): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  for (const file of readdirSync(join(root, 'crds'))
    .filter(f => f.endsWith('.yaml'))
    .toSorted()) {
    const { kind, text } = await typesOf(readFileSync(join(root, 'crds', file), 'utf8'));
    out.set(`controller/api/${fileName(kind)}.ts`, text);
  }
  const crdTexts = readdirSync(join(root, 'crds'))
    .filter(f => f.endsWith('.yaml'))
    .map(f => readFileSync(join(root, 'crds', f), 'utf8'));
  out.set('controller/api/schemas.ts', await schemasOf(crdTexts));
  out.set('controller/api/policy-schema.ts', await policySchemaOf(crdTexts));
  const prettier = { ...(await resolveConfig(join(root, 'package.json'))), parser: 'typescript' };
  out.set('controller/preconditions/needed.ts', await format(neededText(crdTexts, manifests()), prettier));
  out.set('controller/host-addons/files.ts', await format(hostAddonFiles(), prettier));
  const pages = {
    'docs/api.md': apiReference(crdTexts),
    'docs/conditions.md': conditionsReference(),
    'docs/cli.md': cliReference(),
    'docs/flags.md': flagsReference(),
    'docs/metrics.md': metricsReference(),
    'docs/events.md': eventsReference(),
    'docs/logs.md': logsReference(),
    'docs/spans.md': tracesReference(),
    'docs/permissions.md': permissionsReference(),
    'charts/scantling/README.md': chartReference(chartFile('Chart.yaml'), chartFile('values.yaml')),
  };
  out.set('charts/scantling/files/flags.yaml', chartFlags());
  for (const [path, text] of Object.entries(pages)) out.set(path, await format(text, { parser: 'markdown' }));
  return out;
}

if (import.meta.main) {
  const check = process.argv.includes('--check');
  let stale = 0;
  for (const [path, text] of await generated()) {
    const full = join(root, path);
    if (existsSync(full) && readFileSync(full, 'utf8') === text) continue;
    stale++;
    if (check) console.error(`${path} is not what its source generates: run \`npm run generate\` and commit the result`);
    else writeFileSync(full, text);
  }
  if (check && stale > 0) process.exitCode = 1;
}
