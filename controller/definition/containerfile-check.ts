/** Checks a Containerfile before anything is built: instructions, stages, sources and mounts, each with its line. Pure. */
import type { BuildContext } from './build-context.ts';
import type { Containerfile, Finding, Instruction } from './containerfile-parse.ts';
import { checkArg, checkInstruction } from './containerfile-rules.ts';
import { type Scope, contextReader } from './containerfile-scope.ts';
import { type Review, type Stage, Stages, emptyReview } from './containerfile-stage.ts';
import { quoteWord } from './containerfile-words.ts';

export interface CheckInput {
  file: Containerfile;
  /** spec.build.args */
  args: Readonly<Record<string, string>>;
  /** Ids of spec.build.secrets. */
  secrets: ReadonlySet<string>;
  /** Undefined without spec.containerfile.context. */
  context: BuildContext | undefined;
}

export interface CheckedContainerfile extends Review {
  /** ARG before the first FROM. */
  heading: Instruction[];
  body: Instruction[];
  /** The paths of the build context that are read. */
  read: Set<string>;
  /** The image that comes out is left with another user than root. */
  leavesRoot: boolean;
}

/** More is no file that a person wrote, and each may be held against the whole build context. */
const maxInstructions = 1000;
/** Instructions that only say how a container is run. */
const forContainers = new Set(['CMD', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'STOPSIGNAL', 'VOLUME']);

export function checkContainerfile({ file, args, secrets, context }: CheckInput): CheckedContainerfile {
  const review = emptyReview(file.problems);
  const read = new Set<string>();
  const problem = (line: number, message: string): void => void review.problems.push({ line, message });
  // Copies, in which the stages note what FROM names.
  const { heading, body } = parts(file.instructions.map(instruction => ({ ...instruction })));
  const tooMany = file.instructions[maxInstructions];
  if (tooMany) problem(tooMany.line, `there are more than ${maxInstructions} instructions`);
  if (file.instructions.length === 0) problem(1, 'there is no instruction');
  if (tooMany) return { ...review, heading, body, read, leavesRoot: false };

  const stages = new Stages(args, review);
  const scope: Scope = {
    review,
    stages,
    escape: file.escape,
    secrets,
    problem,
    warning: (line, message) => void review.warnings.push({ line, message }),
    read: contextReader(context, read, problem),
  };
  const ofStage = new Map<Instruction, Stage>();
  for (const instruction of heading) checkArg(instruction, scope, true);
  for (const instruction of body) {
    checkInstruction(instruction, scope);
    ofStage.set(instruction, stages.current);
  }
  stages.close();
  const lineage = new Set(stages.lineage(stages.current));
  const inImage = body.filter(instruction => lineage.has(ofStage.get(instruction) ?? stages.current));
  review.warnings.push(...inImage.flatMap(warnOfContainer), ...warnOfUser(stages.current));
  const lines = new Set(inImage.map(({ line }) => line));
  review.lint = review.lint.filter(({ line }) => lines.has(line));
  for (const findings of [review.problems, review.warnings]) findings.sort((a, b) => a.line - b.line);
  return { ...review, heading, body, read, leavesRoot: warnOfUser(stages.current).length > 0 };
}

/** Only where there is a FROM is ARG before it for all stages; without one all is one stage. */
function parts(instructions: readonly Instruction[]): { heading: Instruction[]; body: Instruction[] } {
  const hasStages = instructions.some(({ keyword }) => keyword === 'FROM');
  const first = hasStages ? instructions.findIndex(({ keyword }) => keyword !== 'ARG') : 0;
  return { heading: instructions.slice(0, first), body: instructions.slice(first) };
}

function warnOfContainer({ line, keyword, json }: Instruction): Finding[] {
  // bootc recommends CMD ["/sbin/init"] for images that are also run as containers.
  const isInit = keyword === 'CMD' && json?.join(' ') === '/sbin/init';
  if (!forContainers.has(keyword) || isInit) return [];
  const meaning = keyword === 'ENV' ? 'holds for the steps of the build' : 'says how a container is run';
  return [{ line, message: `${keyword} ${meaning}; the host ignores it` }];
}

function warnOfUser({ user }: Stage): Finding[] {
  if (!user || /^(root|0)(:(root|0))?$/.test(user.name)) return [];
  return [{ line: user.line, message: `USER is ${quoteWord(user.name)} at the end; the host ignores it` }];
}
