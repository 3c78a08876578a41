/**
 * The Containerfile language as buildah reads it (openshift/imagebuilder, dockerfile/parser/parser.go): parser directives, comments,
 * continued lines, here-documents, flags, and the JSON form.
 */
import { type Announcement, type HereDocument, announcedDocuments } from './here-document.ts';
import { jsonForm, takeFlags, trim, trimLeft } from './containerfile-words.ts';

export interface Instruction {
  /** Number of its first line, from 1. */
  line: number;
  /** In capitals. */
  keyword: string;
  /** `--name=value`, without quotes. */
  flags: string[];
  /** What follows keyword and flags, continued lines joined. */
  rest: string;
  /** The elements of the JSON form. */
  json?: string[];
  documents: HereDocument[];
  /** Of FROM, what it names once variables are replaced; set by the check. */
  image?: string;
  /** Its lines without comments, and without what continues them. */
  lines: string[];
}

/** Something wrong at a line of a Containerfile. */
export interface Finding {
  line: number;
  message: string;
}

export interface Containerfile {
  /** What continues a line and escapes in ENV, LABEL and ARG. */
  escape: '\\' | '`';
  instructions: Instruction[];
  problems: Finding[];
}

/** Older versions of buildah stop reading without a word at a line of 64 KiB (bufio.MaxScanTokenSize). */
export const maxLineBytes = 65_535;

/** Instructions with a JSON form, and those that announce here-documents. */
const jsonForms = new Set(['ADD', 'CMD', 'COPY', 'ENTRYPOINT', 'RUN', 'SHELL', 'VOLUME']);
const hereDocuments = new Set(['ADD', 'COPY', 'RUN']);

/** Never throws: what is wrong is in `problems`, and reading goes on after it. */
export function parseContainerfile(text: string): Containerfile {
  return new Parser(text).run();
}

/** One walk over the lines of a text. */
class Parser {
  readonly #lines: string[];
  readonly #file: Containerfile = { escape: '\\', instructions: [], problems: [] };
  #at = 0;

  constructor(text: string) {
    this.#lines = text
      .replace(/^\ufeff/, '')
      .split('\n')
      .map(line => (line.endsWith('\r') ? line.slice(0, -1) : line));
  }

  run(): Containerfile {
    this.#lines.forEach((line, i) => {
      if (line.length * 3 > maxLineBytes && Buffer.byteLength(line) > maxLineBytes)
        this.#problem(i + 1, `the line is longer than ${maxLineBytes} bytes; break it with "\\"`);
    });
    this.#directive();
    while (this.#at < this.#lines.length) this.#instruction();
    return this.#file;
  }

  /** `# escape=` counts in the first line only: anything else there, a comment too, ends the directives. */
  #directive(): void {
    const [, escape] = /^#[ \t]*escape[ \t]*=[ \t]*(.)/i.exec(trimLeft(this.#lines[0] ?? '')) ?? [];
    if (escape === undefined) return;
    if (escape === '\\' || escape === '`') this.#file.escape = escape;
    else this.#problem(1, `the escape character is \\ or \`, not ${JSON.stringify(escape)}`);
    const [, again] = /^#[ \t]*(escape)[ \t]*=/i.exec(trimLeft(this.#lines[1] ?? '')) ?? [];
    if (again !== undefined) this.#problem(2, 'the escape character is given twice');
  }

  #instruction(): void {
    const line = this.#at + 1;
    const lines = this.#continued(line);
    const text = trim(lines.join(''));
    if (text === '') return;
    const [word = ''] = /^[^\t\v\f\r ]+/.exec(text) ?? [];
    const keyword = word.toUpperCase();
    const { flags, rest } = takeFlags(text.slice(word.length));
    const form = jsonForms.has(keyword) ? jsonForm(rest) : undefined;
    if (form && 'problem' in form) this.#problem(line, `${keyword}: ${form.problem}`);
    const announced = form || !hereDocuments.has(keyword) ? [] : announcedDocuments(rest);
    const documents: HereDocument[] = [];
    for (const announcement of announced) {
      const content = this.#document(line, announcement);
      // After one that does not end there is no text for the others.
      if (content === undefined) break;
      documents.push({ ...announcement, content });
    }
    const json = form && 'values' in form ? { json: form.values } : {};
    this.#file.instructions.push({ line, keyword, flags, rest, ...json, documents, lines });
  }

  /** The lines of one instruction. Comments and empty lines between them do not end it. */
  #continued(line: number): string[] {
    const continuation = this.#file.escape === '`' ? /`[ \t]*$/ : /\\[ \t]*$/;
    const first = trimLeft(this.#lines[this.#at++] ?? '');
    if (first.startsWith('#')) return [];
    const lines = [first.replace(continuation, '')];
    let continued = continuation.test(first);
    while (continued && this.#at < this.#lines.length) {
      const line = this.#lines[this.#at++] ?? '';
      if (/^(#|$)/.test(trimLeft(line))) continue;
      lines.push(line.replace(continuation, ''));
      continued = continuation.test(line);
    }
    const written = lines.filter(line => line !== '');
    if (continuation.test(written.at(-1) ?? ''))
      this.#problem(line, `the instruction ends in ${this.#file.escape}, with nothing after it`);
    return written;
  }

  #document(line: number, { name, chomp }: Announcement): string | undefined {
    const start = this.#at;
    while (this.#at < this.#lines.length) {
      const text = this.#lines[this.#at++] ?? '';
      if ((chomp ? text.replace(/^\t+/, '') : text) === name)
        return this.#lines
          .slice(start, this.#at - 1)
          .map(text => `${text}\n`)
          .join('');
    }
    this.#problem(line, `the here-document ${JSON.stringify(name)} does not end: no line holds ${name} alone`);
    return undefined;
  }

  #problem(line: number, message: string): void {
    this.#file.problems.push({ line, message });
  }
}
