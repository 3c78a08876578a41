/** Looks whether what was signed is found and holds, with the very code that judges images: a push that nobody can verify is none. */
import { TransientError, messageOf } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { sha256 } from '../registry/digest.ts';
import type { ImageVerifier } from './image-verifier.ts';
import type { Signer } from './judgement.ts';
import type { SigningTarget } from './push-signature.ts';
import type { SigningReason } from './reasons.ts';
import type { ImageAuthority, Rules } from './rules.ts';
import { nameOfImage } from './scope.ts';
import type { SigningKey } from './signing-key.ts';

/** Of the policy that stands for what we signed; no TrustPolicy has it. */
const policy = 'signing';

/**
 * @throws TransientError `SigningFailed` when a signature or a statement of one of the keys is not found, or does not hold, in each of its forms
 */
export async function readBack(
  verifier: Pick<ImageVerifier, 'verify'>,
  target: SigningTarget,
  keys: readonly SigningKey[],
  auth: DockerConfig | undefined,
): Promise<void> {
  const { repository, digest, said } = target;
  const image = `${repository}@${digest}`;
  const rules = rulesOf(target, keys, 'All');
  const { signers, message } = await verified(verifier, { image, rules, ...(auth === undefined ? {} : { auth }) });
  const missing = keys.flatMap(({ fingerprint }) => {
    const has = (form: Signer['form'], type?: string): boolean =>
      signers.some(signer => signer.key === fingerprint && signer.form === form && signer.predicateType === type);
    return [
      ...(has('Signature') ? [] : ['the signature behind its tag .sig']),
      ...(has('Bundle') ? [] : ['the signature as a bundle']),
      ...said.filter(({ predicateType }) => !has('Attestation', predicateType)).map(({ predicateType }) => predicateType),
    ].map(what => `${what} by key ${fingerprint.slice(0, 16)}…`);
  });
  if (missing.length === 0) return;
  throw failed(`${image} was signed, and read back there is not: ${missing.slice(0, 4).join(', ')} (${message})`);
}

/**
 * Whether one of the keys has signed the image.
 * @throws TransientError `SignatureLookupFailed`
 */
export async function isSignedByOne(
  verifier: Pick<ImageVerifier, 'verify'>,
  image: string,
  keys: readonly SigningKey[],
  auth: DockerConfig | undefined,
): Promise<boolean> {
  const rules = rulesOf({ repository: nameOfImage(image), said: [] }, keys, 'Any');
  const { decision } = await verifier.verify({ image, rules, ...(auth === undefined ? {} : { auth }) });
  return decision === 'Trusted';
}

async function verified(
  verifier: Pick<ImageVerifier, 'verify'>,
  of: Parameters<ImageVerifier['verify']>[0],
): ReturnType<ImageVerifier['verify']> {
  try {
    return await verifier.verify(of);
  } catch (error) {
    throw failed(`${of.image} was signed, and could not be read back: ${messageOf(error)}`, error);
  }
}

/** Everything by everyone, or by anyone: each key is an authority of its own. */
function rulesOf(
  { repository, said }: Pick<SigningTarget, 'repository' | 'said'>,
  keys: readonly SigningKey[],
  require: 'All' | 'Any',
): Rules<ImageAuthority> {
  const authorities = keys.map(({ fingerprint, publicKey }) => ({
    policy,
    name: fingerprint,
    kind: 'key' as const,
    keys: [{ fingerprint, algorithm: 'ecdsa-p256', pem: publicKey }],
    transparencyLog: 'Ignored' as const,
  }));
  const attestations = said.map(({ predicateType }) => ({ predicateType, commit: 'Any' as const }));
  return {
    subject: 'Image',
    name: repository,
    configured: true,
    governing: [{ policy, generation: 0, mode: 'Enforce', require, exclusive: true, authorities, attestations, unread: [] }],
    revoked: [],
    basis: sha256(JSON.stringify([require, authorities.map(({ name }) => name), attestations])),
  };
}

function failed(message: string, cause?: unknown): TransientError {
  return new TransientError('SigningFailed' satisfies SigningReason, message, cause === undefined ? {} : { cause });
}
