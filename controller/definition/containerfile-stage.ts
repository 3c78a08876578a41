/** The stages of a Containerfile: what each is made from, and what its variables are. */
import { parseReference } from '../registry/reference.ts';
import { StallingError } from '../api/errors.ts';
import type { Finding, Instruction } from './containerfile-parse.ts';
import { type Lookup, expand, spacedWords, quoteWord } from './containerfile-words.ts';

/** The stage of the base image, which a Containerfile goes on with when it has no FROM. */
export const baseStage = 'base';
/** The build argument that names the base image. */
export const baseArgument = 'SCANTLING_BASE';

/** What buildah sets by itself where ARG names it: known only while it builds. */
const builtin = /^(TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT)$|^SOURCE_DATE_EPOCH$/;
/** What every step has without ARG (Dockerfile reference, "Predefined ARGs"). */
const predefined = /^(https?|ftp|no|all)_proxy$/i;

export interface Stage {
  /** Undefined when it has none. */
  name: string | undefined;
  /** Of its FROM; 0 for that of the base. */
  line: number;
  /** The stage that it starts from, undefined for an image. */
  parent: Stage | undefined;
  /** ENV and ARG; undefined is a variable whose value only the build knows. */
  variables: Map<string, string | undefined>;
  /** Names of variables set by ENV: a stage that starts from this one has them. */
  environment: Set<string>;
  /** The last USER, undefined when there is none. */
  user: { name: string; line: number } | undefined;
}

/** Everything that is found out about a Containerfile. */
export interface Review {
  problems: Finding[];
  /** What does not stop a build. */
  warnings: Finding[];
  /** What bootc's lint would say of the result; the message starts with the name of the rule. */
  lint: Finding[];
  /** Those of spec.build.args that an ARG names. */
  usedArgs: Set<string>;
  /** Ids of secrets that a step mounts. */
  usedSecrets: Set<string>;
  /** Images besides the base, by digest, and the line that names each first. */
  images: Map<string, number>;
}

export function emptyReview(problems: readonly Finding[]): Review {
  return {
    problems: [...problems],
    warnings: [],
    lint: [],
    usedArgs: new Set(),
    usedSecrets: new Set(),
    images: new Map(),
  };
}

interface Declaration {
  line: number;
  name: string;
  /** Its default. */
  value: string | undefined;
  heading: boolean;
}

/** All stages so far, that of the base first. */
export class Stages {
  readonly all: Stage[] = [stage(baseStage, 0, undefined)];
  /** ARG before the first FROM. */
  readonly heading = new Map<string, string | undefined>();
  readonly #args: Readonly<Record<string, string>>;
  readonly #review: Review;
  /** FROM of images that may move; of the last stage another thing is said. */
  readonly #unpinned: Finding[] = [];

  constructor(args: Readonly<Record<string, string>>, review: Review) {
    this.#args = args;
    this.#review = review;
  }

  get current(): Stage {
    const last = this.all.at(-1);
    if (!last) throw new Error('there is always the stage of the base');
    return last;
  }

  /** The variables of the present stage. */
  get lookup(): Lookup {
    const { variables } = this.current;
    return name => variables.get(name);
  }

