/** Decodes the documents of our kinds in a YAML file (pure). What is wrong is named by line; a bad document says nothing of its neighbours. */
import { type Document as YamlDocument, type LineCounter, type Node, isMap } from 'yaml';
import { type Schema, specSchemas } from '../api/schemas.ts';
import { documentAnnotation, inputsAnnotation, sourceLabel } from '../api/names.ts';
import { type Problem, checkNode, keyOf, offsetOf, scalar } from './schema-check.ts';
import { aliasProblem, parseYaml, repeatedKeys, resolver, syntaxProblem } from './yaml-document.ts';

export interface Failure {
  file: string;
  line?: number;
  message: string;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A document that its schema allows. */
export interface SourceDocument {
  kind: string;
  name: string;
  /** Relative to the repository. */
  file: string;
  /** Which YAML document of the file, from 0. */
  index: number;
  line: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  spec: { [key: string]: Json };
}

export interface DecodedFile {
  documents: SourceDocument[];
  failures: Failure[];
  /** Documents of our group that were refused. */
  refused: number;
}

const group = 'scantling.dev';
const apiVersion = `${group}/v1alpha1`;
/** An object of the API server cannot be larger than this, so no document file needs to be. */
const mostBytes = 1024 * 1024;
/** Enough to see what is wrong; more would be the same mistake again. */
const mostProblems = 20;

const text: Schema = { type: 'string' };
const metadataSchema: Schema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      minLength: 1,
      maxLength: 253,
      // Kubernetes' own, of the names of objects.
      matches: [
        {
          pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
          message: 'must hold only lower-case letters, digits, "-" and ".", and begin and end with a letter or digit, as edge-1',
        },
      ],
    },
    labels: { type: 'object', additionalProperties: text },
    annotations: { type: 'object', additionalProperties: text },
  },
};
const reserved = new Set([sourceLabel, documentAnnotation, inputsAnnotation]);

/**
 * The documents of our group in a file; other YAML is left alone. `known` says that the file held one of ours before, so that a file
 * which cannot be read is an error even when nothing in it names us any more.
 */
export function decodeFile(file: string, bytes: Uint8Array, known: boolean): DecodedFile {
  const nothing: DecodedFile = { documents: [], failures: [], refused: 0 };
  const refuse = (message: string, line?: number): DecodedFile => ({
    documents: [],
    failures: [{ file, ...(line === undefined ? {} : { line }), message }],
    refused: 1,
  });
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!known && !content.includes(`${group}/`)) return nothing;
  if (content.length > mostBytes)
    return refuse(`a file of documents may have at most ${mostBytes} bytes, this one has ${content.length}`);
  const decoded = decodeUtf8(content);
  if (decoded === undefined) return refuse('is not UTF-8');
  try {
    const { documents, lines } = parseYaml(decoded);
    const out: DecodedFile = { documents: [], failures: [], refused: 0 };
    for (const [index, document] of documents.entries()) add(out, decodeDocument(document, { file, index, lines }));
    return out;
  } catch (error) {
    if (error instanceof RangeError) return refuse('is nested too deeply');
    throw error;
  }
}

interface Place {
  file: string;
  index: number;
  lines: LineCounter;
}

