/** Which authorities hosts can check, and what of them they cannot: pure. */
import type { ImageAuthority, PublicKey } from './rules.ts';

export interface KeysForHosts {
  keys: readonly PublicKey[];
  /** What of the authority hosts do not see to; absent where that is nothing. */
  limit?: string;
}

/**
 * containers/image hashes with SHA-256 whatever the key is, and knows Ed25519 without a hash before it. cosign 3 signs so with P-256 and RSA alone: what it signs with P-384 (SHA-384),
 * P-521 (SHA-512) and Ed25519 (Ed25519ph) hosts refuse, so with the key they would refuse images that are trusted.
 */
function isForHosts({ algorithm }: PublicKey): boolean {
  return algorithm === 'ecdsa-p256' || algorithm.startsWith('rsa-');
}

/** What hosts are given of an authority. */
export function keysForHosts(authority: ImageAuthority): KeysForHosts {
  if (authority.kind === 'keyless') {
    const limit =
      'nodes cannot check identities of certificates but e-mail addresses, and read no bundles: they are given nothing of it';
    return { keys: [], limit };
  }
  const keys = authority.keys.filter(isForHosts);
  const others = [...new Set(authority.keys.filter(key => !isForHosts(key)).map(({ algorithm }) => algorithm))];
  const words = [
    ...(others.length > 0
      ? [
          `nodes check signatures over SHA-256 only, and cosign makes others with ${others.join(', ')}: they are not given these keys`,
        ]
      : []),
    ...(authority.transparencyLog === 'Required' && keys.length > 0
      ? ['nodes check the signature, and not that it is in the transparency log']
      : []),
  ];
  return words.length > 0 ? { keys, limit: words.join('; ') } : { keys };
}

/** What of an authority nodes cannot check themselves, for a policy's status; undefined where they can. */
export function hostLimits(authority: ImageAuthority): string | undefined {
  return keysForHosts(authority).limit;
}
