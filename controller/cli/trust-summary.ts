/** What `status` and `why` say of trust: pure. */
import { conditionOf } from '../api/conditions.ts';
import type { Condition } from '../api/meta.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import { describeScope, scopeOf } from '../trust/scope.ts';
import type { Chain } from './chain.ts';
import { standingOf, type Standing } from './state.ts';
import { revokesOnly } from './trust-edit.ts';
import { count, list } from './words.ts';

export interface PolicyStanding extends Standing {
  name: string;
  scope: string;
  subjects: readonly string[];
  mode: string;
  authorities: number;
  /** Found by discovery, and not decided on. */
  pendingKeys: number;
}

/** Of the whole chain. */
export interface TrustSummary {
  /** There is a policy that covers something. */
  configured: boolean;
  policies: number;
  modes: Record<'Enforce' | 'Warn' | 'Skip', number>;
  /** Sources, definitions, builds and pools with something that trust refuses, as `SystemPool edge`. */
  refused: string[];
  /** Those with something that is let through by mode Warn. */
  warned: string[];
  pendingKeys: number;
  /** Pools with nodes that run what trust refuses. */
  runningUntrusted: string[];
  /** How far nodes check signatures themselves, as their agents say. */
  nodes: Record<'Full' | 'Partial' | 'None', number>;
}

/** undefined for who may not read the policies. */
export function trustSummary({ policies, ...chain }: Chain): TrustSummary | undefined {
  if (!policies) return undefined;
  const judged = [
    ...of('SystemSource', 'SourceVerified', chain.sources),
    ...of('SystemDefinition', 'ImageTrusted', chain.definitions),
    ...of('ImageBuild', 'ImageTrusted', chain.builds),
    ...of('SystemPool', 'ImageTrusted', chain.pools),
  ];
  const covering = policies.filter(policy => !revokesOnly(policy));
  const inMode = (mode: string): number => covering.filter(p => p.spec.mode === mode).length;
  const enforced = chain.targets.map(t => conditionOf(t.status?.conditions, 'NodeEnforcement')?.reason);
  const nodesWith = (reason: string): number => enforced.filter(r => r === reason).length;
  return {
    configured: covering.length > 0,
    policies: policies.length,
    modes: { Enforce: inMode('Enforce'), Warn: inMode('Warn'), Skip: inMode('Skip') },
    refused: judged.filter(({ said }) => said.status === 'False' && said.reason !== 'Warned').map(({ name }) => name),
    warned: judged.filter(({ said }) => said.reason === 'Warned').map(({ name }) => name),
    pendingKeys: policies.reduce((n, p) => n + (p.status?.pendingKeys ?? []).length, 0),
    runningUntrusted: chain.pools
      .filter(p => conditionOf(p.status?.conditions, 'RunningUntrusted')?.status === 'True')
      .map(p => p.metadata.name),
    nodes: { Full: nodesWith('Full'), Partial: nodesWith('Partial'), None: nodesWith('None') },
  };
}

interface Judged {
  name: string;
  said: Pick<Condition, 'status' | 'reason'>;
}

function of(
  kind: string,
  type: string,
  objects: readonly { metadata: { name: string }; status?: { conditions?: Condition[] } }[],
): Judged[] {
  return objects.flatMap(({ metadata, status }) => {
    const said = conditionOf(status?.conditions, type);
    return said ? [{ name: `${kind} ${metadata.name}`, said }] : [];
  });
}

/** For the first line; '' for who may not know. */
export function trustWords(trust: TrustSummary | undefined): string {
  if (!trust) return '';
  const { configured, policies, modes, refused, warned, pendingKeys, runningUntrusted } = trust;
  const waits = pendingKeys > 0 ? [`${count(pendingKeys, 'key')} to decide on`] : [];
  if (!configured) return `trust: ${['not configured, nothing is verified', ...waits].join(', ')}`;
  const named = Object.entries(modes).flatMap(([mode, n]) => (n > 0 ? [`${n} ${mode}`] : []));
  return `trust: ${[
    `${policies === 1 ? '1 policy' : `${policies} policies`} (${named.join(', ')})`,
    ...(refused.length > 0 ? [`${refused.length} refused`] : []),
    ...(warned.length > 0 ? [`${warned.length} let through by Warn`] : []),
    ...waits,
    ...(runningUntrusted.length > 0 ? [`untrusted nodes in ${list(runningUntrusted)}`] : []),
  ].join(', ')}`;
}

export function policyStandings({ policies = [] }: Chain, now: number): PolicyStanding[] {
  return policies.map(policy => ({
    name: policy.metadata.name,
    scope: describeScope(scopeOf(policy.spec.scope)),
    subjects: policy.spec.subjects,
    mode: policy.spec.mode,
    authorities: (policy.spec.authorities ?? []).length,
    pendingKeys: (policy.status?.pendingKeys ?? []).length,
    ...standingOf(policy, now),
  }));
}

/** In a sentence without its subject. */
export function policySays({ spec, status }: TrustPolicy): string {
  const scope = scopeOf(spec.scope);
  const what = spec.subjects.map(subject => (subject === 'Git' ? 'commits' : 'images')).join(' and ');
  const where = scope === '' ? `all ${what}` : `${what} at and below ${scope}`;
  const revoked = spec.revoked ?? [];
  const pending = (status?.pendingKeys ?? []).length;
  const authorities = (spec.authorities ?? []).length;
  return [
    `governs ${where} with mode ${spec.mode} and ${authorities === 1 ? '1 authority' : `${authorities} authorities`}`,
    ...(revoked.length > 0 ? [`revokes ${count(revoked.length, 'key')}`] : []),
    ...(pending > 0 ? [`has ${count(pending, 'key')} to decide on (scantling trust list)`] : []),
  ].join(', ');
}
