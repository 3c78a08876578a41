/** Keys that a person looks at, one after the other, and that become authorities. */
import type { TrustPolicy } from '../api/trust-policy.ts';
import type { Invocation } from '../running.ts';
import { parseAllowedSigners } from '../trust/allowed-signers.ts';
import type { Subject } from '../trust/rules.ts';
import { scopeOf } from '../trust/scope.ts';
import { authorityFor, hostNotes, revokesOnly, TrustRefusedError, type PolicyEdit } from './trust-edit.ts';
import type { OfferedKey } from './trust-input.ts';
import { keysOf } from './trust-keys.ts';
import { personAt, reviewLines, type Person } from './trust-review.ts';
import type { PolicyStore } from './trust-store.ts';

export interface Acceptance {
  keys: readonly OfferedKey[];
  home: { policy: TrustPolicy; isNew: boolean };
  /** All there are. */
  policies: readonly TrustPolicy[];
  /** Fingerprints that a person has from elsewhere. */
  told: ReadonlySet<string>;
  subject: Subject;
  /** Name of the authority; '' for one made of the key. */
  authority: string;
  /** What they may sign, in words. */
  scope: string;
}

/** Documented in docs/cli.md. */
export interface TrustChange {
  kind: 'TrustChange';
  policy: string;
  /** Where it was written; absent when nothing was. */
  place?: string;
  added: { fingerprint: string; authority: string }[];
  /** Those that the policy had before. */
  present: string[];
  declined: string[];
  /** What follows from it. */
  notes: string[];
}

/**
 * Shows each key and asks, and writes those that were accepted at once. Without a terminal only told keys are taken, and one that was not told refuses
 * all. Throws TrustRefusedError.
 */
export async function acceptKeys(invocation: Invocation, store: PolicyStore, request: Acceptance): Promise<TrustChange> {
  const { keys, home, policies, told, authority } = request;
  requireUnrevoked(keys, policies);
  if (authority !== '' && keys.length > 1)
    throw new TrustRefusedError(`there are ${keys.length} keys, and --authority names one`);
  const known = new Set(home.isNew ? [] : (await keysOf(home.policy)).map(key => key.fingerprint));
  const fresh = keys.filter(key => !known.has(key.fingerprint));
  const person = personAt(invocation);
  try {
    if (!person) {
      requireAllTold(fresh, told);
      requirePlainLines(fresh);
    }
    const accepted: OfferedKey[] = [];
    for (const key of fresh) if (await isAccepted(invocation, person, key, request)) accepted.push(key);
    const authorities = accepted.map(key => authorityFor(key, authority || undefined));
    const place = authorities.length === 0 ? {} : { place: await write(store, home, authorities) };
    return {
      kind: 'TrustChange',
      policy: home.policy.metadata.name,
      ...place,
      added: accepted.map(({ fingerprint }, i) => ({ fingerprint, authority: authorities[i]?.name ?? '' })),
      present: keys.filter(key => known.has(key.fingerprint)).map(key => key.fingerprint),
      declined: fresh.filter(key => !accepted.includes(key)).map(key => key.fingerprint),
      notes: authorities.length === 0 ? [] : notesOf(request),
    };
  } finally {
    person?.close();
  }
}

/** A person who is there is shown every key, and asked about each that was not told: no answer is one for the next. */
async function isAccepted(
  { stderr }: Invocation,
  person: Person | undefined,
  key: OfferedKey,
  request: Acceptance,
): Promise<boolean> {
  const { home, told, scope } = request;
  const policy = `${home.policy.metadata.name}${home.isNew ? ' (new)' : ''}`;
  stderr.write(`${reviewLines({ key, location: key.location, scope, policy }).join('\n')}\n`);
  const isTold = told.has(key.fingerprint) && saysNoMore(key);
  const accepted = isTold || (await person?.sure('Are you sure that you want to trust this key?')) === true;
  stderr.write('\n');
  return accepted;
}

