/** The door of this folder: what other steps of the chain ask it. */
import type { DockerConfig } from '../registry/credentials.ts';
import type { Judgement, RecordedJudgement } from './judgement.ts';
import type { GitAuthority, Revocation, Rules, ScopedPolicy, Subject } from './rules.ts';

export interface ImageToJudge {
  /** `host/repository@digest`. */
  image: string;
  auth?: DockerConfig;
  /** In place of `auth`: asked only when something has to be looked up. */
  credentials?: () => Promise<DockerConfig | undefined>;
  /** The commit it is known to be built from, for attestations that must name it. */
  commit?: string;
  /** What was judged of it before; stands as long as its basis does. */
  recorded?: RecordedJudgement;
}

export interface Trust {
  /**
   * Whether an image may be used. Looks signatures up only where a policy asks for them and what was recorded does not stand.
   * @throws TransientError `SignatureLookupFailed` (with the registry's words) `TrustNotLoaded`, and `TrustRemoved` just after the last policy has gone: never a judgement
   */
  judgeImage(of: ImageToJudge): Promise<Judgement>;
  /**
   * What the policies by themselves make of an image that was trusted by signers who do not count any more, so that no registry puts a revocation off.
   * Undefined where only a look can tell. No effect, no wait.
   */
  withdrawn(of: Pick<ImageToJudge, 'image' | 'commit'> & { recorded: RecordedJudgement }): Judgement | undefined;
  /**
   * What recorded judgements of a name are compared with; undefined until the policies and their keys are read. No effect, no wait.
   * `commit`: that the image is known to be built from, because a judgement for one does not stand for another.
   */
  basis(subject: Subject, name: string, commit?: string): string | undefined;
  /** The rules for the commits of a repository; throws TransientError `TrustNotLoaded` and `TrustRemoved`. */
  gitRules(name: string): Rules<GitAuthority>;
  /** All image policies, for what is told to hosts; throws TransientError `TrustNotLoaded`. */
  imagePolicies(): { policies: readonly ScopedPolicy[]; revoked: readonly Revocation[] };
  /** To be told of a judgement of a commit, which is judged where the repository is: for when authorities were last used, and when it expires. */
  judged(judgement: RecordedJudgement): void;
  /** To be told that a commit could not be judged under these rules, because what was needed could not be had. */
  unjudged(rules: Pick<Rules, 'governing'>): void;
  /** Called after policies, keys, roots or revocations have changed, and when a judgement may have expired. Returns how to stop it. */
  onChange(listener: () => void): () => void;
}
