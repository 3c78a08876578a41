/** Checks a YAML document against the schema of its kind (pure), so that what is wrong can be named by its line. CEL rules are the API server's. */
import { type Node, type Pair, isAlias, isMap, isPair, isScalar, isSeq } from 'yaml';
import type { Schema } from '../api/schemas.ts';
import { wordsOf } from './pattern-words.ts';

export interface Problem {
  /** Where in the text. */
  offset: number;
  message: string;
}

export interface CheckContext {
  /** What an alias stands for. */
  resolve: (node: unknown) => Node | undefined;
  report: (problem: Problem) => void;
}

/** Reports everything in `node` that the schema does not allow. `path` is as the API server writes it: `spec.files[0].mode`. */
export function checkNode(node: unknown, schema: Schema, path: string, context: CheckContext): void {
  const value = context.resolve(node);
  const offset = offsetOf(node);
  const report = (message: string): void => context.report({ offset, message: at(path, message) });
  if (schema['x-kubernetes-int-or-string']) {
    const v = scalar(value);
    if (!Number.isInteger(v) && typeof v !== 'string') report(`must be an integer or a string, is ${describe(value)}`);
  } else if (schema.type === 'object') checkObject(value, schema, path, { ...context, offset, reportHere: report });
  else if (schema.type === 'array') checkList(value, schema, path, { ...context, offset, reportHere: report });
  else checkScalar(value, schema, report);
}

type Here = CheckContext & { offset: number; reportHere: (message: string) => void };

function checkObject(value: Node | undefined, schema: Schema, path: string, here: Here): void {
  if (!isMap(value)) return here.reportHere(`must be an object, is ${describe(value)}`);
  const { properties } = schema;
  const present = new Set<string>();
  for (const pair of value.items) {
    const key = keyOf(pair);
    present.add(key);
    const inner = properties ? properties[key] : schema.additionalProperties;
    if (inner && (!properties || Object.hasOwn(properties, key)))
      checkNode(pair.value, inner, path === '' ? key : `${path}.${key}`, pairContext(pair, here));
    else
      here.report({
        offset: offsetOf(pair.key),
        message: at(path, `unknown field "${key}"${suggestion(key, Object.keys(properties ?? {}))}`),
      });
  }
  for (const key of schema.required ?? []) {
    if (!present.has(key) && properties?.[key]?.default === undefined) here.reportHere(`required field "${key}" is missing`);
  }
  atMost(value.items.length, schema.maxProperties, 'keys', here.reportHere);
}

function checkList(value: Node | undefined, schema: Schema, path: string, here: Here): void {
  if (!isSeq(value)) return here.reportHere(`must be a list, is ${describe(value)}`);
  if (schema.items) for (const [i, item] of value.items.entries()) checkNode(item, schema.items, `${path}[${i}]`, here);
  atMost(value.items.length, schema.maxItems, 'items', here.reportHere);
  if (value.items.length < (schema.minItems ?? 0))
    here.reportHere(`must have at least ${schema.minItems} items, has ${value.items.length}`);
  const identify = identityOf(schema, here);
  if (!identify) return;
  const seen = new Map<string, number>();
  for (const [i, item] of value.items.entries()) {
    const identity = identify(item);
    if (identity === undefined) continue;
    const before = seen.get(identity);
    if (before === undefined) seen.set(identity, i);
    else here.report({ offset: offsetOf(item), message: at(`${path}[${i}]`, `${identity} is already in ${path}[${before}]`) });
  }
}

/** What may be in a set or keyed list only once. */
function identityOf(schema: Schema, here: Here): ((item: unknown) => string | undefined) | undefined {
  if (schema['x-kubernetes-list-type'] === 'set') return item => quoted(scalar(here.resolve(item)));
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!keys) return undefined;
  return item => {
    const map = here.resolve(item);
    if (!isMap(map)) return undefined;
    const values = keys.map(key => scalar(here.resolve(map.get(key, true))));
    return values.includes(undefined) ? undefined : keys.map((key, i) => `${key} ${quoted(values[i])}`).join(', ');
  };
}

