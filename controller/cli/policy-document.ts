/** TrustPolicies in YAML: read with what is wrong by its line, and changed with comments and order kept. Pure. */
import { type Document as YamlDocument, isMap, isSeq, parseDocument, stringify, YAMLSeq } from 'yaml';
import { policySchema } from '../api/policy-schema.ts';
import type { Schema } from '../api/schemas.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import { type Problem, checkNode } from '../source/schema-check.ts';
import { aliasProblem, parseYaml, repeatedKeys, resolver, syntaxProblem } from '../source/yaml-document.ts';
import { policyOf, type PolicyEdit } from './trust-edit.ts';

const apiVersion = 'scantling.dev/v1alpha1';

/** A file with policies that cannot be read as they are meant; the message names file and line. */
export class PolicyFileError extends Error {}

/** The YAML documents of a file, as texts. A line that begins with `---` ends one wherever it stands, also within a block of text. */
export function documentTexts(content: string): string[] {
  return content.split(/^(?=---(?:\s|$))/m);
}

/** The policies of a file, each with which of its documents it is. Documents of other kinds are passed over. Throws PolicyFileError. */
export function policiesIn(file: string, content: string): { policy: TrustPolicy; index: number }[] {
  let line = 0;
  return documentTexts(content).flatMap((text, index) => {
    const before = line;
    line += text.split('\n').length - 1;
    const policy = policyIn(text, message => new PolicyFileError(`${file}:${before + message.line}: ${message.text}`));
    return policy ? [{ policy, index }] : [];
  });
}

type Failing = (message: { line: number; text: string }) => PolicyFileError;

function policyIn(text: string, failing: Failing): TrustPolicy | undefined {
  const { documents, lines } = parseYaml(text);
  const [document] = documents;
  if (!document) return undefined;
  const fail = ({ offset, message }: Problem): never => {
    throw failing({ line: lines.linePos(Math.max(0, offset)).line, text: message });
  };
  for (const error of document.errors) fail(syntaxProblem(error));
  const root: unknown = document.toJS({ maxAliasCount: 100 });
  if (!isPolicy(root)) return undefined;
  const [repeated] = repeatedKeys(document);
  if (repeated) fail({ offset: offsetOf(repeated.key), message: 'a key is given twice' });
  const aliases = aliasProblem(document);
  if (aliases) fail(aliases);
  checkNode(document.contents, fileSchema, '', { resolve: resolver(document), report: fail });
  const wrong = crossFieldProblem(root);
  if (wrong !== undefined) fail({ offset: 0, message: wrong });
  return { ...policyOf(root.metadata.name, root.spec), metadata: root.metadata };
}

function offsetOf(node: unknown): number {
  const { range } = (node ?? {}) as { range?: readonly number[] };
  return range?.[0] ?? 0;
}

function isPolicy(root: unknown): root is TrustPolicy {
  return typeof root === 'object' && root !== null && 'kind' in root && root.kind === 'TrustPolicy';
}

const fileSchema: Schema = {
  type: 'object',
  required: ['apiVersion', 'metadata', 'spec'],
  properties: {
    apiVersion: { type: 'string', enum: [apiVersion] },
    kind: { type: 'string' },
    metadata: {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 63 },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        annotations: { type: 'object', additionalProperties: { type: 'string' } },
      },
    },
    spec: policySchema,
  },
};

/** The rules of the CRD without which a policy would mean something else than it says; the API server has all of them. */
function crossFieldProblem({ spec }: TrustPolicy): string | undefined {
  const { scope, authorities = [], revoked = [], mode, discovery } = spec;
  if ((scope.prefix !== undefined) === (scope.root === true)) return 'spec.scope: exactly one of prefix, root: true is required';
  const several = authorities.find(a => [a.key, a.keyless, a.openPGP, a.ssh].filter(Boolean).length !== 1);
  if (several) return `spec.authorities: ${several.name}: exactly one of key, keyless, openPGP, ssh is required`;
  const names = new Set(authorities.map(a => a.name));
  if (names.size < authorities.length) return 'spec.authorities: two have the same name';
  const says = authorities.length > 0 || revoked.length > 0 || mode === 'Skip' || discovery?.enabled === true;
  return says ? undefined : 'spec: without an authority nothing that the scope covers could ever be accepted';
}

/** The text of a file after changes of one of its documents; of the others nothing is touched. */
export function withEdits(content: string, index: number, edits: readonly PolicyEdit[]): string {
  const texts = documentTexts(content);
  const text = texts[index] ?? '';
  const document = parseDocument(text, { stringKeys: true });
  for (const edit of edits) apply(document, edit);
  const written = document.toString({ lineWidth: 0 });
  // The marker belongs to the text, and is written only for documents with directives.
  texts[index] = text.startsWith('---') && !written.startsWith('---') ? `---\n${written}` : written;
  return texts.join('');
}

function apply(document: YamlDocument, edit: PolicyEdit): void {
  if (edit.kind === 'revoke') {
    const list = listAt(document, 'revoked');
    const at = list.items.findIndex(item => isMap(item) && item.get('fingerprint') === edit.entry.fingerprint);
    if (at === -1) list.add(document.createNode(edit.entry));
    else list.set(at, document.createNode(edit.entry));
    return;
  }
  const list = listAt(document, 'authorities');
  if (edit.kind === 'add') {
    list.add(document.createNode(edit.authority));
    return;
  }
  const name = edit.kind === 'remove' ? edit.name : edit.authority.name;
  const at = list.items.findIndex(item => isMap(item) && item.get('name') === name);
  if (at === -1) throw new Error(`${name} is not an authority of this document`);
  if (edit.kind === 'remove') list.delete(at);
  else list.set(at, document.createNode(edit.authority));
}

/** A list of spec, made where it is not there. */
function listAt(document: YamlDocument, key: 'authorities' | 'revoked'): YAMLSeq {
  const found = document.getIn(['spec', key], true);
  if (isSeq(found)) {
    // `[]` would grow in one line.
    if (found.items.length === 0) found.flow = false;
    return found;
  }
  const made = new YAMLSeq();
  const spec = document.get('spec', true);
  if (!isMap(spec)) throw new Error('the document has no spec');
  spec.set(key, made);
  return made;
}

/** A policy as the text of a file. */
export function policyText({ metadata, spec }: TrustPolicy): string {
  const { scope, subjects, mode, authorities, revoked } = spec;
  const lists = { ...(authorities === undefined ? {} : { authorities }), ...(revoked === undefined ? {} : { revoked }) };
  return stringify(
    { apiVersion, kind: 'TrustPolicy', metadata: { name: metadata.name }, spec: { scope, subjects, mode, ...lists } },
    { lineWidth: 0 },
  );
}
