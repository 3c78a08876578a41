/** SystemAddon: one look at a time at each addon, given up when it is deleted or another meanwhile. */
import { systemaddons } from '../api/system-addon.ts';
import { FollowedImages } from '../definition/followed-images.ts';
import { JudgedImages, notLoadedMs } from '../definition/image-trust.ts';
import type { Reconcile } from '../kube/controller.ts';
import { findObject } from '../kube/find-object.ts';
import type { Store } from '../kube/store.ts';
import type { AddonDependencies } from './dependencies.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { Pass, type Shared } from './pass.ts';
import type { AddonView } from './projection.ts';
import { RefusedInputs } from './refused-inputs.ts';
import { UnsignedArtifacts } from './unsigned-artifacts.ts';

export interface AddonReconciler {
  reconcile: Reconcile;
  /** Ends what is made for an addon that is deleted, or has become another. Returns how to stop that. */
  watch: (addons: Store<AddonView>) => () => void;
}

export function createAddonReconciler(dependencies: AddonDependencies): AddonReconciler {
  const { client, registry, clock, random } = dependencies;
  const shared: Shared = {
    followed: new FollowedImages({ registry, now: clock, random }),
    judged: new JudgedImages(),
    refused: new RefusedInputs(),
    turn: new OneAtATime(),
    unsigned: new UnsignedArtifacts(),
  };
  const atWork = new Map<string, { uid: string; generation: number; abort: AbortController }>();
  return {
    reconcile: async (name, context) => {
      if (dependencies.trust.basis('Image', '') === undefined) return { requeueAfterMs: notLoadedMs };
      const addon = await findObject(client, systemaddons, name);
      if (!addon || addon.metadata.deletionTimestamp !== undefined) return;
      const { uid = '', generation = 0 } = addon.metadata;
      const abort = new AbortController();
      atWork.set(name, { uid, generation, abort });
      const signal = AbortSignal.any([context.signal, abort.signal]);
      try {
        return await new Pass(dependencies, shared, addon, { ...context, signal }).run();
      } catch (error) {
        if (!abort.signal.aborted || error !== abort.signal.reason) throw error;
        context.log.info({ addon: name }, 'given up, because the addon is another now');
        return;
      } finally {
        atWork.delete(name);
      }
    },
    watch: addons =>
      addons.onChange((name, now) => {
        const working = atWork.get(name);
        if (!working || (now && !now.deleting && now.uid === working.uid && now.generation === working.generation)) return;
        working.abort.abort(new Error(`${name} is another now`));
      }),
  };
}