function requireAllTold(keys: readonly OfferedKey[], told: ReadonlySet<string>): void {
  const untold = keys.filter(key => !told.has(key.fingerprint));
  if (untold.length === 0) return;
  const lines = untold.map(({ fingerprint, identities }) => `\n  ${[fingerprint, ...identities].join(' ')}`);
  throw new TrustRefusedError(
    `there is no terminal to ask at, and --fingerprint does not name the ${untold.length === 1 ? 'key' : 'keys'}${lines.join('')}\nnothing was added; compare it with what you were told by other means, and say --fingerprint`,
  );
}

/** Whether nothing stands beside the key that a fingerprint does not name: what is served beside it may be anybody's. */
function saysNoMore({ kind, text }: OfferedKey): boolean {
  if (kind !== 'ssh') return true;
  return parseAllowedSigners(text).every(({ certAuthority, noTouchRequired, namespaces = 'git', validAfter, validBefore }) => {
    const limits = [validAfter, validBefore].some(limit => limit !== undefined);
    return !certAuthority && !noTouchRequired && namespaces === 'git' && !limits;
  });
}

/** Refuses options of SSH lines that nobody looks at. */
function requirePlainLines(keys: readonly OfferedKey[]): void {
  const [key] = keys.filter(one => !saysNoMore(one));
  if (key)
    throw new TrustRefusedError(
      `beside the key ${key.fingerprint} stand options that a fingerprint does not name: ${key.text.trim().slice(0, 256)}\nnothing was added; look at it at a terminal, or give a line with no option but namespaces="git"`,
    );
}

/** Whoever revoked it meant it: it does not come back by this way. */
function requireUnrevoked(keys: readonly OfferedKey[], policies: readonly TrustPolicy[]): void {
  for (const { metadata, spec } of policies)
    for (const { fingerprint, reason } of spec.revoked ?? []) {
      const key = keys.find(k => k.fingerprint === fingerprint || k.subkeys.includes(fingerprint));
      if (key)
        throw new TrustRefusedError(
          `${fingerprint} is revoked by TrustPolicy ${metadata.name}${reason ? ` (${reason})` : ''}; a revoked key does not come back, make a new one`,
        );
    }
}

async function write(
  store: PolicyStore,
  { policy, isNew }: Acceptance['home'],
  authorities: ReturnType<typeof authorityFor>[],
): Promise<string> {
  if (isNew) return store.create({ ...policy, spec: { ...policy.spec, authorities } });
  return store.change(
    policy,
    authorities.map((authority): PolicyEdit => ({ kind: 'add', authority })),
  );
}

/** What a person may not have thought of. */
function notesOf({ home, policies, subject }: Acceptance): string[] {
  const { spec, metadata } = home.policy;
  const covering = policies.filter(policy => policy.spec.subjects.includes(subject) && !revokesOnly(policy));
  const what = subject === 'Git' ? 'commits' : 'images';
  const names = subject === 'Git' ? 'repositories' : 'images, base images too,';
  return [
    ...(covering.length === 0 && scopeOf(spec.scope) !== ''
      ? [
          `it is the first policy for ${what}: from now on ${names} that no policy covers are refused (NoPolicy); a policy with scope.root and mode Skip lets them through`,
        ]
      : []),
    ...(spec.mode === 'Enforce' ? [] : [`mode is ${spec.mode}: what is not trusted is let through, and said`]),
    ...(spec.require === 'All'
      ? [`TrustPolicy ${metadata.name} requires All: from now on this key must have signed as well`]
      : []),
    ...(subject === 'Image' ? hostNotes([home.policy]) : []),
  ];
}

export function changeText({ policy, place, added, present, declined, notes }: TrustChange): string {
  return [
    ...added.map(({ fingerprint, authority }) => `added ${fingerprint} as ${policy}/${authority}`),
    ...present.map(fingerprint => `${fingerprint} is in ${policy} already`),
    ...declined.map(fingerprint => `not added: ${fingerprint}`),
    ...(place === undefined ? [] : [`written: ${place}`]),
    ...notes.map(note => `note: ${note}`),
    '',
  ].join('\n');
}
