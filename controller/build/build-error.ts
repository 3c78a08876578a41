/** A step of a build failed in a way that the same inputs will most likely repeat. Carries what status.failure says; its message is how the step ended. */
export class BuildError extends Error {
  /** As buildah names it: `2/3: RUN ...`. */
  readonly step: string;
  /** Undefined when the step was ended by a signal or a deadline. */
  readonly exitCode: number | undefined;
  /** Last lines of the step's output, secrets masked. */
  readonly log: readonly string[];
  constructor(message: string, failure: { step: string; exitCode?: number | undefined; log: readonly string[] }) {
    super(message);
    this.name = 'BuildError';
    this.step = failure.step;
    this.exitCode = failure.exitCode;
    this.log = failure.log;
  }
}
