import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { quote, refusePath } from './image-path.ts';
import type { Placement } from './image-tree.ts';
import type { Problems } from './problems.ts';
import { type InputRequest, joinPath } from './repository-path.ts';

/** What a definition reads from its repository: path relative to the repository → what Git holds there. Never a directory. */
export type Inputs = ReadonlyMap<string, Input>;
export type Input = { type: 'file'; executable: boolean; bytes: Uint8Array } | { type: 'symlink'; target: string };

const text = new TextEncoder();

/** spec.files: content as it stands in the document, or one file of the repository. `at`: the field that holds them. */
export function renderFiles(
  spec: Pick<SystemDefinitionSpec, 'files'>,
  requests: readonly InputRequest[],
  inputs: Inputs,
  problems: Problems,
  at = 'spec',
): Placement[] {
  const requested = new Map(requests.map(request => [request.field, request]));
  const placements: Placement[] = [];
  spec.files?.forEach((file, i) => {
    const field = `${at}.files[${i}]`;
    const request = requested.get(`${field}.from`);
    const bytes = request ? inputFile(request, inputs, problems) : text.encode(file.content ?? '');
    if (bytes)
      placements.push({ path: file.path, content: { mode: Number.parseInt(file.mode, 8), bytes }, field: `${field}.path` });
  });
  return placements;
}

function inputFile({ field, path, from }: InputRequest, inputs: Inputs, problems: Problems): Uint8Array | undefined {
  const input = inputs.get(path);
  if (!input) problems.add(field, `${quote(from)} was not read from the repository as ${quote(path)}`);
  else if (input.type === 'symlink') {
    problems.add(field, `${quote(path)} is a symbolic link to ${quote(input.target)}; name the file itself, or use a tree`);
  } else return input.bytes;
  return undefined;
}

/** spec.trees: every file and inner link below a directory of the repository; executable files get 0755, others 0644. `at`: the field that holds them. */
export function renderTrees(
  spec: Pick<SystemDefinitionSpec, 'trees'>,
  requests: readonly InputRequest[],
  inputs: Inputs,
  problems: Problems,
  at = 'spec',
): Placement[] {
  const requested = new Map(requests.map(request => [request.field, request]));
  const placements: Placement[] = [];
  spec.trees?.forEach((tree, i) => {
    const field = `${at}.trees[${i}]`;
    const request = requested.get(`${field}.from`);
    const to = tree.to.replace(/\/+$/, '');
    const wrong = to === '' ? undefined : refusePath(to);
    if (wrong) problems.add(`${field}.to`, wrong);
    else if (request) placements.push(...treePlacements({ field, to, from: request.path }, inputs, problems));
  });
  return placements;
}

interface Tree {
  field: string;
  to: string;
  /** Relative to the repository. */
  from: string;
}

function treePlacements({ field, to, from }: Tree, inputs: Inputs, problems: Problems): Placement[] {
  const prefix = from === '' ? '' : `${from}/`;
  const placements: Placement[] = [];
  let found = false;
  for (const [path, input] of inputs) {
    if (!path.startsWith(prefix)) continue;
    found = true;
    const inner = path.slice(prefix.length);
    const at = `${field}.from`;
    if (input.type === 'symlink') {
      const refused = refuseLink(inner, input.target);
      if (refused) problems.add(at, `${quote(path)} ${refused}`);
      else placements.push({ path: `${to}/${inner}`, content: { link: input.target }, field });
    } else
      placements.push({ path: `${to}/${inner}`, content: { mode: input.executable ? 0o755 : 0o644, bytes: input.bytes }, field });
  }
  if (!found) problems.add(`${field}.from`, `${quote(from)} holds no file`);
  return placements;
}

/** Why the link at `inner` (relative to its tree) may not be placed, or undefined when it stays inside the tree. */
function refuseLink(inner: string, target: string): string | undefined {
  const link = `is a symbolic link to ${quote(target)}`;
  if (target === '' || target.includes('\0') || !target.isWellFormed()) return `${link}, which is not a path`;
  if (target.startsWith('/')) return `${link}, which is absolute; make it relative to stay inside its tree`;
  const directory = inner.slice(0, Math.max(0, inner.lastIndexOf('/')));
  return joinPath(directory, target) === undefined ? `${link}, which leaves its tree` : undefined;
}
