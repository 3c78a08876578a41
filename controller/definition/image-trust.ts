/** Whether the images that a definition is made of, and the one it makes, are trusted: judged once a pass, and said in one condition. */
import { StallingError, TransientError, WaitingError, messageOf, reasonOf } from '../api/errors.ts';
import type { Condition } from '../api/meta.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isAllowed, recordOf, type StatusJudgement, trustedCondition } from '../trust/judgement.ts';
import type { Trust } from '../trust/trust.ts';

export interface ImageInQuestion {
  /** The field and the name, for people. */
  what: string;
  /** repository@digest. */
  image: string;
  /** What a status says of it. */
  recorded?: StatusJudgement | undefined;
  /** That it is known to be built from, where its build knows one; otherwise what is recorded with the judgement. */
  commit?: string | undefined;
}

export interface ImageVerdict {
  /** The last judgement; with an error, one that does not stand any more. */
  record?: StatusJudgement;
  error?: unknown;
}

/** While policies are being read: everything is looked at again in a moment, and nothing is written meanwhile. */
export const notLoaded = 'TrustNotLoaded';
export const notLoadedMs = 200;

/** Enough for the images of as many definitions; what is forgotten is looked up again. */
const remembered = 2_000;

/** What was judged and is in no status, as of a new base that is not allowed. Only saves look-ups. */
export class JudgedImages {
  readonly #records = new Map<string, StatusJudgement>();

  get(image: string, commit: string | undefined): StatusJudgement | undefined {
    return this.#records.get(`${image} ${commit ?? ''}`);
  }

  note(image: string, record: StatusJudgement): void {
    const key = `${image} ${record.commit ?? ''}`;
    this.#records.delete(key);
    this.#records.set(key, record);
    const oldest = this.#records.keys().next();
    if (this.#records.size > remembered && !oldest.done) this.#records.delete(oldest.value);
  }
}

export interface ImageTrustOptions {
  trust: Pick<Trust, 'judgeImage'>;
  judged: JudgedImages;
  credentials: () => Promise<DockerConfig | undefined>;
  /** A person asked: what was refused is looked up now. */
  again: boolean;
}

/** One pass. */
export class ImageTrust {
  readonly #o: ImageTrustOptions;
  readonly #verdicts = new Map<string, { what: string; verdict: ImageVerdict }>();

  constructor(options: ImageTrustOptions) {
    this.#o = options;
  }

  /** What trust says of an image. A look-up that failed is in the verdict, and no judgement. */
  async judge(of: ImageInQuestion): Promise<ImageVerdict> {
    const verdict = await this.#judge(of);
    this.#verdicts.set(keyOf(of), { what: of.what, verdict });
    return verdict;
  }

  /**
   * The judgement of an image that there is no way around.
   * @throws StallingError with the judgement's reason when it is not allowed, and what a failed look-up threw
   */
  async require(of: ImageInQuestion): Promise<StatusJudgement> {
    const verdict = await this.judge(of);
    const failure = failureOf(of, verdict);
    if (failure) throw failure;
    if (!verdict.record) throw new Error(`${of.image} was not judged`);
    return verdict.record;
  }

  /** Names what was judged anew: it is taken. */
  rename(of: ImageInQuestion, what: string): void {
    const judged = this.#verdicts.get(keyOf(of));
    if (judged) judged.what = what;
  }

  /** The condition ImageTrusted: what is worst of all that was judged in the pass; undefined when nothing was. */
  condition(): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
    const all = [...this.#verdicts.values()];
    const failed = all.filter(({ verdict }) => verdict.error !== undefined);
    const refused = all.flatMap(({ what, verdict: { record } }) => (record && !isAllowed(record) ? [{ what, record }] : []));
    const [first] = refused;
    if (first) return { status: 'False', reason: first.record.reason, message: listed(refused) };
    const [error] = failed;
    if (error) {
      const message = failed.map(({ what, verdict }) => `${what}: ${messageOf(verdict.error)}`).join('; ');
      return { status: 'Unknown', reason: reasonOf(error.verdict.error), message };
    }
    return ofAllowed(all.flatMap(({ what, verdict: { record } }) => (record ? [{ what, record }] : [])));
  }

  async #judge({ image, recorded, ...of }: ImageInQuestion): Promise<ImageVerdict> {
    const { trust, judged, credentials, again } = this.#o;
    const digest = image.slice(image.lastIndexOf('@') + 1);
    const before = recorded?.digest === digest ? recorded : undefined;
    const commit = of.commit ?? before?.commit;
    const known = judged.get(image, commit) ?? before;
    try {
      const judgement = await trust.judgeImage({
        image,
        credentials,
        ...(commit === undefined ? {} : { commit }),
        ...(known && !(again && !isAllowed(known)) ? { recorded: known } : {}),
      });
      const record = recordOf(judgement);
      judged.note(image, record);
      return { record };
    } catch (error) {
      // Of the controller, not of the image: there is nothing to say of it.
      if (reasonOf(error) === notLoaded) throw new WaitingError(notLoaded, messageOf(error), notLoadedMs, { cause: error });
      return { ...(known ? { record: known } : {}), error };
    }
  }
}

function keyOf({ what, image }: ImageInQuestion): string {
  return `${what} ${image}`;
}

/** Why an image may not be used; undefined when it may. */
export function failureOf({ what }: Pick<ImageInQuestion, 'what'>, { record, error }: ImageVerdict): Error | undefined {
  if (record && !isAllowed(record)) return new StallingError(record.reason, `${what} is not trusted: ${record.message}`);
  if (error === undefined) return undefined;
  if (!(error instanceof TransientError)) return error instanceof Error ? error : new Error(messageOf(error));
  const options = { cause: error, ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }) };
  return new TransientError(error.reason, `${what}: ${error.message}`, options);
}

interface Judged {
  what: string;
  record: StatusJudgement;
}

/** What is not signed as a policy wants, and let through all the same, is said before what is. */
const loudest = ['Warned', 'Skipped', 'NotConfigured', 'Trusted'] as const;

function ofAllowed(judged: readonly Judged[]): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  const decision = loudest.find(d => judged.some(({ record }) => record.decision === d));
  const these = judged.filter(({ record }) => record.decision === decision);
  const [first] = these;
  if (!first) return undefined;
  const { status, reason } = trustedCondition(first.record);
  return { status, reason, message: decision === 'NotConfigured' ? first.record.message : listed(these) };
}

function listed(judged: readonly Judged[]): string {
  return judged.map(({ what, record }) => `${what}: ${record.message}`).join('; ');
}
