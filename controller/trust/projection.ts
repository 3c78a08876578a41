/** What is remembered of the policies of a cluster: what wakes their reconciler, and which must be read. */
import { requestedAt } from '../api/names.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import type { StoredObject } from '../kube/store.ts';
import type { Mode } from './rules.ts';

export interface PolicyView extends StoredObject {
  generation: number;
  requestedAt?: string;
  mode: Mode;
}

export function projectPolicy({ metadata, spec }: TrustPolicy): PolicyView {
  const requested = metadata.annotations?.[requestedAt];
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    generation: metadata.generation ?? 0,
    mode: spec.mode,
    ...(requested === undefined ? {} : { requestedAt: requested }),
  };
}
