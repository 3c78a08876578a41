/** Whether a foundation may be used that nobody is known to have built: whoever may push to the repository may have pushed it. */
import type { DockerConfig } from '../registry/credentials.ts';
import type { ImageVerifier } from '../trust/image-verifier.ts';
import { isAllowed } from '../trust/judgement.ts';
import { isSignedByOne } from '../trust/read-back.ts';
import type { SigningKey } from '../trust/signing-key.ts';
import type { Trust } from '../trust/trust.ts';

export interface FoundationTrustServices {
  trust: Pick<Trust, 'judgeImage'>;
  /** Looks for signatures of the build's own keys. */
  verifier: Pick<ImageVerifier, 'verify'>;
}

/**
 * Why the foundation may not be used; undefined when it may. What no policy covers, or one lets through without a good signature, is nobody's word. It is
 * taken for an image that is not signed, because who may push there may push that image as well; but our key vouches for nothing that it did not sign itself.
 * @param of.keys those that the image is to be signed with; none when it is not
 * @throws what judging throws
 */
export async function foundationRefusal(
  { trust, verifier }: FoundationTrustServices,
  of: { image: string; keys: readonly SigningKey[]; auth: DockerConfig | undefined },
): Promise<string | undefined> {
  const { image, keys, auth } = of;
  const judgement = await trust.judgeImage({ image, ...(auth === undefined ? {} : { auth }) });
  if (!isAllowed(judgement)) return judgement.message;
  if (judgement.decision === 'Trusted' || keys.length === 0) return undefined;
  if (await isSignedByOne(verifier, image, keys, auth)) return undefined;
  return 'it was found by its tag, and neither a key of spec.signing nor one that a trust policy enforces has signed it';
}
