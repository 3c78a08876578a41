/** spec.containerfile: read, checked, and written anew for the builders. */
import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { BuildContext } from './build-context.ts';
import { checkContainerfile } from './containerfile-check.ts';
import { type Finding, parseContainerfile } from './containerfile-parse.ts';
import { baseArgument } from './containerfile-stage.ts';
import { directiveOf, writeInstructions } from './containerfile-text.ts';
import type { Inputs } from './files.ts';
import { quote } from './image-path.ts';
import { type Problems, collectProblems } from './problems.ts';
import { type InputRequest, containerfileFields } from './repository-path.ts';

/** A Containerfile is read and written in memory, and is text that a person wrote. */
export const maxContainerfileBytes = 1024 * 1024;

/** An image besides the base, in FROM, COPY or a mount. */
export interface StageImage {
  /** With its digest. */
  image: string;
  /** File and line that name it first. */
  place: string;
}

export interface AuthoredSteps {
  directive: string;
  heading: string;
  body: string;
  buildContext: Uint8Array | undefined;
  /** Those of spec.build.args that are read, sorted by name. */
  args: Record<string, string>;
  /** Ids of the secrets that are mounted, sorted. */
  secrets: string[];
  stageImages: StageImage[];
  warnings: string[];
  lint: string[];
}

interface Request {
  spec: SystemDefinitionSpec;
  requests: readonly InputRequest[];
  inputs: Inputs;
}

/** Where in a Containerfile something is, for messages. */
type Place = (line: number) => string;

/** What the definition's own Containerfile says; no steps when it has none. */
export function renderAuthored(request: Request, problems: Problems): AuthoredSteps {
  const { spec, requests, inputs } = request;
  checkArgs(spec, problems);
  const source = readSource(request, problems);
  const directory = requests.find(({ field }) => field === containerfileFields.context);
  const context = directory && new BuildContext(directory.path, inputs, problems);
  const file = parseContainerfile(source?.text ?? '');
  const { args = {}, secrets = [] } = spec.build;
  const ids = new Set(secrets.map(({ id }) => id));
  const empty = { directive: '', heading: '', body: '', buildContext: undefined, args: {}, secrets: [], stageImages: [] };
  if (!source) return { ...empty, warnings: warnOfUnused(spec, new Set(), new Set()), lint: [] };

  const checked = checkContainerfile({ file, args, secrets: ids, context });
  const tooLong: Finding[] = [];
  const heading = writeInstructions(checked.heading, file.escape, tooLong);
  // What comes after it, and bootc's lint in the end, need root.
  const body = writeInstructions(checked.body, file.escape, tooLong) + (checked.leavesRoot ? 'USER 0\n' : '');
  for (const { line, message } of [...checked.problems, ...tooLong]) problems.add(source.place(line), message);
  const told = ({ line, message }: Finding): string => `${source.place(line)}: ${message}`;
  const unread = context && checked.read.size === 0 ? [`${containerfileFields.context}: nothing reads it`] : [];
  return {
    directive: directiveOf(file),
    heading,
    body,
    buildContext: checked.read.size > 0 ? context?.tar(checked.read) : undefined,
    args: Object.fromEntries(
      Object.entries(args)
        .filter(([name]) => checked.usedArgs.has(name))
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ),
    secrets: [...checked.usedSecrets].toSorted(),
    stageImages: [...checked.images].map(([image, line]) => ({ image, place: source.place(line) })),
    warnings: [...checked.warnings.map(told), ...warnOfUnused(spec, checked.usedArgs, checked.usedSecrets), ...unread],
    // The rule comes first, as bootc itself says it.
    lint: checked.lint.map(({ line, message }) => message.replace(': ', `: ${source.place(line)}: `)),
  };
}

/** The images of a Containerfile that is in the definition itself, found again without a repository; what is wrong with it was said when it was rendered. */
export function inlineStageImages(spec: SystemDefinitionSpec): readonly StageImage[] {
  if (spec.containerfile?.inline === undefined) return [];
  return renderAuthored({ spec, requests: [], inputs: new Map() }, collectProblems('RenderFailed')).stageImages;
}

function readSource({ spec, requests, inputs }: Request, problems: Problems): { text: string; place: Place } | undefined {
  const { inline } = spec.containerfile ?? {};
  if (inline !== undefined) {
    const field = 'spec.containerfile.inline';
    const text = decode(new TextEncoder().encode(inline), field, problems);
    return { text, place: line => `${field} line ${line}` };
  }
  const request = requests.find(({ field }) => field === containerfileFields.from);
  if (!request) return undefined;
  const { field, path } = request;
  const input = inputs.get(path);
  if (!input) problems.add(field, `${quote(path)} was not read from the repository`);
  else if (input.type === 'symlink')
    problems.add(field, `${quote(path)} is a symbolic link to ${quote(input.target)}; name the file itself`);
  else {
    const text = decode(input.bytes, field, problems);
    return { text, place: line => `${path}:${line}` };
  }
  return undefined;
}

/** The text, or no instruction when it is refused as a whole. */
function decode(bytes: Uint8Array, field: string, problems: Problems): string {
  const refuse = (why: string): string => {
    problems.add(field, why);
    // One that has no problem of its own.
    return 'RUN true';
  };
  if (bytes.length > maxContainerfileBytes) {
    const advice = 'put what is large into files of the build context';
    return refuse(`the Containerfile holds ${bytes.length} bytes, more than ${maxContainerfileBytes}; ${advice}`);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? refuse('the Containerfile holds a NUL character') : text;
  } catch (error) {
    if (error instanceof TypeError) return refuse('the Containerfile is not UTF-8 text');
    throw error;
  }
}

function checkArgs({ build: { args = {} } }: SystemDefinitionSpec, problems: Problems): void {
  for (const name of Object.keys(args)) {
    const field = `spec.build.args[${quote(name)}]`;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) problems.add(field, 'the name of an argument is made of letters, digits and "_"');
    else if (name === baseArgument) problems.add(field, 'is set by Scantling; choose another name');
  }
}

function warnOfUnused(
  { build: { args = {}, secrets = [] } }: SystemDefinitionSpec,
  usedArgs: ReadonlySet<string>,
  usedSecrets: ReadonlySet<string>,
): string[] {
  const unusedArgs = Object.keys(args).filter(name => !usedArgs.has(name));
  const unusedSecrets = secrets.filter(({ id }) => !usedSecrets.has(id));
  return [
    ...unusedArgs.toSorted().map(name => `spec.build.args[${quote(name)}]: no ARG of the Containerfile names it`),
    ...unusedSecrets.map(({ id }) => `spec.build.secrets[${quote(id)}]: no RUN of the Containerfile mounts it`),
  ];
}
