/** What a person should look at after an import. */

export interface ImportWarning {
  /** Absolute, in the addon, or in the archive where the message is about it. */
  path: string;
  /** From 1. */
  line?: number;
  message: string;
}

/** A text of a megabyte can speak of torcx in every line. */
const most = 200;

export class ImportWarnings {
  readonly #kept: ImportWarning[] = [];
  #more = 0;

  add(warning: ImportWarning): void {
    if (this.#kept.length < most) this.#kept.push(warning);
    else this.#more++;
  }

  all(): ImportWarning[] {
    return this.#more === 0 ? [...this.#kept] : [...this.#kept, { path: '/', message: `and ${this.#more} more` }];
  }
}
