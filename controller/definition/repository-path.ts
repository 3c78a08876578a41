import { StallingError } from '../api/errors.ts';
import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { quote } from './image-path.ts';
import { type Problems, collectProblems } from './problems.ts';

/** A path of the repository that a definition reads. */
export interface InputRequest {
  /** As `spec.files[3].from`. */
  field: string;
  /** What the document says. */
  from: string;
  /** The same relative to the repository, in normal form; empty for the repository itself. */
  path: string;
  kind: 'file' | 'directory';
}

/** What of a spec names paths of the repository. */
export type ReadingSpec = Pick<SystemDefinitionSpec, 'files' | 'trees' | 'containerfile' | 'sourceRef'>;

/** Fields of the requests for the Containerfile and the directory that it copies from. */
export const containerfileFields = { from: 'spec.containerfile.from', context: 'spec.containerfile.context' } as const;

/**
 * Every path of the repository that the definition reads, with where it is asked for. `at`: the field that holds files and trees.
 * @throws StallingError RenderFailed when a path is absolute or leaves the repository, or there is no repository.
 */
export function requestedInputs(spec: ReadingSpec, document?: string, at = 'spec'): InputRequest[] {
  const problems = collectProblems('RenderFailed');
  const requests: InputRequest[] = [];
  const add = (field: string, from: string, kind: InputRequest['kind']): void => {
    const path = repositoryPath(spec, field, from, problems);
    if (path !== undefined) requests.push({ field, from, path, kind });
  };
  spec.files?.forEach(({ from }, i) => from !== undefined && add(`${at}.files[${i}].from`, from, 'file'));
  spec.trees?.forEach(({ from }, i) => add(`${at}.trees[${i}].from`, from, 'directory'));
  const { from, context } = spec.containerfile ?? {};
  if (from !== undefined) add(containerfileFields.from, from, 'file');
  if (context !== undefined) add(containerfileFields.context, context, 'directory');
  problems.check(document);
  if (requests[0] && !spec.sourceRef) {
    throw new StallingError('RenderFailed', `${requests[0].field}: reads a path of a repository, so spec.sourceRef is needed`);
  }
  return requests;
}

function repositoryPath(spec: ReadingSpec, field: string, from: string, problems: Problems): string | undefined {
  if (from.startsWith('/')) {
    problems.add(field, `${quote(from)} is absolute; name it relative to the document`);
    return undefined;
  }
  if (from.includes('\\') || from.includes('\0') || !from.isWellFormed()) {
    problems.add(field, `${quote(from)} is not a path; separate directories by "/"`);
    return undefined;
  }
  const path = joinPath(spec.sourceRef?.path ?? '.', from);
  if (path === undefined) problems.add(field, `${quote(from)} leaves the repository; move what it names into the repository`);
  return path;
}

/** `path` seen from `directory`, both relative to one root, in normal form; empty for the root, undefined when it leaves it. */
export function joinPath(directory: string, path: string): string | undefined {
  const segments: string[] = [];
  for (const segment of [...directory.split('/'), ...path.split('/')]) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') segments.push(segment);
    else if (segments.pop() === undefined) return undefined;
  }
  return segments.join('/');
}
