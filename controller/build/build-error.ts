export interface StepFailure {
  /** As buildah names it, such as `2/3: RUN ...`, or what was done in place of a step. */
  step: string;
  /** Of the Containerfile's steps, from 1. */
  stepNumber?: number | undefined;
  /** Undefined when the step was ended by a signal or a deadline. */
  exitCode?: number | undefined;
  /** Last lines of the step's output, secrets masked. */
  log: readonly string[];
  /** As `linux/amd64`, where known. */
  platform?: string | undefined;
}

/** A step of a build failed in a way that the same inputs will most likely repeat. Carries what status.failure says; its message is how the step ended. */
export class BuildError extends Error {
  readonly step: string;
  readonly stepNumber: number | undefined;
  readonly exitCode: number | undefined;
  readonly log: readonly string[];
  readonly platform: string | undefined;
  constructor(message: string, failure: StepFailure) {
    super(message);
    this.name = 'BuildError';
    this.step = failure.step;
    this.stepNumber = failure.stepNumber;
    this.exitCode = failure.exitCode;
    this.log = failure.log;
    this.platform = failure.platform;
  }
}
