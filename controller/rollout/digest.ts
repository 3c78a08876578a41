/** Digests that name what nodes run. */
import { targetDigest } from '../api/target-digest.ts';
import { sha256 } from '../addon/set-digest.ts';

/** The digest in `repository@digest`; '' when there is none. */
export function digestOf(image: string): string {
  const at = image.lastIndexOf('@');
  return at < 0 ? '' : image.slice(at + 1);
}

/** The digest that names an image and its addons together: the image's own without addons. Go-aheads, cordons and records of failures are for it. */
export function targetDigestOf({ image, addons }: { image: string; addons?: { digest: string } | undefined }): string {
  return targetDigest(digestOf(image), addons?.digest, sha256);
}
