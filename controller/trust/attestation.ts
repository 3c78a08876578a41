/** What a policy asks of statements about how an image came to be. Pure. */
import { RefusedCandidate, quoted } from './refused.ts';
import type { RequiredAttestation } from './rules.ts';
import type { Statement } from './statement.ts';
import { type JSONObject, objectOf } from './strict-json.ts';

/** A provenance, of whichever version: who built, and from what. */
interface Provenance {
  builder: unknown;
  materials: readonly { uri: unknown; commit: unknown }[];
}

/**
 * Checks a statement that is known to be about the image and of the type that is asked for.
 * @param commit that the image is known to be built from
 * @throws RefusedCandidate `WrongBuilder`, `WrongSource`, `WrongCommit`, `CommitUnknown`, `Unsupported`, `Malformed`
 */
export function checkStatement(rule: RequiredAttestation, statement: Statement, commit: string | undefined): void {
  if (rule.builder === undefined && rule.source === undefined && rule.commit === 'Any') return;
  const { builder, materials } = provenanceIn(statement);
  if (rule.builder !== undefined && builder !== rule.builder) {
    throw new RefusedCandidate('WrongBuilder', `the image was built by ${said(builder)}, not by ${quoted(rule.builder)}`);
  }
  const ofSource = rule.source === undefined ? materials : materials.filter(({ uri }) => isRepository(uri, rule.source));
  if (ofSource.length === 0 && rule.source !== undefined) {
    const named = materials.slice(0, 3).map(({ uri }) => said(uri));
    throw new RefusedCandidate(
      'WrongSource',
      `the image was built from ${named.join(', ') || 'nothing that the statement names'}, not from ${quoted(rule.source)}`,
    );
  }
  if (rule.commit === 'Any') return;
  if (commit === undefined) {
    throw new RefusedCandidate(
      'CommitUnknown',
      'the policy compares the commit (commit: Known), and which one the image is built from is not known here',
    );
  }
  if (ofSource.some(material => material.commit === commit)) return;
  const named = ofSource.slice(0, 3).map(material => said(material.commit));
  throw new RefusedCandidate(
    'WrongCommit',
    `the image was built from commit ${named.join(', ') || '(none named)'}, not from ${quoted(commit)}`,
  );
}

function provenanceIn({ predicateType, predicate }: Statement): Provenance {
  const object = objectOf(predicate, 'the predicate');
  if (predicateType === 'https://slsa.dev/provenance/v1') return provenance1(object);
  if (predicateType === 'https://slsa.dev/provenance/v0.2') return provenance02(object);
  throw new RefusedCandidate(
    'Unsupported',
    `the policy asks who built the image and from what, which is read only of https://slsa.dev/provenance/v1 and v0.2, not of ${quoted(predicateType)}`,
  );
}

function provenance1(predicate: JSONObject): Provenance {
  const definition = objectOf(predicate['buildDefinition'], 'buildDefinition');
  const details = objectOf(predicate['runDetails'], 'runDetails');
  return {
    builder: objectOf(details['builder'], 'runDetails.builder')['id'],
    materials: materialsOf(definition['resolvedDependencies'], ['gitCommit', 'sha1']),
  };
}

function provenance02(predicate: JSONObject): Provenance {
  const invocation = predicate['invocation'] === undefined ? {} : objectOf(predicate['invocation'], 'invocation');
  const source = invocation['configSource'];
  return {
    builder: objectOf(predicate['builder'], 'builder')['id'],
    materials: materialsOf([...(source === undefined ? [] : [source]), ...listOf(predicate['materials'])], ['sha1', 'gitCommit']),
  };
}

function materialsOf(list: unknown, commitIn: readonly string[]): { uri: unknown; commit: unknown }[] {
  return listOf(list).map(entry => {
    const { uri, digest } = objectOf(entry, 'a material');
    const digests = digest === undefined ? {} : objectOf(digest, 'the digest of a material');
    return { uri, commit: commitIn.map(name => digests[name]).find(value => value !== undefined) };
  });
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Materials are written as `git+https://host/path@ref` (SLSA), the policy's source as a URL. */
function isRepository(uri: unknown, source: string | undefined): boolean {
  if (typeof uri !== 'string') return false;
  const plain = uri.replace(/^git\+/, '');
  return uri === source || plain === source || plain.replace(/^(\w+:\/\/[^/]*\/[^@]*)@.*$/, '$1') === source;
}

function said(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : 'nobody knows what';
}
