/** What is kept to be shown at the end, once the output has been cut. */
const tailLines = 40;

/**
 * Passes lines on until there were too many bytes, says so once, and shows the last ones at the end: the nodes of a cluster keep only so much of a
 * pod's output, and neither their disks nor this program's memory are a step's to fill.
 */
export class OutputLimit {
  readonly #out: (text: string) => void;
  readonly #maxBytes: number;
  #pending = '';
  #bytes = 0;
  #left = 0;
  #tail: (() => string)[] = [];

  /** `out` is called once for all lines that come in one go. */
  constructor(out: (text: string) => void, maxBytes: number) {
    this.#out = out;
    this.#maxBytes = maxBytes;
  }

  /** A line, which is asked for only when it is shown. */
  line(text: () => string): void {
    if (this.#left === 0) {
      const line = `${text()}\n`;
      this.#bytes += Buffer.byteLength(line);
      if (this.#bytes <= this.#maxBytes) {
        this.#write(line);
        return;
      }
      this.#write(
        `[scantling: more than ${this.#maxBytes} bytes of output; the last lines are shown when the build has ended]\n`,
      );
    }
    this.#left++;
    this.#tail.push(text);
    if (this.#tail.length > 4 * tailLines) this.#tail = this.#tail.slice(-tailLines);
  }

  end(): void {
    this.#tell();
    this.#flush();
  }

  #tell(): void {
    if (this.#left === 0) return;
    const last = this.#tail.slice(-tailLines);
    if (this.#left > last.length) this.#write(`[scantling: ${this.#left - last.length} lines are not shown]\n`);
    for (const text of last) this.#write(`${text()}\n`);
  }

  /** A write for each line would cost more memory and time than all else. */
  #write(text: string): void {
    if (this.#pending === '') queueMicrotask(() => this.#flush());
    this.#pending += text;
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = '';
    if (text !== '') this.#out(text);
  }
}
