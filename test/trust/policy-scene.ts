/** Policies for tests, as the API server gives them: with its defaults. */
import { generateKeyPairSync } from 'node:crypto';
import type { TrustPolicy, TrustPolicySpec, TrustPolicySpecAuthority } from '../../controller/api/trust-policy.ts';
import { type ReadPolicy, readPolicy } from '../../controller/trust/read-policy.ts';
import type { Sources } from '../../controller/trust/sources.ts';

export type GivenSpec = Partial<Omit<TrustPolicySpec, 'scope'>> & { prefix?: string };

/** A policy of a prefix, or of root when none is given. */
export function policyOf(name: string, { prefix, ...spec }: GivenSpec, uid = `uid-of-${name}`): TrustPolicy {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name, uid, generation: 1, resourceVersion: '1' },
    spec: {
      scope: prefix === undefined ? { root: true } : { prefix },
      subjects: ['Image'],
      mode: 'Enforce',
      require: 'Any',
      exclusive: false,
      ...spec,
    },
  };
}

/** An authority with one key in PEM. */
export function keyAuthority(name: string, pem: string, more: object = {}): TrustPolicySpecAuthority {
  return { name, key: { data: pem, transparencyLog: 'Ignored', ...more } };
}

export function newPublicKey(): string {
  return String(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }));
}

/** Sources that have nothing. */
export const noSources: Sources = {
  secret: async () => undefined,
  configMap: async () => undefined,
  trustedRoot: async () => '{}',
};

export async function readAll(policies: readonly TrustPolicy[], sources: Partial<Sources> = {}): Promise<ReadPolicy[]> {
  return Promise.all(policies.map(policy => readPolicy(policy, { ...noSources, ...sources })));
}
