/** What is refused of an addon's files, path by path, in a message and for a status, without ever being longer than people read. */
import { StallingError } from '../api/errors.ts';
import type { AddonReason } from './reasons.ts';

export interface Refusal {
  /** Absolute: as it is in the addon, or in the source image where that cannot be said. */
  path: string;
  /** What is wrong with it and what to do, to be read after the path. */
  why: string;
}

/** So many are kept; the rest is counted. */
export const maxRefusals = 100;
/** So many are in the message, which has no more letters than a condition's may have with something before it. */
const maxInMessage = 40;
const maxLetters = 12_000;
/** Of one that some path makes long. */
const maxLineLetters = 1_000;

/** Refusals as they are found. */
export class RefusalList {
  readonly #first: Refusal[] = [];
  #count = 0;

  add(path: string, why: string): void {
    this.#count++;
    if (this.#first.length < maxRefusals) this.#first.push({ path, why });
  }

  /** @throws ContentRefusedError when there are any */
  check(): void {
    if (this.#count > 0) throw new ContentRefusedError(this.#first, this.#count - this.#first.length);
  }
}

/** Files that an addon must not have. */
export class ContentRefusedError extends StallingError {
  readonly refusals: readonly Refusal[];
  /** How many there are beside those. */
  readonly more: number;

  constructor(refusals: readonly Refusal[], more: number) {
    super('ContentRefused' satisfies AddonReason, messageOf(refusals, more));
    this.name = 'ContentRefusedError';
    this.refusals = refusals;
    this.more = more;
  }
}

function messageOf(refusals: readonly Refusal[], more: number): string {
  const lines: string[] = [];
  let letters = 0;
  for (const { path, why } of refusals.slice(0, maxInMessage)) {
    // With what cannot be seen escaped.
    const line = `${JSON.stringify(path)} ${why}`.slice(0, maxLineLetters);
    letters += line.length;
    if (letters > maxLetters) break;
    lines.push(line);
  }
  const left = refusals.length - lines.length + more;
  return `an addon cannot have these files: ${lines.join('; ')}${left > 0 ? `; and ${left} more` : ''}`;
}
