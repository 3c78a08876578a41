/** What findings of commits come to, and how that is said: pure. */
import { countingFor, isMet, wanted } from './commit-requirement.ts';
import type { Finding } from './judge-commit.ts';
import type { Decision, Judgement, Signer } from './judgement.ts';
import type { CommitReason, JudgementReason } from './reasons.ts';
import type { GitAuthority, Governing } from './rules.ts';
import type { CommitToVerify } from './verify-commit.ts';

/** What stands in place of a policy for keys of the repository's own: a name that no object can have, so that no policy is taken for it. */
export const ownPolicy = 'spec:verify';
const shownPolicy = 'spec.verify';

/** An authority, as `policy/authority`, as people are told of it. */
function shown(authority: string): string {
  return authority.startsWith(`${ownPolicy}/`) ? `${shownPolicy}${authority.slice(ownPolicy.length)}` : authority;
}

type Concerned = Pick<CommitToVerify, 'commit' | 'from' | 'now' | 'rules' | 'mode'>;

/** What was found of one commit, with the tag where one counts. */
export interface CommitResult {
  commit: string;
  /** Of the tag, of which at least one has to be accepted; absent where no tag is asked for. */
  tag?: readonly Finding[];
  /** Of all that is signed. */
  findings: readonly Finding[];
}

/** Whether the commit, and the tag where one is asked for, are signed as a policy wants. */
export function isSatisfied(governing: Governing<GitAuthority>, { tag, findings }: CommitResult): boolean {
  if (tag && !countingFor(governing, tag).some(({ accepted }) => accepted)) return false;
  return isMet(governing, findings);
}

/** What all policies together come to. */
export function concluded(
  { commit, from, now, rules, mode }: Concerned,
  governing: readonly Governing<GitAuthority>[],
  results: readonly CommitResult[],
): Omit<Judgement, 'digest' | 'basis'> {
  const candidates = candidatesOf(governing, results);
  const failing = governing.flatMap(g =>
    results.filter(result => !isSatisfied(g, result)).map(result => ({ governing: g, result })),
  );
  const [worst] = failing.toSorted((a, b) => Number(a.governing.mode === 'Warn') - Number(b.governing.mode === 'Warn'));
  const policy = rules.governing.find(g => g.policy === worst?.governing.policy) ?? rules.governing[0];
  const of = policy ? { policy: policy.policy, generation: policy.generation } : {};
  if (!worst) {
    const signers = signersOf(governing, results);
    return { ...of, ...said('Trusted', 'Trusted', trustedMessage(commit, from, results)), signers, candidates };
  }
  const nearest = nearestOf(worst.governing, worst.result);
  const message = refusedMessage(worst, nearest, { commit, mode, count: new Set(failing.map(f => f.result.commit)).size });
  const untils = failing.flatMap(({ result }) =>
    result.findings.flatMap(({ until }) => (until !== undefined && until > now ? [until] : [])),
  );
  const until = untils.length > 0 ? { until: new Date(Math.min(...untils)).toISOString() } : {};
  if (worst.governing.mode === 'Warn')
    return { ...of, ...said('Warned', 'Warned', `${message}; let through by mode Warn`), ...until, signers: [], candidates };
  const reason = nearest?.reason === 'RevokedKey' ? 'Revoked' : 'Untrusted';
  return { ...of, ...said('Refused', reason, message), ...until, signers: [], candidates };
}

type Failure = { governing: Governing<GitAuthority>; result: CommitResult };

function refusedMessage(
  { governing, result }: Failure,
  nearest: Finding | undefined,
  { commit, mode, count }: { commit: string; mode: CommitToVerify['mode']; count: number },
): string {
  const where = result.commit === commit ? '' : `, which ${commit.slice(0, 12)} brings with it,`;
  const more = count > 1 ? ` (and ${count - 1} more commits)` : '';
  const by = governing.policy === ownPolicy ? shownPolicy : `TrustPolicy ${governing.policy}`;
  const unread = governing.unread.map(({ name, message }) => `; ${name} cannot be read: ${message}`).join('');
  const several = typeof governing.require === 'number' && governing.require > 1 && mode !== 'Tag';
  const hint = several ? '; a commit has one signature, and more need mode Tag with a signed tag of a signed commit' : '';
  const why = nearest?.message ?? 'there is nobody who may sign it';
  return `commit ${result.commit.slice(0, 12)}${where} does not count${more}: ${why}; by ${by} ${wanted(governing)}${hint}${unread}`;
}

/** What a person has to know first, in this order. */
const telling: readonly CommitReason[] = [
  'RevokedKey',
  'OutsidePaths',
  'Expired',
  'NotYetValid',
  'FutureDate',
  'NoTouch',
  'WrongPrincipal',
  'WrongNamespace',
  'WeakSignature',
  'BadSignature',
  'Malformed',
];

function nearestOf(governing: Governing<GitAuthority>, { tag, findings }: CommitResult): Finding | undefined {
  const counting = countingFor(governing, tag?.some(f => f.accepted) === false ? tag : findings).filter(
    ({ accepted }) => !accepted,
  );
  return counting.toSorted((a, b) => rank(a) - rank(b))[0];
}

function rank({ reason }: Finding): number {
  const found = telling.indexOf(reason);
  return found < 0 ? telling.length : found;
}

function said(decision: Decision, reason: JudgementReason, message: string): Pick<Judgement, 'decision' | 'reason' | 'message'> {
  return { decision, reason, message };
}

function trustedMessage(commit: string, from: string | undefined, results: readonly CommitResult[]): string {
  const first = results[0]?.findings.find(({ accepted }) => accepted);
  if (!first)
    return commit === from
      ? 'spec.verify.from names the commit, which is trusted without a signature'
      : 'nothing is new since the last verified commit';
  const others = results.length > 1 ? `, with ${results.length - 1} commits before it` : '';
  return `commit ${commit.slice(0, 12)}${others}: ${first.message}, who counts as ${shown(first.authority)}`;
}

function signersOf(governing: readonly Governing<GitAuthority>[], results: readonly CommitResult[]): Signer[] {
  const signers = new Map<string, Signer>();
  for (const { findings } of results) {
    for (const { authority, form, key, accepted } of governing.flatMap(g => countingFor(g, findings))) {
      if (accepted)
        signers.set(`${authority} ${key ?? ''}`, { authority: shown(authority), form, ...(key === undefined ? {} : { key }) });
    }
  }
  return [...signers.values()];
}

/** The caps of a judgement: as many as of an image. */
const mostCandidates = 64;

/** Of each object the findings that are accepted, or the one that is nearest to it. */
function candidatesOf(governing: readonly Governing<GitAuthority>[], results: readonly CommitResult[]): Judgement['candidates'] {
  const told = results.flatMap(result => {
    const accepted = result.findings.filter(f => f.accepted);
    const nearest = governing.flatMap(g => nearestOf(g, result) ?? []).slice(0, 1);
    return [...accepted, ...(accepted.length === 0 ? nearest : [])];
  });
  return told.slice(0, mostCandidates).map(({ form, oid, accepted, authority, reason, message }) => ({
    form,
    digest: oid,
    accepted,
    authority: shown(authority),
    reason,
    message,
  }));
}
