/** Does one step on the host, and notes what has to be known of it: before the step where it must outlive us, after it where it is a result. */
import { messageOf, TransientError } from '../api/errors.ts';
import { addonsOf } from './addons/plan.ts';
import { beginLive } from './apply-live.ts';
import { nextBoot } from './bootc-status.ts';
import type { BootcStatus } from './bootc-status.ts';
import { traceBoot, traceStaged } from './chain-trace.ts';
import { stagingSituation, stands } from './decide.ts';
import { deploymentOf } from './staged-lock.ts';
import type { Facts, Situation, Step } from './decide.ts';
import type { Outcome, Request } from './host.ts';
import { withIntent, withRebootRefused, withRebootTold, withVerdict, withoutIntent } from './memory.ts';
import type { Intent, Memory } from './memory.ts';
import { MemoryWriteError } from './mind.ts';
import type { Mind } from './mind.ts';
import type { Hands } from './hands.ts';
import { settleAddons } from './settle-addons.ts';
import { afterStaging, bootTroubleAfter, lockTriedAfter } from './settle.ts';
import { approvalOf, digestsOf, isOneOf, targetOf } from './target.ts';
import type { TargetView } from './target-watch.ts';
import { alreadyBooted, judge } from './verdict.ts';

/** Does the step. Resolves with the host's status when it was read again in the course of it. */
export async function take(
  step: Exclude<Step, { do: 'Rest' }>,
  target: TargetView,
  facts: Facts,
  hands: Hands,
): Promise<BootcStatus | undefined> {
  const { mind, log } = hands;
  switch (step.do) {
    case 'Judge':
      await conclude(step.intent, target.name, facts, hands);
      return undefined;
    case 'Acknowledge':
      log.info({ approval: step.approval }, 'approved to boot what runs already');
      await mind.remember(
        withVerdict(facts.memory, alreadyBooted(step.approval, step.digest, facts.boot.bootID, facts.now), [
          ...digestsOf(facts.spec),
          targetOf(facts.spec),
        ]),
      );
      return facts.status;
    case 'Withdraw':
      log.info({ approval: facts.memory.intent?.approval }, 'the approval was taken back');
      await withdrawAddons(facts.memory.intent, hands);
      await mind.remember(withoutIntent(facts.memory));
      return facts.status;
    case 'Stage':
      // A host that could not remember its boot must not be taken away for it.
      await mind.keep(facts.memory);
      if (!mind.stageTrouble) log.info({ image: step.image }, 'staging');
      // A controller that has never heard of this host should not wait for the pull.
      await reportFirstContact(target, facts, hands);
      await hands.credentials.provide(facts.spec.pullSecret);
      await begin({ kind: 'Stage', image: step.image, digest: step.digest }, facts, hands);
      return undefined;
    case 'PrepareAddons':
      await mind.keep(facts.memory);
      await reportFirstContact(target, facts, hands);
      if (facts.addonTrouble) await makeRoom(facts, hands);
      prepareAddons(step, facts, hands);
      return undefined;
    case 'ArmAddons':
      await mind.remember(withIntent(facts.memory, step.intent));
      await armAddons(step.intent, step.deployment, hands);
      return undefined;
    case 'Lock':
      await begin({ kind: 'Lock', method: step.method, digest: step.digest }, facts, hands);
      return undefined;
    case 'Arm':
      await mind.remember(withIntent(facts.memory, step.intent));
      await begin({ kind: 'Arm', digest: step.intent.digest }, facts, hands);
      return undefined;
    case 'ApplyLive':
      return beginLive(step.intent, step.situation, { target, facts, hands }, status => leadsTo(step.intent, status));
    case 'TakeBackLive':
      log.warn(
        { approval: step.intent.approval },
        'the change of addons did not come to its end; the former set is merged again',
      );
      await withdrawAddons(step.intent, hands);
      await mind.remember(withIntent(facts.memory, { ...step.intent, live: { ...step.intent.live, begun: 0, back: true } }));
      return facts.status;
    case 'Reboot':
      return reboot(step.intent, step.situation, { target, facts, hands });
  }
}

