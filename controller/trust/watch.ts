/** Which changes wake the reconciler of policies. */
import type { Store } from '../kube/store.ts';
import type { PolicyView } from './projection.ts';
import type { Trust } from './trust.ts';

export interface WatchedTrust {
  policies: Store<PolicyView>;
  trust: Pick<Trust, 'onChange'>;
}

/** A policy is woken by its own changes, and by what the others revoke and cover, once that is read. Returns the end of it. */
export function watchPolicies({ policies, trust }: WatchedTrust, enqueue: (name: string) => void): () => void {
  const ends = [
    policies.onChange((name, now) => {
      if (now) enqueue(name);
    }),
    trust.onChange(() => {
      for (const name of policies.keys()) enqueue(name);
    }),
  ];
  return () => ends.forEach(end => end());
}
