import { BuildError } from './build-error.ts';

/** What status.failure.log may hold. */
const maxLines = 40;
const maxLineLength = 1024;
const maxStepLength = 1024;

/** Reads buildah's output as it comes and keeps the present step and its last lines; memory does not grow with the output. */
export class BuildahOutput {
  readonly #mask: (line: string) => string;
  readonly #decoder = new TextDecoder();
  #partial = '';
  #step: string;
  #lines: string[] = [];

  /** `step` is what the output belongs to before buildah names a step. */
  constructor(step: string, mask: (line: string) => string) {
    this.#step = step;
    this.#mask = mask;
  }

  push(chunk: Uint8Array): void {
    const lines = (this.#partial + this.#decoder.decode(chunk, { stream: true })).split(/\r?\n|\r/);
    this.#partial = (lines.pop() ?? '').slice(0, maxLineLength * 4);
    for (const line of lines) this.#line(line);
  }

  /** The failure, once the child has ended. `ended` says how: an exit code, a signal, a deadline. */
  failure(ended: { exitCode: number | null; how: string }): BuildError {
    if (this.#partial !== '') this.#line(this.#partial);
    this.#partial = '';
    // buildah's last line: `Error: building at STEP "RUN ...": exit status 3`, or a reason of its own.
    const reason = /^Error: (?:building at STEP .*": )?(.*)$/.exec(this.#lines.at(-1) ?? '')?.[1];
    const stepExitCode = /^exit status (\d+)$/.exec(reason ?? '')?.[1];
    const exitCode = stepExitCode === undefined ? (ended.exitCode ?? undefined) : Number(stepExitCode);
    const how = exitCode === undefined ? ended.how : `exit code ${exitCode}`;
    const message = stepExitCode !== undefined || exitCode === undefined || !reason ? how : `${how}: ${reason}`;
    return new BuildError(message, { step: this.#step, exitCode, log: this.#lines });
  }

  #line(raw: string): void {
    // Terminal control sequences say nothing in a status.
    // eslint-disable-next-line no-control-regex
    const line = this.#mask(raw.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ''));
    const step = /^STEP (\d+\/\d+: .*)$/.exec(line)?.[1];
    if (step !== undefined) {
      this.#step = cut(step, maxStepLength);
      this.#lines = [];
      return;
    }
    if (line === '') return;
    this.#lines.push(cut(line, maxLineLength));
    if (this.#lines.length > maxLines) this.#lines.shift();
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
