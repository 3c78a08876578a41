/** What a NodeTarget's spec asks for, as questions that decide, verdict and report share. */
import { sha256 } from '../addon/set-digest.ts';
import { approvedIn } from '../api/approval.ts';
import type { NodeTargetSpec } from '../api/node-target.ts';
import { shortRevision } from '../api/short-revision.ts';
import { barringDigests, targetDigest } from '../api/target-digest.ts';
import type { BootEntry } from './bootc-status.ts';

/** The digest in `repository@digest`. */
export function digestOf(image: string): string {
  return image.slice(image.lastIndexOf('@') + 1);
}

/** Every digest that counts as the target: the one in the image, and the platforms'. */
export function digestsOf(spec: Pick<NodeTargetSpec, 'image' | 'digests'>): string[] {
  return [...new Set([digestOf(spec.image), ...spec.digests])];
}

/** The digest of the target: of image and set together, and of the image alone where there is no set. A go-ahead names it. */
export function targetOf(spec: Pick<NodeTargetSpec, 'image' | 'addonSet'>): string {
  return targetDigest(digestOf(spec.image), spec.addonSet, sha256);
}

/** The digests whose remembered failure bars the target; without `image`, only those of its set over its image. */
export function barredUnder(spec: Pick<NodeTargetSpec, 'image' | 'digests' | 'addonSet'>, o: { image: boolean }): string[] {
  const digests = digestsOf(spec);
  const all = barringDigests({ digests, set: spec.addonSet }, sha256);
  return o.image ? all : digests.map(digest => targetDigest(digest, spec.addonSet, sha256));
}

/** Whether a boot entry is one of these digests. */
export function isOneOf(entry: BootEntry | undefined, digests: readonly string[]): boolean {
  return entry?.digest !== undefined && digests.includes(entry.digest);
}

/** The approval in force: state Booted, and the digest that it names is the target's. A go-ahead for another image, or for it with other addons, is none. */
export function approvalOf(spec: NodeTargetSpec): string | undefined {
  if (spec.state !== 'Booted' || spec.approval === undefined) return undefined;
  return approvedIn(spec.approval).digest === targetOf(spec) ? spec.approval : undefined;
}

/** How people name a target: by its commit and its digest, because a commit has another image when only the base has changed. Both are cut. */
export function nameOf(revision: string | undefined, digest: string | undefined): string {
  const short = digest?.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1');
  if (revision === undefined) return short ?? 'an unknown image';
  return `${shortRevision(revision)}${short === undefined ? '' : ` (${short})`}`;
}
