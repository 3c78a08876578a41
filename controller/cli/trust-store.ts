/** Where TrustPolicies are kept: a cluster, or files for Git. */
import type { TrustPolicy } from '../api/trust-policy.ts';
import type { Invocation } from '../running.ts';
import type { PolicyEdit } from './trust-edit.ts';

export interface PolicyStore {
  /** All of them, by name. */
  policies(): Promise<readonly TrustPolicy[]>;
  /** Makes a policy; nothing is written when it would be refused. Resolves with where it is. */
  create(policy: TrustPolicy): Promise<string>;
  /** Makes all changes of a policy at once, as it was read: nothing is written when somebody else has changed it since. Resolves with where it is. */
  change(policy: TrustPolicy, edits: readonly PolicyEdit[]): Promise<string>;
  close(): Promise<void>;
}

/** The store that the command line names. */
export async function openStore(invocation: Invocation): Promise<PolicyStore> {
  if (invocation.config.file !== '') return (await import('./policy-files.ts')).openPolicyFiles(invocation.config.file);
  return (await import('./policy-objects.ts')).openPolicyObjects(invocation);
}
