/** Trust policies in few words. */
import type { TrustPolicy, TrustPolicySpec, TrustPolicySpecAuthority } from '../../../controller/api/trust-policy.ts';
import type { TestKey } from './keys.ts';

type KeySpec = NonNullable<TrustPolicySpecAuthority['key']>;
type Identity = NonNullable<TrustPolicySpecAuthority['keyless']>['identities'][number];

/**
 * @param prefix undefined: root
 * @param authorities who may sign
 */
export function policyOf(
  prefix: string | undefined,
  authorities: readonly TrustPolicySpecAuthority[],
  o: Partial<TrustPolicySpec> & { name?: string } = {},
): TrustPolicy {
  const { name = prefix === undefined ? 'root' : 'images', ...spec } = o;
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name, uid: `uid-of-${name}`, generation: 1 },
    spec: {
      scope: prefix === undefined ? { root: true } : { prefix },
      subjects: ['Image'],
      mode: 'Enforce',
      require: 'Any',
      exclusive: false,
      authorities: [...authorities],
      ...spec,
    },
  };
}

/** An authority of keys, all of them in one file. */
export function keyed(
  keys: TestKey | readonly TestKey[],
  { name = 'release', ...o }: Partial<KeySpec> & { name?: string } = {},
): TrustPolicySpecAuthority {
  const data = [keys].flat().map(({ pem }) => pem);
  return { name, key: { data: data.join(''), transparencyLog: 'Ignored', ...o } };
}

/** An authority of keys whose signatures must be in a log. */
export function logged(
  keys: TestKey | readonly TestKey[],
  root: string,
  o: Partial<KeySpec> & { name?: string } = {},
): TrustPolicySpecAuthority {
  return keyed(keys, { transparencyLog: 'Required', trustedRoot: { data: root }, ...o });
}

export function keyless(root: string, ...identities: Identity[]): TrustPolicySpecAuthority {
  return { name: 'ci', keyless: { identities, trustedRoot: { data: root } } };
}
