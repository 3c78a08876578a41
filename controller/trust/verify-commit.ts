/** Whether a commit may be applied: what has to be signed in each mode, by whom, and what is said of it. See docs/adr/0034. */
import { createHash } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import { TransientError } from '../api/errors.ts';
import { History, HistoryTooLong, type ReadCommit, type Walked } from './commit-history.ts';
import { MalformedObject, type ObjectFormat, idOf, objectFormat, parseTagObject } from './commit-object.ts';
import { type CommitResult, concluded, isSatisfied, ownPolicy } from './commit-conclusion.ts';
import { countingFor } from './commit-requirement.ts';
import { decidedByRules, lookingRules } from './decided.ts';
import { type ReadyAuthority, fingerprintsOf, readyAuthorities } from './git-keys.ts';
import { type Finding, type SignedObject, judgeObject } from './judge-commit.ts';
import type { Judgement, RecordedJudgement } from './judgement.ts';
import { matchesGlobs } from './path-globs.ts';
import type { CommitReason, PolicyReason } from './reasons.ts';
import type { GitAuthority, Governing, Rules } from './rules.ts';
import type { Moment } from './signature-time.ts';

export type VerifyMode = 'Head' | 'Tag' | 'Ancestry';

export interface CommitToVerify {
  rules: Rules<GitAuthority>;
  /** Keys of the repository's own (spec.verify.secretRef), which have to be satisfied too. */
  own?: readonly GitAuthority[];
  mode: VerifyMode;
  /** Of Ancestry: trusted without a signature, with all before it; where a policy governs only what comes before the applied commit is, and nothing is taken out of `paths`. */
  from?: string;
  /** Of Tag: the name of the ref without refs/tags/, and the object that it points at. */
  tag?: { name: string; oid: string };
  commit: string;
  /** What was judged of the same commit before: keys that were good then are known to have signed it in time. */
  previous?: RecordedJudgement;
  /** The commit that was last found Trusted. Ancestry goes on from it; paths are compared with it. */
  verified?: string;
  /** The raw object. Throws for what cannot be had now; never tells of another. */
  read: (oid: string) => Promise<{ type: string; data: Buffer }>;
  /** Paths that differ between two trees; of undefined, all of the second. */
  diff: (before: string | undefined, after: string) => Promise<readonly string[]>;
  /** Epoch milliseconds. */
  now: number;
}

/** Of a look at history: new commits, and all that are read to tell which are new. */
const historyLimits = { fresh: 2_000, read: 20_000 };
/** Commits that a rule refuses before the rest is not looked at. One that only warns ends nothing, or what it dislikes would hide what another refuses. */
const mostFailures = 10;

/** What recorded judgements of a commit are compared with: all that the judgement depends on besides the commit. */
export function commitBasis(o: Pick<CommitToVerify, 'rules' | 'own' | 'mode' | 'from' | 'tag'>): string {
  const { rules, own, mode, from, tag } = o;
  const of = mode === 'Ancestry' ? [from ?? null] : mode === 'Tag' ? [tag?.name ?? null, tag?.oid ?? null] : [];
  // Where nothing is asked for, the mode of asking says nothing.
  const asked = own === undefined && rules.governing.length === 0 ? [] : [mode, ...of];
  return `sha256:${createHash('sha256')
    .update(JSON.stringify([1, rules.basis, own ?? null, asked]))
    .digest('hex')}`;
}

/**
 * Judges a commit.
 * @throws what `read` and `diff` throw, StallingError `InvalidKey` for keys that cannot be used; a failed look-up is never a judgement
 */