function prepareAddons(
  { over, runs, record, ahead }: Extract<Step, { do: 'PrepareAddons' }>,
  { spec, addons }: Facts,
  { addons: host, mind, log, now }: Hands,
): void {
  if (!host) throw new Error('addons for a host that has no store');
  if (!mind.addonTrouble) log.info({ set: spec.addonSet, addons: addonsOf(spec).map(({ name }) => name) }, 'preparing addons');
  const spoiled = ['Spoiled', 'NotInStore', 'NotErofs'];
  const doubtful = (addons?.seal?.addons ?? []).filter(({ reason }) => reason !== undefined && spoiled.includes(reason));
  const request = { target: targetOf(spec), addons: addonsOf(spec), pullSecret: spec.pullSecret, over, runs, doubtful };
  const running = host.prepare(request);
  mind.operation = { running, preparing: { running, record, runs, ahead: ahead ?? false }, startedAt: now() };
}

/** What earlier targets have brought may be what the room is missing for; nobody else lets go of it before the host comes to rest. */
async function makeRoom({ spec, status, addons }: Facts, { addons: host, log }: Hands): Promise<void> {
  try {
    await host?.tidy(status, [...(addons?.seal?.addons ?? []), ...addonsOf(spec)]);
  } catch (error) {
    log.warn({ error }, 'addons that nothing needs could not be removed');
  }
}

async function armAddons(intent: Intent, deployment: string, { addons, mind, now, random }: Hands): Promise<void> {
  try {
    await addons?.arm(deployment);
  } catch (error) {
    const outcome = { code: 1, stdout: '', stderr: messageOf(error) };
    noteBootTrouble(outcome, { approval: intent.approval, fallback: 'ArmFailed' }, mind, now(), random());
  }
}

/** The next boot has again what it had before the intent. */
async function withdrawAddons(intent: Intent | undefined, { addons }: Hands): Promise<void> {
  const { addonsOf: deployment } = intent ?? {};
  if (deployment !== undefined) await changeRecord(async () => addons?.withdraw(deployment));
}

/** A record is a part of what the agent must know later, and a disk that does not take it is told as for the rest. Throws MemoryWriteError. */
async function changeRecord(change: () => Promise<void>): Promise<void> {
  try {
    await change();
  } catch (error) {
    throw new MemoryWriteError(`the record of addons cannot be changed: ${messageOf(error)}`, { cause: error });
  }
}

async function reportFirstContact(target: TargetView, facts: Facts, hands: Hands): Promise<void> {
  if (target.status?.host === undefined) await hands.report(target, stagingSituation(facts.spec), facts);
}

async function begin(request: Request, facts: Facts, { host, mind, now }: Hands): Promise<void> {
  const { staged } = facts.status;
  const startedAt = now();
  const running = await host.start(request);
  mind.operation = { running, request, stagedBefore: staged ? deploymentOf(staged) : '', startedAt };
}

async function conclude(intent: Intent, node: string, facts: Facts, hands: Hands): Promise<void> {
  const { host, mind, log } = hands;
  const finalizeFailure = isOneOf(facts.status.booted, intent.digests) ? undefined : await host.finalizeFailure();
  const { boot, status, now, memory } = facts;
  const verdict = judge(intent, {
    bootID: boot.bootID,
    status,
    now,
    ...(finalizeFailure === undefined ? {} : { finalizeFailure }),
    ...(facts.addons?.seal ? { seal: facts.addons.seal } : {}),
  });
  // Before it is remembered: the same seal leads to the same end as often as it is judged.
  const { addonsOf: deployment } = intent;
  if (deployment !== undefined && verdict?.type === 'Succeeded') await changeRecord(async () => hands.addons?.prove(deployment));
  else await withdrawAddons(intent, hands);
  if (verdict)
    log.info({ verdict: verdict.type, digest: intent.digest, approval: intent.approval }, verdict.message ?? verdict.type);
  else log.info({ approval: intent.approval }, 'the host rebooted before it was told to; the approval still stands');
  await mind.remember(
    verdict
      ? withVerdict(memory, verdict, [...intent.digests, targetOf({ image: intent.digest, ...addonSet(intent) })])
      : withoutIntent(memory),
  );
  if (verdict) traceBoot({ node, spec: facts.spec, memory, intent, verdict, now });
}

function addonSet({ set }: Intent): { addonSet?: string } {
  return set === undefined ? {} : { addonSet: set };
}

/** What the next boot runs is what the intent is for. */
function leadsTo(intent: Intent, status: BootcStatus): boolean {
  if (intent.addonsOf !== undefined) return isOneOf(status.booted, intent.digests) && nextBoot(status) === status.booted;
  return isOneOf(status.staged, intent.digests) && status.staged?.locked === false;
}

/**
 * The order to reboot, last of all. The write before it answers with the spec as it is now, so an approval that was taken back a moment
 * ago is seen; and what is staged is read once more.
 */
