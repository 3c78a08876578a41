/**
 * What a node's target is: an image and a set of addons. Approvals, cordons and memories of failures name it by one digest. Why it is made like that:
 * docs/adr/0039-what-a-target-is.md.
 */

/** `sha256:<64 hex>` of a text in UTF-8. An argument, because api knows no runtime. */
export type Sha256 = (text: string) => string;

export interface TargetIdentity {
  /** Digests that count as the image: the one in `repository@digest` first, and those of platforms. */
  digests: readonly string[];
  /** Digest of the set of addons; absent without addons. */
  set?: string | undefined;
}

/** What a node runs: the digest that bootc reports, and the set that is merged as it should be. */
export interface RunningIdentity {
  digest?: string | undefined;
  set?: string | undefined;
}

/** The digest that names image and set together. Without a set it is the image's own, so nodes without addons are named as they always were. */
export function targetDigest(imageDigest: string, setDigest: string | undefined, sha256: Sha256): string {
  return setDigest === undefined ? imageDigest : sha256(`${imageDigest}\n${setDigest}\n`);
}

/** Whether a node runs its target: one of the image's digests, and that very set, or none where none is wanted. */
export function isTarget({ digests, set }: TargetIdentity, running: RunningIdentity): boolean {
  return running.digest !== undefined && digests.includes(running.digest) && running.set === set;
}

/**
 * The digests whose remembered failure bars a target. A failure of the image alone is remembered under the image's digest, and bars it with any set; one of the set
 * under the target's digest, and bars that pair only: the image without the set, or with another, stays free.
 */
export function barringDigests({ digests, set }: TargetIdentity, sha256: Sha256): string[] {
  return [...new Set([...digests, ...digests.map(digest => targetDigest(digest, set, sha256))])];
}
