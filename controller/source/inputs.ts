/** What a document reads from its repository, and the digest by which a change of it is seen. Contents are not fetched: ids say enough. */
import { createHash } from 'node:crypto';
import { StallingError } from '../api/errors.ts';
import type { Json, SourceDocument } from './document.ts';
import type { RepositoryTree, TreeEntry } from './repository-tree.ts';

/** A path of the repository in a document. */
interface Reading {
  /** As `spec.files[0].from`, or `spec.containerfile.context`. */
  field: string;
  from: string;
  kind: 'file' | 'directory';
}

export interface InputProblem {
  field: string;
  message: string;
}

/** Directory of the document, relative to the repository; `.` for its root. */
export function directoryOf(file: string): string {
  const slash = file.lastIndexOf('/');
  return slash < 0 ? '.' : file.slice(0, slash);
}

/**
 * `sha256:…` over the document's meaning and the path, mode and id of everything that its paths reach; `origin` tells apart
 * repositories, so that a source which moved to another one pins its documents there. Comments and layout are not in it.
 * `paths`: of everything that was reached.
 */
export async function inputsDigest(
  document: SourceDocument,
  tree: RepositoryTree,
  origin: string,
): Promise<{ digest: string; paths: string[] } | { problems: InputProblem[] }> {
  const [problems, entries]: [InputProblem[], TreeEntry[]] = [[], []];
  for (const reading of readingsOf(document)) {
    const read = await reach(reading, directoryOf(document.file), tree);
    if (Array.isArray(read)) entries.push(...read);
    else problems.push({ field: reading.field, message: read.refused });
  }
  if (problems.length > 0) return { problems };
  const { kind, name, labels, annotations, spec } = document;
  const reached = entries.map(e => [e.path, e.mode, e.oid]);
  return {
    digest: `sha256:${createHash('sha256')
      .update(canonical([origin, kind, name, labels, annotations, spec, reached]))
      .digest('hex')}`,
    paths: entries.map(e => e.path),
  };
}

function readingsOf({ kind, spec }: SourceDocument): Reading[] {
  if (!readsRepository(kind)) return [];
  const one = (at: string, member: string, value: Json | undefined, what: Reading['kind']): Reading[] => {
    const from = memberOf(value, member);
    return typeof from === 'string' ? [{ field: `${at}.${member}`, from, kind: what }] : [];
  };
  const each = (at: string, of: Json | undefined, list: string, what: Reading['kind']): Reading[] =>
    asList(memberOf(of, list)).flatMap((item, i) => one(`${at}.${list}[${i}]`, 'from', item, what));
  const placed = (at: string, of: Json | undefined): Reading[] => [
    ...each(at, of, 'files', 'file'),
    ...each(at, of, 'trees', 'directory'),
  ];
  if (kind === 'SystemAddon')
    return asList(spec['variants']).flatMap((v, i) => placed(`spec.variants[${i}].source`, memberOf(v, 'source')));
  const { containerfile } = spec;
  return [
    ...placed('spec', spec),
    ...one('spec.containerfile', 'from', containerfile, 'file'),
    ...one('spec.containerfile', 'context', containerfile, 'directory'),
  ];
}

/** Whether documents of a kind name paths of their repository. */
export function readsRepository(kind: string): boolean {
  return kind === 'SystemDefinition' || kind === 'SystemAddon';
}

/** A member of a value; undefined where that is no object, or has none. */
export function memberOf(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value[name] : undefined;
}

function asList(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

async function reach(
  { field, from, kind }: Reading,
  directory: string,
  tree: RepositoryTree,
): Promise<TreeEntry[] | { refused: string }> {
  const named = JSON.stringify(from);
  if (from.startsWith('/')) return { refused: `${named} is absolute; name it relative to the document` };
  const path = relativeTo(directory, from);
  if (path === undefined) return { refused: `${named} leaves the repository` };
  try {
    const entry = await tree.entry(path);
    if (!entry) return { refused: `${named} is not in the repository (${path || 'its root'})` };
    if (kind === 'directory')
      return entry.mode === 'directory'
        ? await tree.list(path)
        : { refused: `${named} is not a directory${isOfList(field) ? '; use files for a single file' : ''}` };
    if (entry.mode === 'directory')
      return { refused: `${named} is a directory${isOfList(field) ? '; use trees for a directory' : '; name the file'}` };
    if (entry.mode === 'symlink') return { refused: `${named} is a symbolic link; name the file itself` };
    return [entry];
  } catch (error) {
    if (error instanceof StallingError && error.reason === 'UnsupportedGitFeature') return { refused: error.message };
    throw error;
  }
}

/** True in files and trees, where the other one takes what this one does not. */
function isOfList(field: string): boolean {
  return field.includes('[');
}

/** `path` seen from `directory`, in normal form; empty for the root, undefined when it leaves the repository. */
function relativeTo(directory: string, path: string): string | undefined {
  const names: string[] = [];
  for (const name of [...directory.split('/'), ...path.split('/')]) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.pop() === undefined) return undefined;
  }
  return names.join('/');
}

/** JSON with sorted keys, so that equal values give equal text. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.keys(value)
    .toSorted()
    .map(key => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
}