async function reboot(
  intent: Intent,
  situation: Situation,
  { target, facts, hands }: { target: TargetView; facts: Facts; hands: Hands },
): Promise<BootcStatus | undefined> {
  const { host, mind, log, now, random } = hands;
  await mind.remember(withIntent(facts.memory, intent));
  const current = await hands.report(target, situation, facts, true);
  if (!current) throw new TransientError('TargetGone', 'the target is gone; not rebooting');
  if (!stands(intent, current.spec)) return undefined;
  const status = await host.status();
  if (!leadsTo(intent, status)) return status;
  const told = withRebootTold(facts.memory, intent, now());
  await mind.remember(told);
  log.info({ approval: intent.approval, digest: intent.digest }, 'rebooting');
  const outcome = await host.reboot();
  // Without a code the command was ended, most likely by what it asked for.
  if (outcome.code === undefined || outcome.code === 0) mind.bootTrouble = undefined;
  else await refused(outcome, intent, told, hands, random());
  return undefined;
}

async function refused(outcome: Outcome, intent: Intent, told: Memory, { mind, log, now }: Hands, random: number): Promise<void> {
  noteBootTrouble(outcome, { approval: intent.approval, fallback: 'RebootRefused' }, mind, now(), random);
  log.warn({ reason: mind.bootTrouble?.reason }, 'the host refused to reboot');
  await mind.remember(withRebootRefused(told));
}

function noteBootTrouble(
  outcome: Outcome,
  about: { approval: string; fallback: string },
  mind: Mind,
  now: number,
  random: number,
): void {
  const count = mind.bootTrouble?.approval === about.approval ? mind.bootTrouble.count + 1 : 1;
  const trouble = bootTroubleAfter(outcome, { fallback: about.fallback, count, now, random });
  mind.bootTrouble = { ...trouble, approval: about.approval, count };
}

/** Acts on the end of an operation: reads the host, notes the result, then forgets the operation. */
export async function settle(
  operation: NonNullable<Mind['operation']>,
  outcome: Outcome,
  target: TargetView,
  hands: Hands,
): Promise<BootcStatus> {
  const { host, credentials, mind, log, now, random } = hands;
  const { running, request, stagedBefore, startedAt } = operation;
  const status = await host.status();
  if (operation.preparing) {
    await settleAddons(operation.preparing, target, status, hands);
    return status;
  }
  if (running.kind === 'Stage') {
    await credentials.withdraw();
    const { memory, trouble } = afterStaging({
      digest: running.digest,
      outcome,
      stagedBefore,
      spec: target.spec,
      status,
      memory: await mind.memory(target.status),
      trouble: mind.stageTrouble,
      now: now(),
      random: random(),
    });
    if (trouble && trouble !== mind.stageTrouble) {
      log.warn({ reason: trouble.failure.reason, attempt: trouble.count }, trouble.failure.message);
    }
    mind.stageTrouble = trouble;
    // What was missing before the image was seen may have come with it.
    if (isOneOf(status.staged, digestsOf(target.spec))) mind.addonTrouble = undefined;
    // The pull may have filled the disk, and once the target is reported as staged, the host may be taken away.
    await (trouble ? mind.remember(memory) : mind.keep(memory));
  } else if (running.kind === 'Lock') {
    if (status.staged && !status.staged.locked) {
      mind.lockTried = lockTriedAfter(mind.lockTried, request?.kind === 'Lock' ? request : undefined, status);
    }
  } else if (running.kind === 'Live') {
    await settleLive(outcome, target, hands);
  } else if (status.staged?.locked) {
    const approval = approvalOf(target.spec);
    if (approval !== undefined) noteBootTrouble(outcome, { approval, fallback: 'ArmFailed' }, mind, now(), random());
  }
  await running.forget();
  mind.operation = undefined;
  const { name, spec } = target;
  if (running.kind === 'Stage' && outcome.code === 0 && isOneOf(status.staged, digestsOf(spec)))
    traceStaged({ node: name, spec, startedAt, now: now() });
  return status;
}

/** Whether it came to its end the seal says; where it did, nothing is tried again, and this is not looked at. */
async function settleLive(outcome: Outcome, { status }: TargetView, { mind, now, random }: Hands): Promise<void> {
  const approval = (await mind.memory(status)).intent?.approval;
  if (approval === undefined || outcome.code === 0) return;
  noteBootTrouble(outcome, { approval, fallback: 'LiveFailed' }, mind, now(), random());
}