export async function verifyCommit(o: CommitToVerify): Promise<Judgement> {
  const { commit, own } = o;
  const basis = commitBasis(o);
  const decided = decidedByRules(o.rules, commit);
  const common = { digest: commit, basis };
  if (decided && (own === undefined || decided.decision === 'Refused')) return { ...decided, ...common };
  const policies = decided ? [] : lookingRules(o.rules).governing;
  // What spec.verify names itself it need not have signed; policies are not its to pass over.
  const isNamed = o.mode === 'Ancestry' && commit === o.from;
  const governing = isNamed && policies.length > 0 ? policies : [...policies, ...(own ? [ownRules(own)] : [])];
  const results = await new Verification(o, governing, await readyAuthorities(governing)).results();
  const judgement = { ...concluded(o, governing, results), ...common };
  if (judgement.decision !== 'Trusted') refuseToGuess(governing);
  return judgement;
}

/** That nobody who counts has signed says nothing while an authority is not read that may have. */
function refuseToGuess(governing: readonly Governing<GitAuthority>[]): void {
  const missing = governing.flatMap(({ unread }) => unread).find(({ retry }) => retry === true);
  if (missing) throw new TransientError('KeyUnreadable' satisfies PolicyReason, `${missing.name}: ${missing.message}`);
}

function ownRules(own: readonly GitAuthority[]): Governing<GitAuthority> {
  const nothing = { generation: 0, exclusive: true, attestations: [], unread: [] };
  const authorities = own.map(authority => ({ ...authority, policy: ownPolicy }));
  return { ...nothing, policy: ownPolicy, mode: 'Enforce', require: 'Any', authorities };
}

class Verification {
  readonly #o: CommitToVerify;
  readonly #governing: readonly Governing<GitAuthority>[];
  readonly #authorities: readonly ReadyAuthority[];
  readonly #format: ObjectFormat;
  readonly #history: History;

  constructor(o: CommitToVerify, governing: readonly Governing<GitAuthority>[], authorities: readonly ReadyAuthority[]) {
    this.#o = o;
    this.#governing = governing;
    this.#authorities = authorities;
    this.#format = objectFormat(o.commit) ?? 'sha1';
    this.#history = this.#newHistory();
  }

