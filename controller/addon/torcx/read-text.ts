/** The content of a file, looked through for what it says of torcx. */
import { isUtf8 } from 'node:buffer';
import type { ArchiveFile } from './archive-tree.ts';
import { marks, translateText, type Places, type TextWarning } from './references.ts';

/** Larger files are programs or data; what speaks of torcx in them cannot be written anew. */
const maxTextBytes = 1024 * 1024;

/**
 * `bytes`: what the file has in the addon, where that is something else. All of the file is read.
 * @throws StallingError `InvalidArchive` where it is damaged
 */
export async function readText(
  file: ArchiveFile,
  places: Places,
  isUnit: boolean,
): Promise<{ bytes?: Buffer; warnings: { line?: number; message: string }[] }> {
  const kept: Uint8Array[] = [];
  const scan = new Scan(['/run/torcx', '/run/metadata/torcx']);
  for await (const piece of file.bytes()) {
    scan.take(piece);
    if (file.size <= maxTextBytes) kept.push(Buffer.from(piece));
  }
  const whole = Buffer.concat(kept);
  const isText = file.size <= maxTextBytes && !whole.includes(0) && isUtf8(whole);
  if (!isText) {
    const warnings = scan.found.map(({ at, text }) => ({
      message: `is no text, and has ${text} at byte ${at}: it looks for something of torcx, which is not there`,
    }));
    return { warnings };
  }
  if (!marks.some(mark => whole.includes(mark))) return { warnings: [] };
  const before = whole.toString('utf8');
  const { text, warnings }: { text: string; warnings: TextWarning[] } = translateText(before, places, isUnit);
  return text === before ? { warnings } : { bytes: Buffer.from(text), warnings };
}

/** Where texts stand first in bytes that come in pieces. */
class Scan {
  readonly found: { at: number; text: string }[] = [];
  #wanted: readonly string[];
  #tail: Buffer = Buffer.alloc(0);
  #passed = 0;

  constructor(wanted: readonly string[]) {
    this.#wanted = wanted;
  }

  take(piece: Uint8Array): void {
    if (this.#wanted.length > 0) {
      const bytes = Buffer.concat([this.#tail, piece]);
      const start = this.#passed - this.#tail.length;
      for (const text of this.#wanted) {
        const at = bytes.indexOf(text);
        if (at !== -1) this.found.push({ at: start + at, text });
      }
      this.#wanted = this.#wanted.filter(text => !this.found.some(one => one.text === text));
      this.#tail = Buffer.from(bytes.subarray(-32));
    }
    this.#passed += piece.length;
  }
}
