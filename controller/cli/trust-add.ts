/** `scantling trust add`: bounded, reviewed, and one key at a time. The rules are rkt's. */
import type { TrustPolicy, TrustPolicySpecScope } from '../api/trust-policy.ts';
import { UsageError } from '../command-line.ts';
import type { Config } from '../config.ts';
import type { Invocation } from '../running.ts';
import type { Subject } from '../trust/rules.ts';
import { describeScope, scopeOf } from '../trust/scope.ts';
import { policySchema } from '../api/policy-schema.ts';
import { formatOf, print } from './output.ts';
import { acceptKeys, type Acceptance, changeText } from './trust-accept.ts';
import { homeOf, subjectOf, TrustRefusedError } from './trust-edit.ts';
import { fingerprintOf } from './trust-fingerprint.ts';
import { offeredKeys, type OfferedKey } from './trust-input.ts';
import { openStore } from './trust-store.ts';

/** Exit code 0 when every key counts now, 1 when one was refused or declined. Throws UsageError, TrustRefusedError. */
export async function trustAdd(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout } = invocation;
  const format = formatOf(config);
  const scope = scopeFrom(config, positionals[0] !== undefined);
  const mode = modeFrom(config['policy-mode']);
  const told = config.fingerprint.map(fingerprintOf);
  const keys = await offeredKeys(invocation);
  requireTold(keys, told);
  const subject = subjectFor(keys, config.subject);
  const store = await openStore(invocation);
  try {
    const policies = await store.policies();
    const wanted = { scope, subject, mode, ...(config['policy-name'] === '' ? {} : { name: config['policy-name'] }) };
    const home = homeOf(policies, wanted);
    const request: Acceptance = {
      keys,
      home,
      policies,
      told: new Set(told),
      subject,
      authority: config.authority,
      scope: describe(home.policy, subject),
    };
    const change = await acceptKeys(invocation, store, request);
    await print(stdout, format, change, changeText);
    return change.declined.length === 0 ? 0 : 1;
  } finally {
    await store.close();
  }
}

function scopeFrom({ prefix, root }: Config, hasKey: boolean): TrustPolicySpecScope {
  const hint = '(see scantling trust add --help)';
  if (root && prefix !== '') throw new UsageError(`--root and --prefix together say two things; take one ${hint}`);
  if (!root && prefix === '') throw new UsageError(`trust is bounded: --prefix says for what, or --root for everything ${hint}`);
  if (root && !hasKey) throw new UsageError(`KEY is missing: nothing can be looked for without a prefix ${hint}`);
  if (root) return { root: true };
  requirePrefix(prefix);
  return { prefix };
}

/** As the API server refuses it, with its words. */
function requirePrefix(prefix: string): void {
  const rule = policySchema.properties?.['scope']?.properties?.['prefix']?.matches?.[0];
  if (prefix.includes('://')) throw new UsageError(`--prefix is a name without a scheme, as ${prefix.replace(/^.*?:\/\//, '')}`);
  if (rule && !new RegExp(rule.pattern).test(prefix)) throw new UsageError(`--prefix "${prefix}" ${rule.message}`);
}

function modeFrom(mode: string): 'Enforce' | 'Warn' {
  if (mode === 'Enforce' || mode === 'Warn') return mode;
  throw new UsageError(`--mode is Enforce or Warn, not "${mode}"`);
}

/** A told fingerprint that is not there is what a swapped key looks like. */
function requireTold(keys: readonly OfferedKey[], told: readonly string[]): void {
  const missing = told.find(fingerprint => !keys.some(key => key.fingerprint === fingerprint));
  if (missing === undefined) return;
  throw new TrustRefusedError(
    `the key is not the one you were told: ${missing} is not among ${keys.map(k => k.fingerprint).join(', ')}; nothing was added`,
  );
}

function subjectFor(keys: readonly OfferedKey[], asked: string): Subject {
  if (asked !== '' && asked !== 'Image' && asked !== 'Git') throw new UsageError(`--subject is Image or Git, not "${asked}"`);
  const subjects = new Set(keys.map(({ kind }) => subjectOf(kind)));
  const [subject = 'Image'] = subjects;
  if (subjects.size > 1 && asked === '')
    throw new UsageError('some of the keys sign images and some commits; add them one after the other');
  const other = keys.find(({ kind }) => asked !== '' && subjectOf(kind) !== asked);
  if (other)
    throw new UsageError(
      `${other.fingerprint} is for ${subjectOf(other.kind) === 'Git' ? 'commits (Git)' : 'images (Image)'}, not for ${asked}`,
    );
  return subject;
}

function describe({ spec }: TrustPolicy, subject: Subject): string {
  const scope = scopeOf(spec.scope);
  const what = subject === 'Git' ? 'commits of repositories' : 'images';
  return scope === '' ? `all ${what} (root)` : `${what} at and below ${describeScope(scope)}`;
}
