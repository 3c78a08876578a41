/** Whether the commit of a source may be applied: what the policies and the source's own keys say of it, before anything of it is read. */
import { StallingError, TransientError, WaitingError } from '../api/errors.ts';
import type { SystemSource, SystemSourceStatus } from '../api/system-source.ts';
import { gitKeysOf } from '../trust/git-keys.ts';
import { type RecordedJudgement, recordIn, recordOf, stillStands } from '../trust/judgement.ts';
import type { GitAuthority, Rules } from '../trust/rules.ts';
import { nameOfRepository } from '../trust/scope.ts';
import type { Trust } from '../trust/trust.ts';
import { type CommitToVerify, commitBasis, verifyCommit } from '../trust/verify-commit.ts';
import { createHistoryReader } from './history-reader.ts';
import { timeoutOf } from './open.ts';
import type { SourceReason } from './reasons.ts';
import type { FetchContext, Repository } from './repository.ts';
import { parseRevision } from './revision.ts';
import { diffTrees } from './tree-diff.ts';

/** Whoever waits is woken, too. */
const notLoadedMs = 1_000;
/** All that is fetched to judge one commit may take so many times spec.timeout, so that a slow server does not hold up the other sources. */
const mostTimeouts = 4;

/** What a Secret holds, by key; undefined when it is certain that it is not there. */
export type ReadSecret = (name: string) => Promise<Readonly<Record<string, Buffer>> | undefined>;

/** What has to be signed of a source, and by whom. */
export interface Asked extends Pick<CommitToVerify, 'rules' | 'own' | 'mode' | 'from' | 'tag'> {
  /** See RecordedJudgement. */
  basis: string;
}

/** What is asked of the commit that a ref has led to, by the object that the ref points at. @throws WaitingError `TrustNotLoaded`; TransientError `TrustRemoved`, `SecretNotFound`; StallingError for keys that cannot be used */
export async function whatIsAsked(
  source: SystemSource,
  tagged: string | undefined,
  o: { trust: Pick<Trust, 'gitRules'>; readSecret: ReadSecret },
): Promise<Asked> {
  const { verify, ref, url } = source.spec;
  const rules = rulesOf(url, o.trust);
  const own = verify && (await ownAuthorities(verify.secretRef?.name, rules, o.readSecret));
  const asked = {
    rules,
    ...(own ? { own } : {}),
    mode: verify?.mode ?? 'Head',
    ...(verify?.from === undefined ? {} : { from: verify.from }),
    ...(ref.tag === undefined || tagged === undefined ? {} : { tag: { name: ref.tag, oid: tagged } }),
  };
  return { ...asked, basis: commitBasis(asked) };
}

/** A pass that comes too early says nothing: it comes again when the policies are read. */
function rulesOf(url: string, trust: Pick<Trust, 'gitRules'>): Rules<GitAuthority> {
  try {
    return trust.gitRules(nameOfRepository(url));
  } catch (error) {
    if (!(error instanceof TransientError) || error.reason !== ('TrustNotLoaded' satisfies SourceReason)) throw error;
    throw new WaitingError('TrustNotLoaded' satisfies SourceReason, error.message, notLoadedMs, { cause: error });
  }
}

/** spec.verify without keys leaves it to policies who may sign. Where there are none, nobody may: it was asked for signatures. */
async function ownAuthorities(
  secret: string | undefined,
  rules: Rules<GitAuthority>,
  readSecret: ReadSecret,
): Promise<GitAuthority[] | undefined> {
  if (secret === undefined) return rules.configured ? undefined : [];
  const contents = await readSecret(secret);
  const where = `Secret ${secret}, which spec.verify names,`;
  if (!contents)
    throw new TransientError(
      'SecretNotFound' satisfies SourceReason,
      `${where} does not exist; create it, or correct spec.verify.secretRef`,
    );
  const authorities = authoritiesOf(contents);
  const invalid = (why: string): StallingError => new StallingError('InvalidSecret' satisfies SourceReason, `${where} ${why}`);
  if (authorities.length === 0) throw invalid('has neither allowed_signers nor a key that ends in .asc');
  for (const authority of authorities) {
    try {
      await gitKeysOf(authority);
    } catch (error) {
      if (error instanceof StallingError) throw invalid(error.message);
      throw error;
    }
  }
  return authorities;
}

