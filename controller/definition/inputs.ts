/** Reads what a definition asks of its repository at one revision. */
import { StallingError } from '../api/errors.ts';
import type { Input } from './files.ts';
import { quote } from './image-path.ts';
import { collectProblems } from './problems.ts';
import { type InputRequest, containerfileFields } from './repository-path.ts';

/** What this needs of a revision's tree. */
export interface InputTree {
  /** What is at a path relative to the repository; '' is the repository itself. */
  entry(path: string): Promise<InputEntry | undefined>;
  /** Files and links below a directory, at any depth. */
  list(directory: string): Promise<readonly InputEntry[]>;
  /** Content by object id. */
  read(entries: readonly InputEntry[]): Promise<ReadonlyMap<string, Uint8Array>>;
}

export interface InputEntry {
  /** Relative to the repository. */
  path: string;
  mode: 'file' | 'executable' | 'symlink' | 'directory';
  oid: string;
}

/**
 * The inputs of a render, each object read once.
 * @throws StallingError InputNotFound that names every "from" that names nothing, or not what its field needs.
 */
export async function collectInputs(
  requests: readonly InputRequest[],
  tree: InputTree,
  at: { revision: string; document?: string | undefined },
): Promise<Map<string, Input>> {
  const problems = collectProblems('InputNotFound');
  const entries = new Map<string, InputEntry>();
  for (const request of requests) {
    const { field, from, path, kind } = request;
    const entry = await of(request, at.document, tree.entry(path));
    if (!entry) {
      const missing = `${quote(path)} is missing at ${at.revision}`;
      problems.add(field, `${quote(from)} is not in the repository: ${missing}; commit it or correct the path`);
    } else if (kind === 'directory') {
      if (entry.mode !== 'directory') problems.add(field, `${quote(path)} is a file at ${at.revision}; ${insteadOfFile(field)}`);
      else for (const inner of await of(request, at.document, tree.list(path))) entries.set(inner.path, inner);
    } else if (entry.mode === 'directory') {
      problems.add(field, `${quote(path)} is a directory at ${at.revision}; ${insteadOfDirectory(field)}`);
    } else entries.set(path, entry);
  }
  problems.check(at.document);

  const contents = await tree.read([...entries.values()]);
  const inputs = new Map<string, Input>();
  for (const [path, { mode, oid }] of entries) {
    const bytes = contents.get(oid);
    if (!bytes) throw new Error(`the content of ${path} (${oid}) was not read`);
    if (mode === 'symlink') inputs.set(path, { type: 'symlink', target: new TextDecoder().decode(bytes) });
    else if (mode !== 'directory') inputs.set(path, { type: 'file', executable: mode === 'executable', bytes });
  }
  return inputs;
}

function insteadOfFile(field: string): string {
  return field === containerfileFields.context ? 'name the directory that it is in' : 'use files for a single file';
}

function insteadOfDirectory(field: string): string {
  return field === containerfileFields.from ? 'name the Containerfile in it' : 'use trees for a directory';
}

/** What the repository refuses (a submodule, say) names a path; this adds the field that asked for it. */
async function of<T>({ field }: InputRequest, document: string | undefined, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof StallingError)) throw error;
    throw new StallingError(error.reason, `${document ? `${document}: ` : ''}${field}: ${error.message}`, { cause: error });
  }
}
