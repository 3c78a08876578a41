/** Trust for people: one line for each key. Pure. */
import { line, spaced } from './trust-review.ts';
import { table } from './table.ts';
import { painter, type Paint } from './terminal.ts';
import type { KeyRow, PolicyRow, TrustDocument } from './trust-document.ts';
import type { View } from './status-view.ts';
import { age, count } from './words.ts';

interface Line {
  policy: PolicyRow;
  authority: string;
  kind: string;
  fingerprint: string;
  identity: string;
  state: string;
  lastUsed?: string;
}

const styles: Readonly<Record<string, Parameters<Paint>[0]>> = {
  Good: 'green',
  Revoked: 'red',
  Expired: 'red',
  Pending: 'yellow',
};

export function trustText({ policies }: TrustDocument, view: View): string {
  if (policies.length === 0) return 'There is no TrustPolicy: nothing is verified.\n';
  const paint = painter(view.terminal);
  const lines = policies.flatMap(linesOf);
  const width = view.wide ? undefined : view.terminal.width;
  const shown = table(
    lines,
    [
      { title: 'POLICY', of: l => l.policy.name },
      { title: 'SCOPE', of: l => l.policy.scope },
      { title: 'SIGNS', of: l => l.policy.subjects.join(',') },
      { title: 'MODE', of: l => l.policy.mode },
      { title: 'AUTHORITY', of: l => l.authority },
      { title: 'KIND', of: l => l.kind },
      { title: 'STATE', of: l => l.state, paint: (l, text) => paint(styles[l.state] ?? 'dim', text) },
      { title: 'USED', of: l => age(l.lastUsed, view.now) },
      { title: 'FINGERPRINT', of: l => l.fingerprint },
      { title: 'IDENTITY', of: l => l.identity, flexible: true },
    ],
    width,
  );
  const pending = policies.flatMap(p => p.keys).filter(key => key.state === 'Pending');
  const waits =
    pending.length === 0
      ? []
      : ['', `${count(pending.length, 'key')} found and not accepted; scantling trust approve FINGERPRINT, or revoke`];
  return `${[...shown, ...waits].join('\n')}\n`;
}

function linesOf(policy: PolicyRow): Line[] {
  const keys = policy.keys.map((key): Line => {
    const { authority = '', kind, fingerprint, state, identities, lastUsed } = key;
    return { policy, authority, kind, fingerprint, state, identity: identities.join(', '), ...(lastUsed ? { lastUsed } : {}) };
  });
  const without = policy.authorities
    .filter(({ name }) => !policy.keys.some(key => key.authority === name))
    .map((a): Line => {
      const { name: authority, kind, identities, message, lastUsed } = a;
      return {
        policy,
        authority,
        kind,
        fingerprint: '',
        state: message === undefined ? '' : 'Unread',
        identity: message ?? identities.join(', '),
        ...(lastUsed ? { lastUsed } : {}),
      };
    });
  const listed = new Set(policy.keys.map(key => key.fingerprint));
  const revoked = policy.revoked
    .filter(({ fingerprint }) => !listed.has(fingerprint))
    .map(({ fingerprint, reason = '' }): Line => ({
      policy,
      authority: '',
      kind: '',
      fingerprint,
      state: 'Revoked',
      identity: reason,
    }));
  const all = [...keys, ...without, ...revoked];
  return all.length > 0 ? all : [{ policy, authority: '', kind: '', fingerprint: '', state: '', identity: '' }];
}

/** A policy with everything in it. */
export function policyText(policy: PolicyRow): string {
  const { name, scope, subjects, mode, require, exclusive, standing, authorities, keys, revoked } = policy;
  return `${[
    line('Policy', name),
    line('Covers', `${subjects.join(' and ')} at and below ${scope}`),
    line('Mode', mode),
    line('Requires', `${require}${exclusive ? ', and only of this policy' : ''}`),
    ...(standing ? [line('Standing', `${standing.state}: ${standing.message}`)] : []),
    ...authorities.flatMap(a => [
      '',
      line('Authority', `${a.name} (${a.kind})`),
      ...(a.message === undefined ? [] : [line('Trouble', a.message)]),
      ...a.identities.map(identity => line('Identity', identity)),
      ...(a.node === undefined ? [] : [line('On nodes', a.node)]),
      ...(a.lastUsed === undefined ? [] : [line('Last used', a.lastUsed)]),
      ...keys.filter(key => key.authority === a.name).flatMap(keyLines),
    ]),
    ...keys.filter(key => key.authority === undefined).flatMap(key => ['', ...keyLines(key)]),
    ...revoked.flatMap(({ fingerprint, since, reason }) => [
      '',
      line('Revoked', spaced(fingerprint)),
      ...(since === undefined ? [] : [line('Since', since)]),
      ...(reason === undefined ? [] : [line('Reason', reason)]),
    ]),
  ].join('\n')}\n`;
}

/** A key, everywhere it is. */
export function keyText(keys: readonly KeyRow[], policies: readonly PolicyRow[]): string {
  const places = keys.map(key => {
    const policy = policies.find(p => p.name === key.policy);
    const where = key.authority === undefined ? `${key.policy} (waits for a person)` : `${key.policy}/${key.authority}`;
    return [line('Policy', `${where}, which covers ${policy?.scope ?? ''}`), ...keyLines(key)].join('\n');
  });
  return `${places.join('\n\n')}\n`;
}

function keyLines({ fingerprint, kind, algorithm, identities, subkeys, notAfter, location, state }: KeyRow): string[] {
  return [
    line('Fingerprint', spaced(fingerprint)),
    line('Kind', [kind, algorithm].filter(Boolean).join(', ')),
    line('State', state),
    ...subkeys.map(subkey => line('Subkey', spaced(subkey))),
    ...identities.map(identity => line('Identity', identity)),
    ...(notAfter === undefined ? [] : [line('Expires', notAfter)]),
    ...(location === undefined ? [] : [line('From', location)]),
  ];
}
