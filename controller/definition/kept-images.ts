/** What trust says of the images that a suspended definition keeps: nothing of it moves, and keys are revoked all the same. */
import type { Condition } from '../api/meta.ts';
import type { SystemDefinitionStatus } from '../api/system-definition.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import { recordIn } from '../trust/judgement.ts';
import type { ImageInQuestion, ImageTrust, ImageVerdict } from './image-trust.ts';

export interface KeptImages {
  /** Of status.image. */
  imageTrust?: ImageVerdict;
  /** The condition ImageTrusted. */
  trusted?: Pick<Condition, 'status' | 'reason' | 'message'>;
  /** A look-up failed and is to be tried again. */
  failed: boolean;
}

/** Judges what is in the status, by its records where these stand. */
export async function judgeKept(trust: ImageTrust, status: SystemDefinitionStatus | undefined): Promise<KeptImages> {
  const { base, workloadImages = [], image } = status ?? {};
  const asked: ImageInQuestion[] = [
    ...(base?.image !== undefined && base.digest !== undefined
      ? [{ what: `spec.base ${base.image}`, image: byDigest(base.image, base.digest), recorded: recordIn(base.trust) }]
      : []),
    ...workloadImages.map(of => ({
      what: `spec.workloads: ${of.image}`,
      image: byDigest(of.image, of.digest),
      recorded: recordIn(of.trust),
    })),
  ];
  const verdicts = await Promise.all(asked.map(of => trust.judge(of)));
  const imageTrust =
    image === undefined ? undefined : await trust.judge({ what: 'status.image', image, recorded: recordIn(status?.trust) });
  const trusted = trust.condition();
  return {
    ...(imageTrust ? { imageTrust } : {}),
    ...(trusted ? { trusted } : {}),
    failed: [...verdicts, ...(imageTrust ? [imageTrust] : [])].some(({ error }) => error !== undefined),
  };
}

function byDigest(image: string, digest: string): string {
  return `${repositoryOf(parseReference(image))}@${digest}`;
}