function decodeDocument(document: YamlDocument.Parsed, place: Place): DecodedFile {
  const problems: Problem[] = [];
  const done = (documents: SourceDocument[] = []): DecodedFile => ({
    documents: problems.length > 0 ? [] : documents,
    failures: problems
      .slice(0, mostProblems)
      .map(p => ({ file: place.file, line: place.lines.linePos(Math.max(0, p.offset)).line, message: p.message })),
    refused: problems.length > 0 ? 1 : 0,
  });
  for (const error of document.errors) problems.push(syntaxProblem(error));
  for (const pair of repeatedKeys(document))
    problems.push({ offset: offsetOf(pair.key), message: `the key "${keyOf(pair)}" is given twice` });
  if (problems.length > 0) return done();
  const root = document.contents;
  if (!isMap(root)) return done();
  const [version, kind] = [scalar(root.get('apiVersion', true)), scalar(root.get('kind', true))];
  if (version === undefined && typeof kind === 'string' && Object.hasOwn(specSchemas, kind)) {
    problems.push({ offset: offsetOf(root), message: `apiVersion is missing; a ${kind} has ${apiVersion}` });
    return done();
  }
  if (typeof version !== 'string' || !version.startsWith(`${group}/`)) return done();
  const report = (problem: Problem): void => void problems.push(problem);
  // Among them tags that nobody knows; in documents of others they may mean something.
  for (const warning of document.warnings) report(syntaxProblem(warning));
  const aliases = aliasProblem(document);
  if (aliases) {
    report(aliases);
    return done();
  }
  const schema = typeof kind === 'string' && Object.hasOwn(specSchemas, kind) ? specSchemas[kind] : undefined;
  if (version !== apiVersion)
    report({
      offset: offsetOf(root.get('apiVersion', true)),
      message: `apiVersion "${version}" is not known; use ${apiVersion}`,
    });
  else if (!schema)
    report({
      offset: offsetOf(root.get('kind', true) ?? root),
      message: `${kindText(kind)}; documents are ${kindsText()}`,
    });
  else checkDocument(document, schema, report);
  return done(problems.length > 0 ? [] : [documentOf(document, place)]);
}

function kindsText(): string {
  const kinds = Object.keys(specSchemas);
  return `${kinds.slice(0, -1).join(', ')} and ${kinds.at(-1)}`;
}

function kindText(kind: unknown): string {
  return kind === undefined ? 'kind is missing' : `kind ${JSON.stringify(kind)} cannot come from a repository`;
}

function checkDocument(document: YamlDocument.Parsed, spec: Schema, report: (problem: Problem) => void): void {
  const root = document.contents;
  const context = { resolve: resolver(document), report };
  const schema: Schema = {
    type: 'object',
    required: ['metadata', 'spec'],
    properties: { apiVersion: text, kind: text, metadata: metadataSchema, spec },
  };
  if (!isMap(root)) return;
  const status = root.items.find(p => keyOf(p) === 'status');
  if (status) report({ offset: offsetOf(status.key), message: 'status is written by the operator; remove it' });
  const metadata = context.resolve(root.get('metadata', true));
  const namespace = isMap(metadata) ? metadata.items.find(p => keyOf(p) === 'namespace') : undefined;
  if (namespace)
    report({
      offset: offsetOf(namespace.key),
      message: 'metadata.namespace: the kinds of Scantling have no namespace; remove it',
    });
  checkNode(root, schema, '', {
    resolve: context.resolve,
    // These two fields were just explained better.
    report: p => /^(unknown field "status"|metadata: unknown field "namespace")/.test(p.message) || report(p),
  });
  checkReserved(root.get('metadata', true), context.resolve, report);
  const specNode = context.resolve(root.get('spec', true));
  const sourceRef = isMap(specNode) ? specNode.items.find(p => keyOf(p) === 'sourceRef') : undefined;
  if (sourceRef)
    report({
      offset: offsetOf(sourceRef.key),
      message: 'spec.sourceRef is set by the source that applies the document; remove it',
    });
}

function checkReserved(node: unknown, resolve: (node: unknown) => Node | undefined, report: (problem: Problem) => void): void {
  const metadata = resolve(node);
  if (!isMap(metadata)) return;
  for (const field of ['labels', 'annotations']) {
    const map = resolve(metadata.get(field, true));
    for (const pair of isMap(map) ? map.items : []) {
      const key = keyOf(pair);
      if (reserved.has(key))
        report({
          offset: offsetOf(pair.key),
          message: `metadata.${field}: ${key} is set by the source that applies the document; remove it`,
        });
    }
  }
}

function documentOf(document: YamlDocument.Parsed, place: Place): SourceDocument {
  const value = document.toJS() as {
    kind: string;
    metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
    spec: { [key: string]: Json };
  };
  return {
    kind: value.kind,
    name: value.metadata.name,
    file: place.file,
    index: place.index,
    line: place.lines.linePos(Math.max(0, offsetOf(document.contents))).line,
    labels: value.metadata.labels ?? {},
    annotations: value.metadata.annotations ?? {},
    spec: value.spec,
  };
}

export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function add(all: DecodedFile, one: DecodedFile): void {
  all.documents.push(...one.documents);
  all.failures.push(...one.failures);
  all.refused += one.refused;
}
