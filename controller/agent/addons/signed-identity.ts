/** Whether a signature of one name is one of the image that was asked for: pure. The forms and their meaning are those of containers-policy.json(5), `signedIdentity`. */
import { formatReference, parseReference, repositoryOf } from '../../registry/reference.ts';
import type { Reference } from '../../registry/reference.ts';

export type SignedIdentity =
  | { type: 'matchExact' | 'matchRepoDigestOrExact' | 'matchRepository' }
  | { type: 'exactReference'; dockerReference: string }
  | { type: 'exactRepository'; dockerRepository: string }
  | { type: 'remapIdentity'; prefix: string; signedPrefix: string };

/** What counts where a requirement says nothing. */
export const defaultIdentity: SignedIdentity = { type: 'matchRepoDigestOrExact' };

/** The members that each form has beside its type, all of them texts. */
const members: Readonly<Record<SignedIdentity['type'], readonly string[]>> = {
  matchExact: [],
  matchRepoDigestOrExact: [],
  matchRepository: [],
  exactReference: ['dockerReference'],
  exactRepository: ['dockerRepository'],
  remapIdentity: ['prefix', 'signedPrefix'],
};

/** A form as policy.json has it; undefined for one that is not known here. */
export function identityOf(value: unknown): SignedIdentity | undefined {
  if (value === undefined) return defaultIdentity;
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, ...others } = value as Record<string, unknown>;
  const known = typeof type === 'string' && Object.hasOwn(members, type) ? members[type as SignedIdentity['type']] : undefined;
  const isWhole = known?.length === Object.keys(others).length && known.every(key => typeof others[key] === 'string');
  return isWhole ? (value as SignedIdentity) : undefined;
}

/**
 * @param image that is asked for, `host/repository@digest`
 * @param signed the name in the signature
 */
export function isIdentity(identity: SignedIdentity, image: string, signed: string): boolean {
  const [asked, said] = [parsed(image), parsed(signed)];
  if (!asked || !said) return false;
  switch (identity.type) {
    case 'matchExact':
      return isSame(asked, said);
    case 'matchRepoDigestOrExact':
      return matches(asked, said);
    case 'matchRepository':
      return repositoryOf(asked) === repositoryOf(said);
    case 'exactReference': {
      const exact = parsed(identity.dockerReference);
      return exact !== undefined && isSame(exact, said);
    }
    case 'exactRepository': {
      const exact = parsed(identity.dockerRepository);
      return exact !== undefined && repositoryOf(exact) === repositoryOf(said);
    }
    case 'remapIdentity': {
      const name = repositoryOf(asked);
      const { prefix, signedPrefix } = identity;
      if (name !== prefix && !name.startsWith(`${prefix}/`)) return matches(asked, said);
      const remapped = parsed(`${signedPrefix}${formatReference(asked).slice(prefix.length)}`);
      return remapped !== undefined && matches(remapped, said);
    }
  }
}

/** What is asked for by digest alone is compared by its repository: that the digest is the signed one is checked anyway. */
function matches(asked: Reference, said: Reference): boolean {
  if (asked.tag !== undefined) return isSame(asked, said);
  return isWhole(asked) && isWhole(said) && repositoryOf(asked) === repositoryOf(said);
}

function isSame(one: Reference, other: Reference): boolean {
  return isWhole(one) && isWhole(other) && formatReference(one) === formatReference(other);
}

/** A name without tag and digest, which cosign signs, is the same as nothing. */
function isWhole({ tag, digest }: Reference): boolean {
  return tag !== undefined || digest !== undefined;
}

function parsed(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    // Whatever it names, it is not the image.
    return undefined;
  }
}
