/** `scantling trust approve FINGERPRINT`: a key that discovery found becomes an authority, after a person has looked at it. */
import type { TrustPolicy } from '../api/trust-policy.ts';
import type { Invocation } from '../running.ts';
import { describeScope, scopeOf } from '../trust/scope.ts';
import { formatOf, print } from './output.ts';
import { openPolicyObjects } from './policy-objects.ts';
import { acceptKeys, changeText } from './trust-accept.ts';
import { fingerprintOf } from './trust-fingerprint.ts';
import { subjectOf, TrustRefusedError } from './trust-edit.ts';
import { pendingKeysOf, type PolicyKey } from './trust-keys.ts';
import { openStore } from './trust-store.ts';

/**
 * Keys that wait are in the cluster; with --file the policy of that name in the files is changed. Exit code 0 when it counts now, 1 when it was
 * declined. Throws UsageError, TrustRefusedError.
 */
export async function trustApprove(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout, stdin = process.stdin } = invocation;
  const format = formatOf(config);
  const fingerprint = fingerprintOf(positionals[0] ?? '');
  const cluster = await openPolicyObjects(invocation);
  const store = config.file === '' ? cluster : await openStore(invocation);
  try {
    const inCluster = await cluster.policies();
    const pending = await find(inCluster, fingerprint, config['policy-name']);
    const policies = store === cluster ? inCluster : [...(await store.policies()), ...inCluster];
    const policy = policies.find(p => p.metadata.name === pending.policy);
    if (!policy) throw new TrustRefusedError(`there is no TrustPolicy ${pending.policy}`);
    const subject = subjectOf(pending.kind);
    if (!policy.spec.subjects.includes(subject))
      throw new TrustRefusedError(
        `the key is for ${subject === 'Git' ? 'commits' : 'images'}; add ${subject} to spec.subjects of TrustPolicy ${pending.policy} first`,
      );
    const change = await acceptKeys(invocation, store, {
      keys: [pending],
      home: { policy, isNew: false },
      policies,
      // Who has the whole fingerprint was told it; a person who is there is asked all the same.
      told: stdin.isTTY === true ? new Set() : new Set([fingerprint]),
      subject,
      authority: config.authority,
      scope: `${subject === 'Git' ? 'commits of repositories' : 'images'} at and below ${describeScope(scopeOf(policy.spec.scope))}`,
    });
    await print(stdout, format, change, changeText);
    return change.declined.length === 0 ? 0 : 1;
  } finally {
    await store.close();
    await cluster.close();
  }
}

type Waiting = PolicyKey & { text: string; algorithm: string; location: string; identities: string[]; subkeys: string[] };

async function find(policies: readonly TrustPolicy[], fingerprint: string, name: string): Promise<Waiting> {
  const all = (await Promise.all(policies.map(pendingKeysOf))).flat();
  const found = all.filter(key => key.fingerprint === fingerprint && (name === '' || key.policy === name));
  const [key] = found;
  if (!key) {
    const others = [...new Set(all.map(k => k.fingerprint))];
    const waits = others.length === 0 ? 'no key waits' : `those that wait are ${others.join(', ')}`;
    throw new TrustRefusedError(
      `no key of the fingerprint ${fingerprint} waits${name === '' ? '' : ` in TrustPolicy ${name}`}; ${waits}`,
    );
  }
  if (found.length > 1)
    throw new TrustRefusedError(`it waits in TrustPolicies ${found.map(k => k.policy).join(', ')}; name one with --policy`);
  const { text = '', algorithm = '', location = '', identities, subkeys } = key;
  return { ...key, text, algorithm, location, identities: [...identities], subkeys: [...subkeys] };
}
