/** The go-ahead in a NodeTarget, as text: the controller writes it, and the agent acts on it. */

/** Stands between the time and the digest of one for the running host: to an agent that does not know it, it names another target, so that it waits. */
const live = 'live/';

export interface Approved {
  /** Of the target that it is for. */
  digest: string;
  /** For a change of addons on the running host; else for a reboot. */
  live: boolean;
}

/** A go-ahead: unlike every other, and naming the target that it is for. */
export function approvalText(now: number, o: Approved): string {
  return `${new Date(now).toISOString()}/${o.live ? live : ''}${o.digest}`;
}

/** What a go-ahead is for. */
export function approvedIn(approval: string): Approved {
  const named = approval.slice(approval.indexOf('/') + 1);
  return named.startsWith(live) ? { digest: named.slice(live.length), live: true } : { digest: named, live: false };
}

/** Whether a go-ahead is for the running host. */
export function isLiveApproval(approval: string | undefined): boolean {
  return approval !== undefined && approvedIn(approval).live;
}
