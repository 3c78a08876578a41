/** `scantling trust remove FINGERPRINT`: a key is taken off the policies that have it. */
import type { TrustPolicy, TrustPolicySpecAuthority } from '../api/trust-policy.ts';
import type { Invocation } from '../running.ts';
import { readKeyMaterial } from '../trust/key-material.ts';
import { sshKeysOf } from '../trust/ssh-line.ts';
import { formatOf, print } from './output.ts';
import { fingerprintOf } from './trust-fingerprint.ts';
import { edited, TrustRefusedError, type PolicyEdit } from './trust-edit.ts';
import { inlineKeys, keysOf, type PolicyKey } from './trust-keys.ts';
import { openStore } from './trust-store.ts';

interface Removal {
  kind: 'TrustRemoval';
  fingerprint: string;
  removed: { policy: string; authority: string; place: string }[];
}

/** Exit code 0 when no policy has it any more. Throws UsageError, TrustRefusedError. */
export async function trustRemove(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout } = invocation;
  const format = formatOf(config);
  const fingerprint = fingerprintOf(positionals[0] ?? '');
  const store = await openStore(invocation);
  try {
    const policies = await store.policies();
    const changes = await changesOf(policies, fingerprint, config['policy-name']);
    // All or none, as far as can be known before.
    for (const { policy, edits } of changes) edits.reduce((p, edit) => ({ ...p, spec: edited(p, edit) }), policy);
    const removed: Removal['removed'] = [];
    for (const { policy, edits, keys } of changes) {
      const place = await store.change(policy, edits);
      removed.push(...keys.map(key => ({ policy: key.policy, authority: key.authority ?? '', place })));
    }
    await print(stdout, format, { kind: 'TrustRemoval', fingerprint, removed } satisfies Removal, wordsOf);
    return 0;
  } finally {
    await store.close();
  }
}

interface Change {
  policy: TrustPolicy;
  keys: PolicyKey[];
  edits: PolicyEdit[];
}

async function changesOf(policies: readonly TrustPolicy[], fingerprint: string, name: string): Promise<Change[]> {
  const changes: Change[] = [];
  for (const policy of policies.filter(p => name === '' || p.metadata.name === name)) {
    const keys = (await keysOf(policy)).filter(key => key.fingerprint === fingerprint);
    const edits = await Promise.all(keys.map(key => without(policy, key)));
    if (edits.length > 0) changes.push({ policy, keys, edits });
  }
  if (changes.length > 0) return changes;
  const where = name === '' ? 'no TrustPolicy' : `TrustPolicy ${name}`;
  throw new TrustRefusedError(
    `${where} has ${name === '' ? 'the' : 'not the'} key ${fingerprint}; scantling trust list shows those there are`,
  );
}

/** The authority without the key, or no authority when that was its only one. */
async function without(
  { metadata, spec }: TrustPolicy,
  { authority: name = '', fingerprint, location }: PolicyKey,
): Promise<PolicyEdit> {
  const authority = spec.authorities?.find(a => a.name === name);
  const text = authority && inlineKeys(authority);
  if (!authority || text === undefined)
    throw new TrustRefusedError(`the key of ${metadata.name}/${name} is in ${location ?? 'a Secret'}; take it out there`);
  const rest = (await readKeyMaterial(Buffer.from(text))).filter(key => key.fingerprint !== fingerprint);
  if (rest.length === 0) return { kind: 'remove', name };
  return { kind: 'replace', authority: withKeys(authority, rest.map(key => key.text).join(''), fingerprint) };
}

function withKeys(authority: TrustPolicySpecAuthority, text: string, gone: string): TrustPolicySpecAuthority {
  const { key, openPGP, ssh } = authority;
  if (key) return { ...authority, key: { ...key, data: text } };
  if (openPGP) {
    const { fingerprints } = openPGP;
    const pinned = fingerprints === undefined ? {} : { fingerprints: fingerprints.filter(f => f !== gone) };
    return { ...authority, openPGP: { ...openPGP, data: text, ...pinned } };
  }
  // Line by line, since a key may have several.
  const lines = (ssh?.allowedSigners ?? '').split('\n').filter(line => !sshKeysOf(line).some(k => k.fingerprint === gone));
  return { ...authority, ssh: { ...ssh, allowedSigners: lines.join('\n') } };
}

function wordsOf({ fingerprint, removed }: Removal): string {
  return removed
    .map(({ policy, authority, place }) => `removed ${fingerprint} from ${policy}/${authority}\nwritten: ${place}\n`)
    .join('');
}
