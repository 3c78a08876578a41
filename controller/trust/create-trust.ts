/** The door, over the policies of a cluster: what of it is decided by the policies, what was recorded, and what has to be looked at. */
import { TransientError } from '../api/errors.ts';
import { parseReference } from '../registry/reference.ts';
import { Alarm } from './alarm.ts';
import { basisWithCommit } from './basis.ts';
import { decidedByRules, lookingRules } from './decided.ts';
import type { TrustFigures } from './figures.ts';
import type { ImageVerifier as Verifier } from './image-verifier.ts';
import { type Judgement, type RecordedJudgement, stillStands } from './judgement.ts';
import { KnownRules } from './known-rules.ts';
import { withoutLostSigners } from './lost-signers.ts';
import type { PolicyBook } from './policy-book.ts';
import type { ReadPolicy } from './read-policy.ts';
import type { PolicyReason } from './reasons.ts';
import { RefusedLooks } from './refused-looks.ts';
import { RemovedPolicies } from './removed-policies.ts';
import type { Rules } from './rules.ts';
import { covers, nameOfImage } from './scope.ts';
import { revocationsOf, scopedPolicies } from './select-rules.ts';
import type { ImageToJudge, Trust } from './trust.ts';
import type { Uses } from './uses.ts';
import { changesOf } from './validity.ts';

/** What looks an image's signatures up and judges them. */
export type ImageVerifier = Pick<Verifier, 'verify'>;

export interface TrustOptions {
  book: PolicyBook;
  verifier: ImageVerifier;
  /** Absent where nothing is counted. */
  figures?: Pick<TrustFigures, 'judged' | 'failed'>;
  uses: Uses;
  /** Epoch ms. */
  now: () => number;
  /** Calls back after so many ms at most 24 days; returns how to stop it. Default: a timer. */
  timer?: (ms: number, wake: () => void) => () => void;
  /** How long the last policy of a subject is gone before there is none, ms; default: a minute. */
  removalMs?: number;
}

export interface OwnedTrust extends Trust {
  /** Ends its timers. */
  stop(): void;
}

export function createTrust({ book, verifier, figures, uses, now, timer, removalMs }: TrustOptions): OwnedTrust {
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const looks = new RefusedLooks(now);
  const known = new KnownRules();
  const removed = new RemovedPolicies(removalMs);
  const alarm = new Alarm({ now, wake: tell, ...(timer ? { timer } : {}) });
  book.onChange(() => {
    const over = removed.see(book.all(), now());
    if (over !== undefined) alarm.at(over);
    for (const at of changesAhead(book.known())) alarm.at(at);
    tell();
  });

  /** Also of what was judged before and stands: an authority is in use as long as what it has signed is. */
  const rely = (judgement: RecordedJudgement): void => {
    if (judgement.until !== undefined) alarm.at(Date.parse(judgement.until));
    if (judgement.decision === 'Trusted') uses.note(judgement.signers, now());
  };

  const unjudged: Trust['unjudged'] = ({ governing }) => figures?.failed(governing[0]?.policy ?? 'none');

  const judgeImage = async ({ image, auth, credentials, commit, recorded }: ImageToJudge): Promise<Judgement> => {
    const { digest } = parseReference(image);
    if (digest === undefined) throw new Error(`${image} has no digest, and nothing else is judged`);
    const read = book.all();
    const rules = known.image(read, nameOfImage(image));
    const about = restsOn(rules, commit);
    if (!rules.configured) removed.refuse('Image', now());
    const decided = decidedByRules(rules, digest);
    if (decided) return { ...decided, ...about };
    const look = { key: `${image} ${commit ?? ''}`, basis: rules.basis };
    if (recorded && stands(recorded, { digest, basis: about.basis, now: now() }, () => looks.isRecent(look))) {
      rely(recorded);
      const { commit: _, ...standing } = recorded;
      return { ...standing, ...about, candidates: [] };
    }
    const looked = await verifier
      .verify({
        image,
        rules: lookingRules(rules),
        ...(auth ? { auth } : {}),
        ...(credentials ? { credentials } : {}),
        ...(commit === undefined ? {} : { commit }),
      })
      .catch((error: unknown) => {
        unjudged(rules);
        throw error;
      });
    const judgement = { ...looked, ...about };
    if (isBad(judgement)) {
      refuseToGuess(read, rules.name);
      // Many that are refused are looked at together: each look wakes whoever judges.
      alarm.at(Math.ceil(looks.note(look) / lookTogetherMs) * lookTogetherMs);
    } else looks.forget(look);
    figures?.judged(judgement);
    rely(judgement);
    return judgement;
  };

  return {
    judgeImage,
    withdrawn: ({ image, commit, recorded }) => {
      const read = book.loaded();
      const rules = read && known.image(read, nameOfImage(image));
      const judgement = rules && withoutLostSigners(rules, recorded);
      return judgement && { ...judgement, ...restsOn(rules, commit) };
    },
    basis: (subject, name, commit) => {
      const read = book.loaded();
      if (!read) return undefined;
      return subject === 'Git' ? known.git(read, name).basis : basisWithCommit(known.image(read, name), commit);
    },
    gitRules: name => {
      const rules = known.git(book.all(), name);
      if (!rules.configured) removed.refuse('Git', now());
      return rules;
    },
    imagePolicies: () => {
      const read = book.all();
      return { policies: scopedPolicies(read), revoked: revocationsOf(read) };
    },
    judged: judgement => {
      figures?.judged(judgement);
      rely(judgement);
    },
    unjudged,
    onChange: listener => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => alarm.stop(),
  };
}

const lookTogetherMs = 30_000;

/** What a judgement says of what it is about, besides the image. */
function restsOn(rules: Rules, commit: string | undefined): Pick<Judgement, 'basis' | 'commit'> {
  return { basis: basisWithCommit(rules, commit), ...(commit === undefined ? {} : { commit }) };
}

/**
 * What was good stays so while its basis does and nothing of it expires. What was not may be signed at any time, and is looked at again now and then,
 * by how long ago it was looked at here.
 */
function stands(recorded: RecordedJudgement, of: Parameters<typeof stillStands>[1], isRecent: () => boolean): boolean {
  return stillStands(recorded, of) && (!isBad(recorded) || isRecent());
}

function isBad({ decision }: Pick<RecordedJudgement, 'decision'>): boolean {
  return decision === 'Refused' || decision === 'Warned';
}

/** That nothing good was found says nothing while an authority is not read that may have made it good. */
function refuseToGuess(read: readonly ReadPolicy[], name: string): void {
  for (const policy of read) {
    if (!policy.subjects.includes('Image') || !covers(policy.scope, name)) continue;
    const unread = policy.authorities.find(({ authority, failure }) => !authority && failure?.retry === true);
    if (!unread?.failure) continue;
    const message = `TrustPolicy ${policy.policy}, authority ${unread.name}: ${unread.failure.message}`;
    throw new TransientError('KeyUnreadable' satisfies PolicyReason, message);
  }
}

/** When keys begin and cease to count. */
function changesAhead(read: readonly ReadPolicy[]): number[] {
  return read.flatMap(({ authorities }) => authorities.flatMap(({ keys }) => keys.flatMap(changesOf)));
}