function authoritiesOf(contents: Readonly<Record<string, Buffer>>): GitAuthority[] {
  const policy = 'spec.verify';
  const armored = Object.keys(contents)
    .filter(key => key.endsWith('.asc'))
    .toSorted();
  const allowedSigners = contents['allowed_signers']?.toString('utf8');
  return [
    ...(armored.length > 0
      ? [{ policy, name: 'openpgp', kind: 'openPGP' as const, keys: armored.map(key => contents[key]?.toString('utf8') ?? '') }]
      : []),
    ...(allowedSigners === undefined ? [] : [{ policy, name: 'ssh', kind: 'ssh' as const, allowedSigners }]),
  ];
}

/**
 * Judges the commit. What was recorded of it stands as long as its basis does, so that nothing is fetched for it again.
 * @throws TransientError and StallingError of fetching: what cannot be had is no judgement
 */
export async function judgeSource(
  source: SystemSource,
  asked: Asked,
  o: {
    repository: Repository;
    context: () => FetchContext;
    /** The commit does not descend from what is applied, as a person has allowed. */
    rewound: boolean;
    now: () => number;
    trust: Pick<Trust, 'judged' | 'unjudged'>;
  },
): Promise<RecordedJudgement> {
  const { status, spec } = source;
  const [{ commit }, now] = [o.context(), o.now()];
  const previous = recordIn(status?.verification);
  if (previous && stillStands(previous, { digest: commit, basis: asked.basis, now })) return previous;
  const deadline = AbortSignal.timeout(mostTimeouts * timeoutOf(source));
  const context = withinTime(o.context, deadline);
  const read = createHistoryReader(o.repository, context);
  // The last one may be nowhere any more; a person who has said where to begin is not held up by that.
  const begins = o.rewound && asked.mode === 'Ancestry' && asked.from !== undefined;
  const verified = begins ? undefined : parseRevision(status?.lastVerifiedRevision ?? '')?.oid;
  const trees = { mostTrees: spec.limits.objects, objects: (oids: readonly string[]) => o.repository.objects(oids, context()) };
  const judgement = await verifyCommit({
    ...asked,
    commit,
    ...(previous ? { previous } : {}),
    ...(verified === undefined ? {} : { verified }),
    read: async oid => {
      const { type, bytes } = await read(oid);
      return { type, data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
    },
    diff: async (before, after) => {
      if (before !== undefined) await requireOtherTrees(o.repository, context);
      return diffTrees(before, after, trees);
    },
    now,
  }).catch((error: unknown) => {
    if (!(error instanceof TransientError)) throw error;
    o.trust.unjudged(asked.rules);
    throw deadline.aborted ? tookTooLong(error) : error;
  });
  o.trust.judged(judgement);
  return judgement;
}

/** Each request has its own deadline, and all of them together one. */
function withinTime(context: () => FetchContext, deadline: AbortSignal): () => FetchContext {
  return () => {
    if (deadline.aborted) throw tookTooLong();
    const fetching = context();
    return { ...fetching, signal: AbortSignal.any([fetching.signal, deadline]) };
  };
}

function tookTooLong(cause?: Error): TransientError {
  const message = `verifying took longer than ${mostTimeouts} times spec.timeout; raise it, or set spec.verify.from to a later commit that you trust`;
  return new TransientError('GitServerUnavailable' satisfies SourceReason, message, cause ? { cause } : {});
}

/** The lesser transport brings the trees of one commit. */
async function requireOtherTrees(repository: Repository, context: () => FetchContext): Promise<void> {
  const { transport } = await repository.transport(context());
  if (transport === 'v2-filter') return;
  const message = `an authority with paths needs the trees of other commits, which the transport ${transport} does not bring; let the server offer partial clones (uploadpack.allowFilter)`;
  throw new StallingError('UnsupportedGitFeature' satisfies SourceReason, message);
}

/** What a status keeps of a judgement, and from which commit the next is judged. */
export function verificationOf(
  judgement: RecordedJudgement,
  revision: string,
): Pick<SystemSourceStatus, 'verification' | 'lastVerifiedRevision'> {
  const verification = { revision, ...recordOf(judgement) };
  return { verification, ...(judgement.decision === 'Trusted' ? { lastVerifiedRevision: revision } : {}) };
}
