/** How a staged deployment that any reboot would apply gets the lock that it lacks: pure. */
import type { BootcStatus, BootEntry } from './bootc-status.ts';
import type { HostFeatures, LockMethod } from './host.ts';

/** The next way to try, with what it is tried on; undefined where nothing lacks the lock, or no way is left. */
export function nextLock({
  status: { staged },
  features,
  lockTried,
}: {
  status: BootcStatus;
  features: HostFeatures;
  lockTried: { deployment: string; methods: readonly LockMethod[] };
}): { method: LockMethod; deployment: string; digest: string } | undefined {
  if (!staged || staged.locked) return undefined;
  const deployment = deploymentOf(staged);
  const tried = lockTried.deployment === deployment ? lockTried.methods : [];
  const method = lockMethods(features).find(m => !tried.includes(m));
  return method && { method, deployment, digest: staged.digest ?? '' };
}

/** What tells a staging from a later one. */
export function deploymentOf(entry: BootEntry): string {
  return entry.deployment ?? entry.digest ?? '';
}

/**
 * `bootc upgrade --download-only` leaves what is staged unlocked as it is and exits 0 (bootc issue 2425), so it comes second; it is tried
 * because a later release may do better.
 */
function lockMethods(features: HostFeatures): LockMethod[] {
  return [...(features.lockFinalization ? ['ostree' as const] : []), ...(features.upgradeDownloadOnly ? ['bootc' as const] : [])];
}