  /** Of each commit that has to be signed; none where the commit is trusted without. */
  async results(): Promise<CommitResult[]> {
    const { mode, commit } = this.#o;
    if (mode === 'Ancestry') return this.#ancestry();
    const head = await this.#history.commit(commit);
    const whole = (): Promise<readonly string[]> => this.#changes(head, true);
    if (mode === 'Head') return [await this.#judged(head, this.#moment(head.date), whole)];
    return [await this.#tagged(head, whole)];
  }

  /** The tag has to be signed. The signature of its commit counts too, where a policy wants several. */
  async #tagged(head: ReadCommit, changed: () => Promise<readonly string[]>): Promise<CommitResult> {
    const { tag, commit } = this.#o;
    const refused = (reason: CommitReason, message: string): CommitResult => {
      const findings = this.#all(tag?.oid ?? commit, reason, message);
      return { commit, tag: findings, findings };
    };
    if (!head.parsed) return refused('Malformed', `the commit of the tag is malformed: ${head.malformed}`);
    if (!tag || tag.oid === commit) return refused('NotAnnotated', 'spec.ref names no annotated tag, which could be signed');
    let parsed;
    try {
      parsed = parseTagObject(await this.#bytes(tag.oid, 'tag'), this.#format);
    } catch (error) {
      if (!(error instanceof MalformedObject)) throw error;
      return refused('Malformed', `the tag is malformed: ${error.message}`);
    }
    if (parsed.objectType !== 'commit') return refused('NestedTag', `the tag is of a ${parsed.objectType}, not of a commit`);
    if (parsed.object !== commit) return refused('NestedTag', `the tag is of ${parsed.object}, not of the commit`);
    const called = Buffer.from(parsed.name, 'latin1').toString('utf8');
    if (parsed.name !== Buffer.from(tag.name).toString('latin1'))
      return refused(
        'RenamedTag',
        `the tag calls itself ${JSON.stringify(called.slice(0, 256))}, not ${JSON.stringify(tag.name)}`,
      );
    if (!parsed.tagger) return refused('Malformed', 'the tag does not say who made it and when');
    const object: SignedObject = { what: 'tag', oid: tag.oid, ...(parsed.signed ? { signed: parsed.signed } : {}) };
    const findings = await this.#ask(object, this.#moment(parsed.tagger.time), changed);
    const ofCommit = head.parsed?.signed ? (await this.#judged(head, this.#moment(head.date), changed)).findings : [];
    return { commit, tag: findings, findings: [...findings, ...ofCommit] };
  }

  async #ancestry(): Promise<CommitResult[]> {
    const { commit, from, verified } = this.#o;
    if (commit === from && this.#governing.every(({ policy }) => policy === ownPolicy)) return [];
    const trusted = [from, verified].filter(oid => oid !== undefined);
    const head = await this.#history.commit(commit);
    // Always, also where it was verified before or is an older one to which a person has gone back; and first, so that nobody who may only push has history read.
    const tip = await this.#judged(head, this.#moment(head.date), async () =>
      this.#changes(head, trusted.length === 0 || (await this.#isBeyondVerified(from))),
    );
    if (trusted.length === 0 || this.#refusing(tip)) return [tip];
    try {
      const fresh = await this.#history.fresh(commit, trusted);
      return [
        tip,
        ...(await this.#each(
          tip,
          fresh.filter(({ oid }) => oid !== commit),
        )),
      ];
    } catch (error) {
      if (!(error instanceof HistoryTooLong)) throw error;
      const message = `more than ${historyLimits.fresh} commits are new since ${verified ?? from}; set spec.verify.from to a later commit that you trust`;
      return [{ commit, findings: this.#all(commit, 'HistoryTooLong', message) }];
    }
  }

  /** Whether what was verified does not have the commit, so that others than it are not looked at for its sake. */
  async #isBeyondVerified(from: string | undefined): Promise<boolean> {
    const { commit, verified } = this.#o;
    if (from === undefined || from === verified) return false;
    if (verified === undefined) return true;
    try {
      return (await this.#newHistory().fresh(commit, [verified])).some(({ oid }) => oid === from);
    } catch (error) {
      if (error instanceof HistoryTooLong) return true;
      throw error;
    }
  }

  #newHistory(): History {
    return new History({ read: oid => this.#bytes(oid, 'commit'), format: this.#format, limits: historyLimits });
  }

  /** The commits that come with the one that is applied. */
  async #each(tip: CommitResult, commits: readonly Walked[]): Promise<CommitResult[]> {
    const results: CommitResult[] = [];
    let failures = 0;
    for (const [index, commit] of commits.entries()) {
      if (index % 4 === 3) await breathe();
      const result = await this.#below(tip, await this.#history.commit(commit.oid));
      const failing = this.#governing.some(g => !isSatisfied(g, result));
      if (failing && (await this.#history.settle(commit.oid))) continue;
      results.push(result);
      if (this.#refusing(result) && ++failures === mostFailures) break;
    }
    return results;
  }

  /** A key that has expired since is believed where those who have signed the applied commit may vouch for what it has signed. */
  async #below(tip: CommitResult, commit: ReadCommit): Promise<CommitResult> {
    const changed = (): Promise<readonly string[]> => this.#changes(commit);
    const result = await this.#judged(commit, this.#moment(commit.date), changed);
    if (!result.findings.some(({ reason }) => reason === 'Expired') || !(await this.#vouched(tip, changed))) return result;
    const parents = (await this.#history.parentsDate(commit)) ?? -Infinity;
    return this.#judged(commit, { ...this.#moment(commit.date), parents }, changed);
  }

  /** Whether of each rule somebody has signed the applied commit who may sign for these changes, too. What only warns has no say beside rules that refuse. */
  async #vouched(tip: CommitResult, changed: () => Promise<readonly string[]>): Promise<boolean> {
    const enforced = this.#governing.filter(({ mode }) => mode !== 'Warn');
    const limits = new Map(this.#authorities.map(({ authority: a }) => [`${a.policy}/${a.name}`, a.paths]));
    for (const governing of enforced.length > 0 ? enforced : this.#governing) {
      const accepted = countingFor(governing, tip.findings).filter(finding => finding.accepted);
      const paths = accepted.map(({ authority }) => limits.get(authority));
      if (paths.includes(undefined)) continue;
      const changes = await changed();
      if (!paths.some(globs => globs && changes.every(path => matchesGlobs(path, globs)))) return false;
    }
    return true;
  }

  /** Whether a rule refuses it that does not only warn. */
  #refusing(result: CommitResult): boolean {
    return this.#governing.some(g => g.mode !== 'Warn' && !isSatisfied(g, result));
  }

  async #judged(commit: ReadCommit, moment: Moment, changed: () => Promise<readonly string[]>): Promise<CommitResult> {
    const { oid, parsed, malformed } = commit;
    if (!parsed) return { commit: oid, findings: this.#all(oid, 'Malformed', `the commit is malformed: ${malformed}`) };
    const { signed } = parsed;
    return { commit: oid, findings: await this.#ask({ what: 'commit', oid, ...(signed ? { signed } : {}) }, moment, changed) };
  }

  #ask(object: SignedObject, moment: Moment, changed: () => Promise<readonly string[]>): Promise<Finding[]> {
    return judgeObject(object, this.#authorities, { moment, revoked: this.#o.rules.revoked, changed });
  }

  /** The same finding for every authority, of what cannot be asked about. */
  #all(oid: string, reason: CommitReason, message: string): Finding[] {
    return this.#authorities.map(ready => {
      const { policy, name, kind } = ready.authority;
      const form = kind === 'ssh' ? 'SSH' : 'OpenPGP';
      return { authority: `${policy}/${name}`, form, oid, keys: fingerprintsOf(ready), accepted: false, reason, message };
    });
  }

  /** What a commit changes of each of its parents; with `whole`, also of what was last verified, because commits between are not looked at. */
  async #changes(commit: ReadCommit, whole = false): Promise<readonly string[]> {
    const { verified, previous } = this.#o;
    const tree = commit.parsed?.tree;
    // What cannot be read may change anything.
    if (tree === undefined)
      throw new TransientError(
        'InvalidGitObject' satisfies CommitReason,
        `commit ${commit.oid} is malformed: ${commit.malformed}`,
      );
    const known = previous?.digest === commit.oid && previous.decision === 'Trusted' ? commit.oid : verified;
    const bases = new Set([...commit.parents, ...(whole && known !== undefined && known !== commit.oid ? [known] : [])]);
    const paths = new Set<string>();
    for (const base of bases) for (const path of await this.#o.diff(await this.#treeOf(base), tree)) paths.add(path);
    // Of what nothing was verified before, all is new.
    if (commit.parents.length === 0 || (whole && known === undefined))
      for (const path of await this.#o.diff(undefined, tree)) paths.add(path);
    return [...paths].toSorted();
  }

  async #treeOf(oid: string): Promise<string | undefined> {
    return (await this.#history.commit(oid)).parsed?.tree;
  }

  #moment(date: number): Moment {
    const { now, previous, commit } = this.#o;
    const stood = previous?.digest === commit && previous.decision === 'Trusted';
    const seen = stood ? new Set(previous.signers.flatMap(({ key }) => (key === undefined ? [] : [key]))) : undefined;
    return { now, date, ...(seen ? { seen } : {}) };
  }

  /** An object is used only after its id was computed from its bytes. */
  async #bytes(oid: string, type: string): Promise<Buffer> {
    const object = await this.#o.read(oid);
    if (object.type !== type)
      throw new TransientError('InvalidGitObject' satisfies CommitReason, `object ${oid} is a ${object.type}, not a ${type}`);
    const actual = idOf(type, object.data, this.#format);
    if (actual !== oid)
      throw new TransientError(
        'InvalidGitObject' satisfies CommitReason,
        `object ${oid} is invalid: its bytes hash to ${actual}`,
      );
    return object.data;
  }
}
