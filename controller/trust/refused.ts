import type { CandidateReason } from './reasons.ts';

/** Thrown where one candidate is refused, inside of judging only: a candidate is refused by a verdict, never by an error that leaves it. */
export class RefusedCandidate extends Error {
  readonly reason: CandidateReason;
  constructor(reason: CandidateReason, message: string) {
    super(message);
    this.name = 'RefusedCandidate';
    this.reason = reason;
  }
}

/** Text of somebody else, short enough for a message and without what a terminal would obey. */
export function quoted(text: string): string {
  const short = text.length > 160 ? `${text.slice(0, 159)}…` : text;
  return JSON.stringify(short).replace(/\p{C}/gu, '');
}
