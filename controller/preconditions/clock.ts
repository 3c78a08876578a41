/** How far this machine's clock is from the API server's, by the Date of its answers: pure. */
import type { Finding } from './finding.ts';

/** Above it a warning: conditions, events and what agents report bear times of different clocks. */
const warnMs = 2_000;
/** Above it not ready: as long as a Lease lasts. What is decided by times of others, such as how old an agent's report is, is no longer sound. */
const mostMs = 15_000;

/** When an answer was asked for and when it came, by this machine's clock, and what its Date says, in whole seconds. */
export interface DatedAnswer {
  date: number;
  sentAt: number;
  receivedAt: number;
}

/** By how much this clock is ahead, in ms (behind when negative): no more than is certain, so 0 whenever the answer can be explained without. */
export function aheadMs({ date, sentAt, receivedAt }: DatedAnswer): number {
  // The answer was made at a time between sentAt and receivedAt here, which was between date and date + 1 s there.
  if (sentAt > date + 1_000) return sentAt - date - 1_000;
  return receivedAt < date ? receivedAt - date : 0;
}

export function clockFinding(ahead: number): Finding | undefined {
  const by = Math.abs(ahead);
  if (by <= warnMs) return undefined;
  const which = `the clock of this machine is ${seconds(by)} ${ahead > 0 ? 'ahead of' : 'behind'} the API server's`;
  return {
    key: by > mostMs ? 'clock' : 'clock-warning',
    severity: by > mostMs ? 'blocking' : 'warning',
    message: `${which}: set the clocks of the nodes and of the control plane by NTP`,
  };
}

/** Keeps by how much this clock is ahead, by the answers as they come. */
export class ClockWatch {
  #aheadMs = 0;
  /** The wall clock less the monotonic one at the last answer: it stays the same unless the wall clock is set. */
  #offset = Date.now() - performance.now();

  get aheadMs(): number {
    return this.#aheadMs;
  }

  /**
   * Whether nothing is to be decided by this clock: it is far from the API server's, or has been set by much since that last answered. A time
   * limit would be over that has hardly begun.
   */
  get isFarOff(): boolean {
    return Math.abs(this.#aheadMs) > mostMs || Math.abs(Date.now() - performance.now() - this.#offset) > mostMs;
  }

  /** Takes an answer with its header; returns whether what there is to say of the clock has become another thing by it. */
  saw({ date, sentAt, receivedAt }: Omit<DatedAnswer, 'date'> & { date: string | undefined }): boolean {
    const parsed = Date.parse(date ?? '');
    if (Number.isNaN(parsed)) return false;
    const before = clockFinding(this.#aheadMs)?.key;
    this.#aheadMs = aheadMs({ date: parsed, sentAt, receivedAt });
    this.#offset = receivedAt - performance.now();
    return clockFinding(this.#aheadMs)?.key !== before;
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
