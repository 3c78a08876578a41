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

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