function checkScalar(value: Node | undefined, schema: Schema, report: (message: string) => void): void {
  const v = scalar(value);
  if (schema.type === 'string') {
    if (typeof v !== 'string')
      return report(`must be a string, is ${describe(value)}${v === null || v === undefined ? '' : '; put it in quotes'}`);
    checkString(v, schema, report);
  } else if (schema.type === 'boolean') {
    if (typeof v !== 'boolean') report(`must be true or false, is ${describe(value)}`);
  } else if (schema.type === 'integer' || schema.type === 'number') {
    if (typeof v !== 'number' || (schema.type === 'integer' && !Number.isSafeInteger(v)))
      return report(`must be a whole number, is ${describe(value)}`);
    if (v < (schema.minimum ?? -Infinity)) report(`must be at least ${schema.minimum}, is ${v}`);
    if (v > (schema.maximum ?? Infinity)) report(`must be at most ${schema.maximum}, is ${v}`);
  }
  if (schema.enum && !schema.enum.includes(v))
    report(`must be one of ${schema.enum.map(quoted).join(', ')}, is ${describe(value)}`);
}

function checkString(text: string, schema: Schema, report: (message: string) => void): void {
  // The API server counts code points, not UTF-16 units.
  const length = text.length > (schema.maxLength ?? Infinity) || schema.minLength ? Array.from(text).length : 0;
  if (schema.minLength && length < schema.minLength) {
    return report(length === 0 ? 'must not be empty' : `must have at least ${schema.minLength} characters, has ${length}`);
  }
  atMost(length, schema.maxLength, 'characters', report);
  for (const { pattern, message } of patternsOf(schema)) {
    if (!new RegExp(pattern, 'u').test(text)) report(`${message}; is ${quoted(text)}`);
  }
}

/** What a text must match, each with the words for one that does not. */
function patternsOf({ pattern, matches = [] }: Schema): readonly { pattern: string; message: string }[] {
  return pattern === undefined ? matches : [{ pattern, message: wordsOf[pattern] ?? `must match ${pattern}` }, ...matches];
}

function atMost(count: number, most: number | undefined, what: string, report: (message: string) => void): void {
  if (most !== undefined && count > most) report(`must have at most ${most} ${what}, has ${count}`);
}

function at(path: string, message: string): string {
  return path === '' ? message : `${path}: ${message}`;
}

/** An absent value is where its key is. */
function pairContext(pair: Pair, here: Here): CheckContext {
  return { resolve: here.resolve, report: p => here.report(p.offset < 0 ? { ...p, offset: offsetOf(pair.key) } : p) };
}

/** Start of a node in the text; -1 for a value that is not written. */
export function offsetOf(node: unknown): number {
  const range = isNode(node) ? node.range : undefined;
  return range?.[0] ?? -1;
}

function isNode(node: unknown): node is Node {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node);
}

/** The text of a pair's key. */
export function keyOf(pair: unknown): string {
  return isPair(pair) ? String(scalar(pair.key)) : '';
}

/** The value of a scalar node; undefined for anything else. */
export function scalar(node: unknown): unknown {
  return isScalar(node) ? node.value : undefined;
}

function describe(value: Node | undefined): string {
  if (isMap(value)) return 'an object';
  if (isSeq(value)) return 'a list';
  const v = scalar(value);
  if (v === null || v === undefined) return 'empty';
  return typeof v === 'string' ? quoted(v) : `${JSON.stringify(v)} (a ${typeof v})`;
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 80 ? text : `${text.slice(0, 76)}…"`;
}

/** `; did you mean "x"?` for a field that differs in letter case or by one letter. */
function suggestion(key: string, known: readonly string[]): string {
  const near = known.find(k => k.toLowerCase() === key.toLowerCase()) ?? known.find(k => oneLetterApart(k, key));
  return near ? `; did you mean "${near}"?` : '';
}

function oneLetterApart(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let head = 0;
  while (head < a.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return Math.max(a.length, b.length) - head - tail <= 1;
}
