import { BuildError } from './build-error.ts';

/** What status.failure may hold. */
const maxLines = 40;
const maxLineLength = 1024;
const maxStepLength = 1024;
/** Of a step, in a message. */
const maxWordsLength = 256;
/** Of a line whose end has not come; a secret that is longer than this cannot be found in it. */
const maxPartialLength = 64 * 1024;

export interface OutputOptions {
  /** What the output belongs to before buildah names a step. */
  step: string;
  mask: (line: string) => string;
  /** Called for each line as it comes; most are masked only when asked for, for there may be millions. */
  onLine?: ((masked: () => string) => void) | undefined;
  /** Called when buildah begins a step, with its text, masked. */
  onStep?: ((step: string) => void) | undefined;
  platform?: string | undefined;
}

/** Reads buildah's output as it comes and keeps the present step and its last lines; memory does not grow with the output. */
export class BuildahOutput {
  readonly #o: OutputOptions;
  readonly #decoder = new TextDecoder();
  #partial = '';
  #step: string;
  #stepNumber: number | undefined;
  /** As they came: most are never looked at, so only those that are get masked. */
  #lines: string[] = [];

  constructor(options: OutputOptions) {
    this.#step = options.step;
    this.#o = options;
  }

  push(chunk: Uint8Array): void {
    const lines = (this.#partial + this.#decoder.decode(chunk, { stream: true })).split(/\r?\n|\r/);
    this.#partial = (lines.pop() ?? '').slice(0, maxPartialLength);
    for (const line of lines) this.#line(line);
  }

  /** All output has come. */
  end(): void {
    if (this.#partial !== '') this.#line(this.#partial);
    this.#partial = '';
  }

  /** The last lines, masked and cut. */
  lastLines(): string[] {
    return this.#lines
      .slice(-maxLines)
      .map(line => cut(this.#o.mask(plain(line)), maxLineLength))
      .filter(line => line !== '');
  }

  /** The failure, once the child has ended. `ended` says how: an exit code, a signal, a deadline. */
  failure(ended: { exitCode: number | null; how: string }): BuildError {
    this.end();
    const log = this.lastLines();
    // buildah's last line: `Error: building at STEP "RUN ...": exit status 3`, or a reason of its own.
    const reason = /^Error: (?:building at STEP .*": )?(.*)$/.exec(this.#lastLine())?.[1];
    const stepExitCode = /^exit status (\d+)$/.exec(reason ?? '')?.[1];
    const exitCode = stepExitCode === undefined ? (ended.exitCode ?? undefined) : Number(stepExitCode);
    const how = exitCode === undefined ? ended.how : `exit code ${exitCode}`;
    const words = stepExitCode === undefined ? reason && cut(reason, maxLineLength) : lastWords(log);
    const message = exitCode === undefined || !words ? how : `${how}: ${words}`;
    return new BuildError(message, {
      step: this.#step,
      stepNumber: this.#stepNumber,
      exitCode,
      log,
      platform: this.#o.platform,
    });
  }

  /** Masked, and not cut: it may quote a step of any length before it comes to the point. */
  #lastLine(): string {
    const lines = this.#lines.slice(-maxLines).map(line => this.#o.mask(plain(line)));
    return lines.findLast(line => line !== '') ?? '';
  }

  #line(raw: string): void {
    this.#o.onLine?.(() => this.#o.mask(plain(raw)));
    const step = stepOf(raw);
    if (step) {
      this.#step = cut(this.#o.mask(plain(step.text)), maxStepLength);
      this.#stepNumber = step.number;
      this.#lines = [];
      this.#o.onStep?.(this.#step);
      return;
    }
    if (raw === '') return;
    this.#lines.push(raw);
    if (this.#lines.length > 4 * maxLines) this.#lines = this.#lines.slice(-2 * maxLines);
  }
}

/**
 * What package managers say of what they do before they know whether they can: apt-get 2 and 3, zypper. It comes without the end of its
 * line, by another pipe than the error that follows it, so that the two are in one line, or in the wrong order, as the machine has it.
 */
const progress =
  /^(?:(?:Reading package lists|Building dependency tree|Reading state information|Calculating upgrade|Solving dependencies|Loading repository data|Reading installed packages|Resolving package dependencies)\.\.\.(?: *Done)?\s*)+/;
/** What apt-get and dnf begin a reason with. */
const reasonStart = /^(?:E|Error): /;

/** What a step said last, mostly why it failed, without what buildah adds to it, and without the progress of a package manager before it. Undefined when it said nothing. */
function lastWords(log: readonly string[]): string | undefined {
  const added =
    /^(?:Error: building at STEP "|subprocess exited with status \d+$|error running subprocess: |(?:Error: )?exit status \d+$|time=")/;
  const said = log.filter(text => text.trim() !== '' && !added.test(text)).map(text => text.trim());
  const last = said.at(-1);
  if (last === undefined) return undefined;
  const words = said.map(text => text.replace(progress, '')).findLast(text => text !== '');
  // Progress that was the last of all says how far the step came, unless a reason was given before it.
  const isLast = last.replace(progress, '') !== '';
  return cut(words !== undefined && (isLast || reasonStart.test(words)) ? words : last, maxWordsLength);
}

/** `STEP 2/3: RUN ...`; in a build of several stages `[1/2] STEP 2/3: RUN ...`. */
function stepOf(line: string): { text: string; number: number } | undefined {
  if (!line.includes('STEP ')) return undefined;
  const [, stage = '', text = '', number] = /^(\[\d+\/\d+\] )?STEP ((\d+)\/\d+: .*)$/.exec(line) ?? [];
  return number === undefined ? undefined : { text: `${stage}${text}`, number: Number(number) };
}

/** Terminal control sequences say nothing in a status. */
function plain(line: string): string {
  // eslint-disable-next-line no-control-regex
  return line.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
}
