/** The digest of a set of addons: what makes two sets the same. */
import { createHash } from 'node:crypto';
import type { AddonIdentity } from '../api/addon-set.ts';
import { canonicalJson } from '../api/canonical-json.ts';

/**
 * `sha256:<64 hex>` of the set, whatever order it comes in; undefined for an empty one, which is no set. Throws RangeError for a name that is there twice: such
 * a set cannot be merged, and is not made here.
 */
export function setDigest(addons: readonly AddonIdentity[]): string | undefined {
  if (addons.length === 0) return undefined;
  const sorted = addons
    .map(({ name, image, digest }) => ({ name, image, digest }))
    .toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  const twice = sorted.find(({ name }, at) => name === sorted[at - 1]?.name);
  if (twice) throw new RangeError(`${twice.name} is in the set of addons twice`);
  return sha256(canonicalJson(sorted));
}

/** `sha256:<64 hex>` of a text in UTF-8. */
export function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
