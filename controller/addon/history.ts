/** Former artifacts of an addon: which there are, and which of them nobody needs any more. Pure. */
import { parseDuration } from '../api/duration.ts';
import type {
  SystemAddonSpecHistory,
  SystemAddonStatus,
  SystemAddonStatusHistory,
  SystemAddonStatusVariant,
} from '../api/system-addon.ts';
import { variantName } from './variant.ts';

/** maxItems of status.history. What does not fit is never removed from a registry. */
const most = 100;

/** The history once the variants are these: what was in use and is not any more comes first; what is in use again goes. */
export function historyAfter(
  before: Pick<SystemAddonStatus, 'variants' | 'history'> | undefined,
  variants: readonly Pick<SystemAddonStatusVariant, 'image'>[],
  now: Date,
): SystemAddonStatusHistory[] {
  const current = new Set(variants.map(({ image }) => image));
  const known = (before?.history ?? []).filter(({ image }) => !current.has(image));
  const listed = new Set([...current, ...known.map(({ image }) => image)]);
  const replaced: SystemAddonStatusHistory[] = [];
  for (const variant of before?.variants ?? []) {
    const { image, digest } = variant;
    if (image === undefined || digest === undefined || listed.has(image)) continue;
    listed.add(image);
    replaced.push({ image, digest, variant: variantName(variant), replaced: now.toISOString().replace(/\.\d+Z$/, 'Z') });
  }
  return [...replaced, ...known].slice(0, most);
}

/** Why something that uses an artifact needs it, in words; undefined when nothing does. */
export type UseOf = (artifact: Pick<SystemAddonStatusHistory, 'image' | 'digest'>) => string | undefined;

export interface HistoryLook {
  /** Each with why it is kept. */
  kept: SystemAddonStatusHistory[];
  doomed: SystemAddonStatusHistory[];
}

/** `useOf`: who uses it; what a first look leaves over is to be looked up. `now`: epoch ms. */
export function lookAtHistory(
  history: readonly SystemAddonStatusHistory[],
  keep: Pick<SystemAddonSpecHistory, 'successful' | 'gracePeriod'>,
  { useOf, now }: { useOf: UseOf; now: number },
): HistoryLook {
  const look: HistoryLook = { kept: [], doomed: [] };
  const counts = new Map<string, number>();
  const graceMs = parseDuration(keep.gracePeriod);
  for (const entry of history.toSorted(newestFirst)) {
    const place = (counts.get(entry.variant) ?? 0) + 1;
    counts.set(entry.variant, place);
    const isYoung = now - Date.parse(entry.replaced) < graceMs;
    const why = useOf(entry) ?? (place <= keep.successful ? `one of the ${keep.successful} newest` : undefined);
    const kept = why ?? (isYoung ? `replaced less than ${keep.gracePeriod} ago` : undefined);
    if (kept === undefined) look.doomed.push(entry);
    else look.kept.push({ ...entry, kept });
  }
  return look;
}

/** Whatever order they come in. */
export function newestFirst(a: SystemAddonStatusHistory, b: SystemAddonStatusHistory): number {
  if (a.replaced !== b.replaced) return a.replaced < b.replaced ? 1 : -1;
  return a.image < b.image ? -1 : 1;
}
