/** What the metrics say of addons. It comes from the API objects at each scrape, so that a restart changes none of it, and nothing stays of an addon that is gone. */
import type { SystemAddon } from '../api/system-addon.ts';
import type { StoredObject } from '../kube/store.ts';
import { metrics } from '../telemetry/metrics.ts';

export interface AddonFigures extends StoredObject {
  /** Variants that the spec asks for, those that are as it wants them, and those that are not and of which the status says why. */
  variants: Readonly<Record<'asked' | 'made' | 'failed', number>>;
}

/** Projection of a SystemAddon. What was suspended by a person has not failed. */
export function projectAddonFigures({ metadata, spec, status }: SystemAddon): AddonFigures {
  const { name, uid = '', resourceVersion = '' } = metadata;
  const [, good = '0'] = /^(\d+)\//.exec(status?.ready ?? '') ?? [];
  const failed = spec.suspend ? [] : (status?.variants ?? []).filter(({ reason }) => reason !== undefined);
  return { name, uid, resourceVersion, variants: { asked: spec.variants.length, made: Number(good), failed: failed.length } };
}

export function showAddons(addons: readonly Pick<AddonFigures, 'name' | 'variants'>[]): void {
  metrics.addonVariants.reset();
  for (const { name, variants } of addons)
    for (const [state, count] of Object.entries(variants)) metrics.addonVariants.set({ addon: name, state }, count);
}
