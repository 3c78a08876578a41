import type { BuildContext } from './build-context.ts';
import type { Review, Stages } from './containerfile-stage.ts';

/** What a rule sees besides its instruction. */
export interface Scope {
  review: Review;
  stages: Stages;
  /** The escape character. */
  escape: string;
  /** Ids of spec.build.secrets. */
  secrets: ReadonlySet<string>;
  problem: (line: number, message: string) => void;
  warning: (line: number, message: string) => void;
  /** Adds what a source of the build context reads to the build's inputs, or the problem; undefined is a source that only the build knows. */
  read: (line: number, what: string, source: string | undefined) => void;
}

/** `read` of a Scope. The paths go to `paths`. */
export function contextReader(context: BuildContext | undefined, paths: Set<string>, problem: Scope['problem']): Scope['read'] {
  return (line, what, source) => {
    if (!context) {
      problem(line, `${what} reads the build context, and there is none: name its directory by spec.containerfile.context`);
      return;
    }
    const read = context.read(source ?? '.');
    if (!('problem' in read)) read.forEach(path => paths.add(path));
    else if (source !== undefined) problem(line, `${what}: ${read.problem}`);
  };
}
