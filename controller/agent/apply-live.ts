/** Changes the addons of the running host, with what has to be known of it on the disk before each step. */
import { TransientError } from '../api/errors.ts';
import type { BootcStatus } from './bootc-status.ts';
import { stands } from './decide.ts';
import type { Facts, Situation } from './decide.ts';
import type { LiveChange } from './decide-live.ts';
import type { Hands } from './hands.ts';
import { withIntent } from './memory.ts';
import { targetOf } from './target.ts';
import type { TargetView } from './target-watch.ts';

/**
 * Begins the script, in a unit of the host's own: it goes on where the change takes the agent with it. Before the first time the go-ahead is asked for once
 * more, as before a reboot. Resolves with the host's status where it was read and is in the way.
 */
export async function beginLive(
  intent: LiveChange,
  situation: Situation,
  { target, facts, hands }: { target: TargetView; facts: Facts; hands: Hands },
  leadsTo: (status: BootcStatus) => boolean,
): Promise<BootcStatus | undefined> {
  const { host, mind, log, now } = hands;
  const { live } = intent;
  if (live.begun === 0 && !live.back) {
    const current = await hands.report(target, situation, facts, true);
    if (!current) throw new TransientError('TargetGone', 'the target is gone; the addons stay as they are');
    if (!stands(intent, current.spec)) return undefined;
    const status = await host.status();
    if (!leadsTo(status)) return status;
  } else await hands.report(target, situation, facts);
  await mind.remember(withIntent(facts.memory, { ...intent, live: { ...live, begun: live.begun + 1 } }));
  log.info({ approval: intent.approval, digest: intent.digest, set: intent.set }, 'changing addons without a reboot');
  const startedAt = now();
  const request = { kind: 'Live', digest: targetOf({ image: intent.digest, ...setOf(intent) }) } as const;
  const running = await host.start(request);
  mind.operation = { running, request, stagedBefore: '', startedAt };
  return undefined;
}

function setOf({ set }: LiveChange): { addonSet?: string } {
  return set === undefined ? {} : { addonSet: set };
}
