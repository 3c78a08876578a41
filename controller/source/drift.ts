/** What others have added to a definition or an addon that a source applied (pure). */
import type { Schema } from '../api/schemas.ts';

/** Says when something is made, not what: `build` of a definition, `suspend` of an addon. A person may hold it back by hand. */
const operational = new Set(['build', 'suspend']);

/**
 * The merge patch (RFC 7386) of spec that takes away what the document does not say; undefined when there is nothing. Server-side apply
 * leaves the fields of other managers alone, and merges into sets what they add: such a definition or addon would be built, and rolled out, in the
 * name of a commit that never asked for it. Defaults count as said.
 */
export function withoutForeign(wanted: object, there: object, schema: Schema): object | undefined {
  const kept = Object.fromEntries(Object.entries(there).filter(([key]) => !operational.has(key)));
  return foreignFields(kept, wanted, schema);
}

function foreignFields(there: object, wanted: object, schema: Schema): object | undefined {
  const said = new Map<string, unknown>(Object.entries(wanted));
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(there)) {
    const inner = schema.properties?.[key] ?? schema.additionalProperties ?? {};
    const asked = said.has(key) ? said.get(key) : inner.default;
    const change = foreignValue(value, asked, inner);
    if (change !== undefined) patch[key] = change.to;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** What to set in place of a value; undefined when it may stay. */
function foreignValue(there: unknown, asked: unknown, schema: Schema): { to: unknown } | undefined {
  if (asked === undefined) return { to: null };
  if (Array.isArray(there)) {
    const list: readonly unknown[] = Array.isArray(asked) ? asked : [];
    const same =
      there.length === list.length && there.every((item, i) => foreignValue(item, list[i], schema.items ?? {}) === undefined);
    return same ? undefined : { to: list };
  }
  if (isRecord(there)) {
    const patch = foreignFields(there, isRecord(asked) ? asked : {}, schema);
    return patch && { to: patch };
  }
  return there === asked ? undefined : { to: asked };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
