/** What a set of addons is compared with before nodes get it, and what names the answer. Pure. */
import { canonicalJson } from '../api/canonical-json.ts';
import type { AddonOffer } from '../addon/choice.ts';
import type { CompareRequest } from '../addon/compare-addons.ts';
import type { SystemImage } from '../addon/read-system-files.ts';
import { sha256 } from '../addon/set-digest.ts';
import type { AddonSet } from './projection.ts';

export interface Comparison extends Required<CompareRequest> {
  /** Of all that the answer rests on: the set, the image, the platform, and where addons may replace files of the system. */
  digest: string;
}

export function comparisonOf(
  { digest: set, addons }: AddonSet,
  { image, platform }: SystemImage,
  offers: ReadonlyMap<string, Pick<AddonOffer, 'allowReplace'>>,
): Comparison {
  const compared = addons.map(({ name, image }) => {
    const { allowReplace = [] } = offers.get(name) ?? {};
    return { name, image, ...(allowReplace.length > 0 ? { allowReplace: [...allowReplace] } : {}) };
  });
  const digest = sha256(canonicalJson({ set, image, platform, addons: compared }));
  return { digest, addons: compared, system: { image, platform } };
}
