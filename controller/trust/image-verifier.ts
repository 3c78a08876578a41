/** Verifies images: looks up what is signed, judges it in a thread, and remembers what was found good. */
import { TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import { parseReference } from '../registry/reference.ts';
import type { Log } from '../telemetry/log.ts';
import { collectCandidates } from './candidates.ts';
import { decidedByRules } from './decided.ts';
import { JudgeThread, type JudgeThreadOptions } from './judge-thread.ts';
import { type Judgement, stillStands } from './judgement.ts';
import type { JudgementReason } from './reasons.ts';
import type { ImageAuthority, Rules } from './rules.ts';

export interface ImageVerifierOptions {
  registry: Pick<Registry, 'manifest' | 'blob' | 'hasBlob' | 'referrers'>;
  /** Epoch milliseconds. */
  now: () => number;
  log: Log;
  thread?: JudgeThreadOptions;
}

export interface ImageToVerify {
  /** `host/repository@digest`. */
  image: string;
  auth?: DockerConfig | undefined;
  /** In place of `auth`: asked only when something has to be looked up. */
  credentials?: (() => Promise<DockerConfig | undefined>) | undefined;
  rules: Rules<ImageAuthority>;
  /** The commit that it is known to be built from. */
  commit?: string | undefined;
}

export interface ImageVerifier {
  /**
   * @throws TransientError `SignatureLookupFailed`, with the registry's words: never a judgement
   */
  verify(of: ImageToVerify): Promise<Judgement>;
  close(): Promise<void>;
}

/** Judgements of as many images are remembered. */
const maxRemembered = 2_000;

export function createImageVerifier(options: ImageVerifierOptions): ImageVerifier {
  const verifier = new Verifier(options);
  return { verify: of => verifier.verify(of), close: () => verifier.close() };
}

class Verifier {
  readonly #o: ImageVerifierOptions;
  readonly #thread: JudgeThread;
  /** Only what is trusted: who signs an image that is refused expects it to be looked at again. */
  readonly #trusted = new Map<string, Judgement>();
  readonly #underWay = new Map<string, Promise<Judgement>>();

  constructor(options: ImageVerifierOptions) {
    this.#o = options;
    this.#thread = new JudgeThread({ now: options.now, ...options.thread });
  }

  async verify(of: ImageToVerify): Promise<Judgement> {
    const { image, rules, commit } = of;
    const digest = parseReference(image).digest ?? '';
    const decided = digest === '' ? undefined : decidedByRules(rules, digest);
    if (decided) return decided;
    const key = `${image} ${rules.name} ${rules.basis} ${asksForCommit(rules) ? (commit ?? '') : ''}`;
    const known = this.#trusted.get(key);
    if (known && stillStands(known, { digest, basis: rules.basis, now: this.#o.now() })) return known;
    const present = this.#underWay.get(key);
    if (present) return present;
    const judging = this.#judge(of).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, judging);
    const judgement = await judging;
    if (judgement.decision === 'Trusted') this.#remember(key, judgement);
    return judgement;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #judge({ image, auth, credentials, rules, commit }: ImageToVerify): Promise<Judgement> {
    this.#thread.check({ image, rules });
    const { candidates, doubtful } = await collectCandidates({ image, auth: auth ?? (await credentials?.()) }, this.#o.registry);
    const of = { rules, image, ...(commit === undefined ? {} : { commit }), now: this.#o.now() };
    const judgement = await this.#thread.judge(of, candidates);
    const { decision, reason, policy } = judgement;
    this.#o.log.debug({ image, decision, reason, policy, candidates: judgement.candidates.length }, 'image judged');
    // One of those that are listed and could not be had might have been the one that counts.
    // But a revocation that was found to bite is no matter of what else there may be: whoever may attach something could put it off for ever.
    if (decision !== 'Trusted' && !isRevoked(judgement) && doubtful.length > 0) throw lookupIncomplete(image, doubtful);
    return judgement;
  }

  #remember(key: string, judgement: Judgement): void {
    this.#trusted.delete(key);
    this.#trusted.set(key, judgement);
    const [oldest] = this.#trusted.keys();
    if (this.#trusted.size > maxRemembered && oldest !== undefined) this.#trusted.delete(oldest);
  }
}

/** Where no rule does, a pool that knows no commit is told what was found for the build that knows one. */
function asksForCommit({ governing }: Rules): boolean {
  return governing.some(({ attestations }) => attestations.some(({ commit }) => commit === 'Known'));
}

function isRevoked({ decision, reason }: Judgement): boolean {
  return decision === 'Refused' && reason === ('Revoked' satisfies JudgementReason);
}

function lookupIncomplete(image: string, doubtful: readonly string[]): TransientError {
  return new TransientError(
    'SignatureLookupFailed' satisfies JudgementReason,
    `no signature of ${image} counts, but the registry lists what it does not give: ${doubtful.slice(0, 3).join('; ')}; push it again, or take it out of the list`,
  );
}