  /** ARG, before the first FROM or in the present stage. */
  declare({ line, name, value, heading }: Declaration): void {
    if (name === baseArgument) {
      this.#review.problems.push({ line, message: `ARG ${name} is set by Scantling; choose another name` });
      return;
    }
    const given = Object.hasOwn(this.#args, name) ? this.#args[name] : undefined;
    if (given !== undefined) this.#review.usedArgs.add(name);
    const known = builtin.test(name) || predefined.test(name) ? undefined : (given ?? value ?? this.heading.get(name));
    if (heading) this.heading.set(name, known);
    // ENV wins over ARG (Dockerfile reference, "Using ARG variables").
    else if (!this.current.environment.has(name)) this.current.variables.set(name, known);
  }

  setVariable(name: string, value: string | undefined): void {
    this.current.variables.set(name, value);
    this.current.environment.add(name);
  }

  /** FROM. Notes in the instruction what it names. */
  open(instruction: Instruction): void {
    const { line, flags, rest } = instruction;
    const problem = (message: string): void => void this.#review.problems.push({ line, message });
    const [image = '', as, name, ...more] = spacedWords(rest);
    if (image === '' || more.length > 0 || (as !== undefined && (as.toUpperCase() !== 'AS' || !name)))
      problem('FROM takes an image or a stage, and AS with a name');
    const origin = this.#origin(image, problem);
    const parent = origin === undefined ? undefined : this.byName(origin);
    if (origin !== undefined) instruction.image = origin;
    if (origin !== undefined && origin !== 'scratch' && !parent) this.#fromImage(origin, line);
    for (const flag of flags) {
      if (!/^--platform=./.test(flag)) problem(`FROM takes no ${quoteWord(flag)}; only --platform=`);
      else if (parent) problem('--platform is for images; a stage has the platform of what it starts from');
    }
    if (name !== undefined) this.#checkName(name, problem);
    this.all.push(stage(name, line, parent));
  }

  /** What FROM names: a stage, an image or scratch. */
  #origin(word: string, problem: (message: string) => void): string | undefined {
    const { value, problem: unreadable, unknown } = expand(word, name => this.heading.get(name));
    if (unreadable !== undefined) problem(`FROM ${quoteWord(word)}: ${unreadable}`);
    else if (value === undefined) {
      const advice = unknown.includes(baseArgument)
        ? `write FROM ${baseStage}`
        : 'declare it with ARG before the first FROM, and give it a value there or in spec.build.args';
      problem(`FROM ${quoteWord(word)}: ${unknown.join(', ')} has no value that is known before the build; ${advice}`);
    }
    return value === '' ? undefined : value;
  }

  #fromImage(image: string, line: number): void {
    const refused = refuseImage(image);
    if (refused === undefined) this.#found(image, line);
    else this.#unpinned.push({ line, message: `FROM ${refused}` });
  }

  #found(image: string, line: number): void {
    if (!this.#review.images.has(image)) this.#review.images.set(image, line);
  }

  #checkName(name: string, problem: (message: string) => void): void {
    if (name === baseStage) problem(`a stage cannot be called ${baseStage}: that is the stage of spec.base`);
    else if (!/^[a-z][a-z0-9_.-]*$/i.test(name))
      problem(`${quoteWord(name)} is no name for a stage: a letter, then letters, digits, "-", "_" and "."`);
    else if (this.byName(name)) problem(`the stage ${name} is there already`);
  }

  byName(name: string): Stage | undefined {
    return this.all.find(stage => stage.name === name);
  }

  /** After the last instruction: the last stage must be on the base, and all others on something that cannot move. */
  close(): void {
    const last = this.current;
    for (const { line, message } of this.#unpinned) if (line !== last.line) this.#review.problems.push({ line, message });
    if (!this.lineage(last).some(stage => stage.line === 0)) {
      const message = `the last stage makes the image, so it is on spec.base: write FROM ${baseStage}, or leave the only FROM out`;
      this.#review.problems.push({ line: last.line, message });
    }
  }

  /** The stage and those that it is made from. */
  lineage(stage: Stage): Stage[] {
    return stage.parent ? [stage, ...this.lineage(stage.parent)] : [stage];
  }

  /** Checks `--from=` of COPY and `from=` of a mount. */
  checkFrom(line: number, what: string, word: string): void {
    const problem = (message: string): void => void this.#review.problems.push({ line, message: `${what}: ${message}` });
    if (word.includes('$')) problem('name the stage or image itself; not every buildah knows variables here');
    else if (/^\d+$/.test(word)) problem(`stage ${word} is named by its place; give it a name with AS`);
    else if (this.current.name === word) problem(`${word} is this stage itself`);
    else if (!this.byName(word)) {
      const refused = refuseImage(word);
      if (refused === undefined) this.#found(word, line);
      else if (/[/:@]/.test(word)) problem(refused);
      else problem(`${quoteWord(word)} is no stage above`);
    }
  }
}

function stage(name: string | undefined, line: number, parent: Stage | undefined): Stage {
  const environment = new Set(parent?.environment);
  const inherited = [...(parent?.variables ?? [])].filter(([name]) => environment.has(name));
  return { name, line, parent, variables: new Map(inherited), environment, user: parent?.user };
}

/** Why an image cannot be used in a stage, or undefined when it is pinned. */
function refuseImage(image: string): string | undefined {
  const advice = 'name it by its registry host and digest, as host/name@sha256:…, so that equal inputs give equal images';
  try {
    return parseReference(image).digest === undefined ? `${quoteWord(image)} is not pinned; ${advice}` : undefined;
  } catch (error) {
    if (error instanceof StallingError) return `${quoteWord(image)} is neither a stage above nor a full image name; ${advice}`;
    throw error;
  }
}
