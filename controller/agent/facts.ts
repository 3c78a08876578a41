/** All that a decision of the agent is made from, read from the host at one time. */
import type { AddonHost } from './addons/addon-host.ts';
import { awaitsSeal } from './addons/plan.ts';
import type { BootcStatus } from './bootc-status.ts';
import type { Facts } from './decide.ts';
import type { Host } from './host.ts';
import type { Memory } from './memory.ts';
import type { Mind } from './mind.ts';
import { approvalOf } from './target.ts';
import type { TargetView } from './target-watch.ts';

export interface Known {
  target: TargetView;
  memory: Memory;
  mind: Pick<Mind, 'stageTrouble' | 'addonTrouble' | 'sealMissingSince' | 'bootTrouble' | 'lockTried'>;
  /** The host's status, where a step has just brought it. */
  fresh: BootcStatus | undefined;
}

export type Limits = Pick<Facts, 'rebootGraceMs' | 'rebootTimeoutMs'> & { now: () => number };

/** Throws what the host throws; a part that is not known is never taken for one that is absent. */
export async function gatherFacts(
  { host, addons: addonHost }: { host: Host; addons: AddonHost | undefined },
  { target, memory, mind, fresh }: Known,
  { now, ...limits }: Limits,
): Promise<Facts> {
  const [boot, features, status, signaturePolicy] = await Promise.all([
    host.boot(),
    host.features(),
    fresh ?? host.status(),
    host.signaturePolicy(),
  ]);
  const told = memory.intent?.toldAt !== undefined && memory.intent.bootID === boot.bootID;
  const stopping = told && (await host.stopping());
  const addons = await addonHost?.look(status, boot, target.spec.image);
  // A time that is still to come is of a clock that was set back since.
  mind.sealMissingSince = awaitsSeal(addons) ? Math.min(mind.sealMissingSince ?? now(), now()) : undefined;
  const { stageTrouble, addonTrouble, sealMissingSince, bootTrouble, lockTried } = mind;
  return {
    ...limits,
    now: now(),
    spec: target.spec,
    retried: target.retried,
    boot,
    status,
    features,
    signaturePolicy,
    memory,
    stopping,
    lockTried,
    ...(stageTrouble ? { trouble: stageTrouble } : {}),
    ...(addons ? { addons } : {}),
    ...(addonTrouble ? { addonTrouble } : {}),
    ...(sealMissingSince === undefined ? {} : { sealMissingSince }),
    ...(bootTrouble && bootTrouble.approval === approvalOf(target.spec) ? { bootTrouble } : {}),
  };
}
