/** Acts on the end of a preparation of addons: what is ready is recorded for the deployment that it is for. */
import { recordKey } from './addons/plan.ts';
import { troubleOf } from './addons/trouble.ts';
import type { PreparedAddon } from './addons/prepare.ts';
import type { BootcStatus } from './bootc-status.ts';
import type { Preparing } from './mind.ts';
import type { Hands } from './hands.ts';
import { targetOf } from './target.ts';
import type { TargetView } from './target-watch.ts';

/** The record is written only while target and deployment are the ones that the addons were prepared for; `status` was read after the end. */
export async function settleAddons(
  preparing: Preparing,
  { spec, status: reported }: TargetView,
  status: BootcStatus,
  hands: Hands,
): Promise<void> {
  const { mind, log, now, random } = hands;
  const { running, record } = preparing;
  const found = await running.found;
  const notReady = found.filter(({ error }) => error !== undefined);
  const target = targetOf(spec);
  if (target === running.digest) {
    const failed = notReady.length > 0 ? notReady : await keep(preparing, status, hands);
    const before = mind.addonTrouble;
    const about = { target, pullSecret: spec.pullSecret?.revision, before, now: now(), random: random() };
    mind.addonTrouble = failed.length > 0 ? troubleOf(failed, about) : undefined;
    const trouble = mind.addonTrouble;
    if (trouble) log.warn({ reason: trouble.failure.reason, attempt: trouble.count }, trouble.failure.message);
    else log.info({ set: record.set }, 'addons are prepared');
  }
  await mind.keep(await mind.memory(reported));
  await running.forget();
  mind.operation = undefined;
}

/** Writes the record; resolves with all of its addons where it could not be written. */
async function keep({ record, runs, ahead }: Preparing, status: BootcStatus, { addons }: Hands): Promise<PreparedAddon[]> {
  const entry = runs ? status.booted : status.staged;
  // What they are for is gone; the next look at the host decides anew.
  if (!ahead && recordKey(entry) !== record.deployment) return [];
  try {
    await (runs ? addons?.stage(record) : addons?.write(record));
    return [];
  } catch (error) {
    const named = record.addons.length === 0 ? [{ name: 'the empty record', digest: '' }] : record.addons;
    return named.map(({ name, digest }) => ({ name, digest, error }));
  }
}
