/** What a CRD lets an object say, as a list of fields that can be compared: pure. */
import { some, type Finding } from './finding.ts';

/** The part of an OpenAPI v3 schema that is compared. */
export interface FieldSchema {
  properties?: Readonly<Record<string, FieldSchema>>;
  items?: FieldSchema;
  additionalProperties?: FieldSchema | boolean;
  enum?: readonly unknown[];
}

/** What every object has. */
const ofEveryObject = new Set(['apiVersion', 'kind', 'metadata']);

/** Every field below spec and status, as `spec.images[].name`, and every value of an enumeration, as `spec.state=Booted`; sorted. */
export function fieldsOf(schema: FieldSchema): string[] {
  const own = Object.entries(schema.properties ?? {}).filter(([name]) => !ofEveryObject.has(name));
  return own.flatMap(([name, child]) => fieldsBelow(child, name)).toSorted();
}

function fieldsBelow(schema: FieldSchema, path: string): string[] {
  const values = (schema.enum ?? []).map(value => `${path}=${String(value)}`);
  const named = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => fieldsBelow(child, `${path}.${name}`));
  const items = schema.items ? fieldsBelow(schema.items, `${path}[]`).slice(1) : [];
  const { additionalProperties } = schema;
  const others = typeof additionalProperties === 'object' ? fieldsBelow(additionalProperties, `${path}.*`).slice(1) : [];
  return [path, ...values, ...named, ...items, ...others];
}

/** A CRD that the program needs. */
export interface NeededCrd {
  /** As `systempools.scantling.dev`. */
  name: string;
  kind: string;
  fields: readonly string[];
}

/** How to get the CRDs of this version. */
const howTo = (version: string): string =>
  `apply crds/ of version ${version} (kubectl apply --server-side -f crds/, or the chart with crds.install=true)`;

/**
 * What is wrong with the CRDs that are served, by kind. One that has more than this program knows is newer, and fine: those fields are for a
 * newer program.
 */
export function crdFindings(
  needed: readonly NeededCrd[],
  served: ReadonlyMap<string, readonly string[]>,
  version: string,
): Finding[] {
  const missing = needed.filter(crd => !served.has(crd.kind));
  const older = needed.flatMap(crd => {
    const has = new Set(served.get(crd.kind));
    const lacks = served.has(crd.kind) ? crd.fields.filter(field => !has.has(field)) : [];
    return lacks.length > 0 ? [`${crd.name} lacks ${some(outermost(lacks), 3)}`] : [];
  });
  const findings: Finding[] = [];
  if (missing.length > 0) {
    const which =
      missing.length === needed.length && needed.length > 1
        ? 'the CRDs are not installed'
        : `not installed: the CRD ${some(names(missing), 5)}`;
    findings.push({ key: 'crds-missing', severity: 'blocking', message: `${which}: ${howTo(version)}` });
  }
  if (older.length > 0) {
    const message = `CRDs are older than this program, ${version}: ${older.join('; ')}: ${howTo(version)}`;
    findings.push({ key: 'crds-older', severity: 'blocking', message });
  }
  return findings;
}

/** The CRDs that have fields which this program does not know, each with some of them; none of them does harm. */
export function newerCrds(needed: readonly NeededCrd[], served: ReadonlyMap<string, readonly string[]>): string[] {
  return needed.flatMap(crd => {
    const known = new Set(crd.fields);
    const more = (served.get(crd.kind) ?? []).filter(field => !known.has(field));
    return more.length > 0 ? [`${crd.name} (${some(outermost(more), 3)})`] : [];
  });
}

const names = (crds: readonly NeededCrd[]): string[] => crds.map(({ name }) => name);

/** Without those below another of them. */
function outermost(fields: readonly string[]): string[] {
  const all = new Set(fields);
  return fields.filter(field => !parentsOf(field).some(parent => all.has(parent)));
}

function parentsOf(field: string): string[] {
  return [...field.matchAll(/\[\]|[.=]/g)].map(({ index }) => field.slice(0, index));
}
