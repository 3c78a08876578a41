/** What a rollout remembers of what an agent says of its host. */
import type { NodeTargetStatusHost } from '../api/node-target.ts';
import { epoch, optional } from './view-fields.ts';

export interface HostView {
  phase?: NodeTargetStatusHost['phase'];
  bootID?: string;
  /** Digest of the image that runs. */
  booted?: string;
  /** That image as the host names it, while it is not the NodeTarget's. */
  bootedImage?: string;
  staged?: { digest: string; locked: boolean };
  /** Digest of the set of addons that is merged as it should be; '' when what is merged is not all of a set. */
  set?: string;
  /** What is merged, where that is all of a set; absent for nothing. */
  merged?: readonly { name: string; digest: string }[];
  /** What the next boot of an image merges. */
  prepared?: { image: string; set?: string };
  /** Whether agent and host can merge addons. */
  canMerge?: true;
  /** Whether they can change addons without a reboot. */
  canApply?: true;
  /** Whether the host's bootc can keep a staged image from being booted by accident. */
  canLock: boolean;
  agentVersion?: string;
  /** Version of its systemd. */
  systemd?: number;
  /** When the agent last wrote, epoch ms by its own clock. */
  reportedAt: number;
  failures: readonly { digest: string; reason: string; message: string; time: string; approval?: string }[];
}

/** `wanted`: index and platform digests of the target. */
export function projectHost(host: NodeTargetStatusHost, wanted: readonly string[]): HostView {
  const { booted, staged, addons, prepared } = host;
  const isWanted = booted?.digest === undefined || wanted.includes(booted.digest);
  return {
    canLock: host.capabilities?.includes('LockedStaging') ?? false,
    reportedAt: epoch(host.reportedAt),
    failures: (host.failed ?? []).map(f => ({
      digest: f.digest,
      reason: f.reason,
      message: f.message ?? '',
      time: f.time,
      ...optional('approval', f.approval),
    })),
    ...optional('agentVersion', host.agentVersion),
    ...optional('systemd', host.systemdVersion),
    ...optional('phase', host.phase),
    ...optional('bootID', host.bootID),
    ...optional('booted', booted?.digest),
    ...optional('bootedImage', isWanted ? undefined : booted.image),
    ...setOf(addons),
    ...optional('prepared', prepared && { image: prepared.image, ...optional('set', prepared.set) }),
    ...(host.capabilities?.includes('Addons') ? { canMerge: true } : {}),
    ...(host.capabilities?.includes('LiveAddons') ? { canApply: true } : {}),
    ...optional('staged', staged?.digest === undefined ? undefined : { digest: staged.digest, locked: staged.locked === true }),
  };
}

function setOf(addons: NodeTargetStatusHost['addons']): Pick<HostView, 'set' | 'merged'> {
  if (addons === undefined || addons.state === 'None') return {};
  if (addons.state !== 'Merged') return { set: '' };
  const { set, entries = [] } = addons;
  return { ...optional('set', set), merged: entries.map(({ name, digest }) => ({ name, digest })) };
}
