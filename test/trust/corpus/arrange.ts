/** The usual ways to put a case together: one new image, one policy of one key, and what is stored beside the image. */
import type { TrustPolicySpec, TrustPolicySpecAuthority } from '../../../controller/api/trust-policy.ts';
import { attachBundle, type ReferrerParts } from './bundle.ts';
import type { Arranged, Laboratory } from './cases.ts';
import { newImage, type TestImage } from './image.ts';
import { keyed, policyOf } from './policies.ts';
import type { Json } from './repository.ts';
import { pushLayers, type SignedLayer } from './simple-signing.ts';

export type Store = (image: TestImage, lab: Laboratory) => Promise<unknown>;

export interface Rest extends Partial<TrustPolicySpec> {
  /** Default: the key of the laboratory. */
  by?: (lab: Laboratory) => TrustPolicySpecAuthority[];
  now?: number;
  commit?: string;
}

/** A new image, with what `store` puts beside it. */
export function stored(store: Store, { by, now, commit, ...spec }: Rest = {}): (lab: Laboratory) => Promise<Arranged> {
  return async lab => {
    const image = await newImage(lab.repository());
    await store(image, lab);
    const policies = [policyOf(image.repository.name, by?.(lab) ?? [keyed(lab.key)], spec)];
    return { image, policies, ...(now === undefined ? {} : { now }), ...(commit === undefined ? {} : { commit }) };
  };
}

/** A new image, with these layers in its tag of signatures. */
export function layered(
  make: (image: TestImage, lab: Laboratory) => readonly SignedLayer[],
  rest: Rest = {},
): ReturnType<typeof stored> {
  return stored((image, lab) => pushLayers(image.repository, image.digest, make(image, lab)), rest);
}

type Attached = Json | Buffer | string;

/** A new image, with this bundle among its referrers. */
export function bundled(
  make: (image: TestImage, lab: Laboratory) => Attached,
  rest: Rest = {},
  parts: ReferrerParts = {},
): ReturnType<typeof stored> {
  return stored((image, lab) => attachBundle(image, make(image, lab), parts), rest);
}
