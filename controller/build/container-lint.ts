/** What `bootc container lint` prints, read as findings. Pure. */

/** What a status holds: so many, of so many characters each. */
const maxFindings = 64;
const maxFindingLength = 1024;

/** Reads its output line by line; memory does not grow with it. */
export class LintOutput {
  readonly #findings: string[] = [];
  #open = false;
  #more = 0;

  /**
   * A finding is `Lint warning: NAME: ...` or `Failed lint: NAME: ...`; lines after it that are indented go with it. Counts (`Checks passed: 11`)
   * and the last `error: Linting: Checks failed: 1` tell nothing new (bootc, lints.rs).
   */
  line(line: string): void {
    const [, level, text = ''] = /^(Lint warning|Failed lint): (.*)$/.exec(line) ?? [];
    if (level !== undefined) {
      this.#open = this.#findings.length < maxFindings;
      if (this.#open) this.#findings.push(text);
      else this.#more++;
    } else if (this.#open && /^\s+\S/.test(line)) {
      const before = this.#findings.pop() ?? '';
      this.#findings.push(before.length > maxFindingLength ? before : `${before} ${line.trim()}`);
    } else this.#open = false;
  }

  /** Each as `NAME: ...`. */
  findings(): string[] {
    const shown = this.#more > 0 ? [...this.#findings.slice(0, -1), `and ${this.#more + 1} findings more`] : this.#findings;
    return shown.map(text => (text.length <= maxFindingLength ? text : `${text.slice(0, maxFindingLength - 1).toWellFormed()}…`));
  }
}
