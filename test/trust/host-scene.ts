/** Policies as hosts' files are made of them, and what a host would do by the files: the rules of containers/image in few words. */
import type { HostFiles } from '../../controller/trust/host-policy.ts';
import type { KeyAuthority, KeylessAuthority, PublicKey, ScopedPolicy } from '../../controller/trust/rules.ts';

/** A key that no one has: its PEM is its name. */
export function keyOf(name: string, algorithm = 'ecdsa-p256'): PublicKey {
  return { fingerprint: name, algorithm, pem: name };
}

export function keyAuthorityOf(name: string, keys: readonly PublicKey[], more: Partial<KeyAuthority> = {}): KeyAuthority {
  return { policy: 'p', name, kind: 'key', keys, transparencyLog: 'Ignored', ...more };
}

export function keylessAuthorityOf(name: string): KeylessAuthority {
  const identities = [{ issuer: 'https://issuer.example.com', subject: 'https://ci.example.com/release' }];
  return { policy: 'p', name, kind: 'keyless', identities, trustedRoot: '{}' };
}

export function scopedPolicy(policy: string, scope: string, more: Partial<ScopedPolicy> = {}): ScopedPolicy {
  const given = {
    policy,
    generation: 1,
    scope,
    mode: 'Enforce',
    require: 'Any',
    exclusive: false,
    authorities: [],
    attestations: [],
    unread: [],
    ...more,
  } as const;
  return { ...given, authorities: given.authorities.map(authority => ({ ...authority, policy })) };
}

interface Requirement {
  type: string;
  keyData?: string;
  keyDatas?: string[];
}

interface Policy {
  default: Requirement[];
  transports: Record<string, Record<string, Requirement[]>>;
}

export function contentOf(files: HostFiles, path: string): string | undefined {
  return files.files.find(file => file.path === path)?.content;
}

export function parsedPolicy(files: HostFiles): Policy {
  return JSON.parse(contentOf(files, '/etc/containers/policy.json') ?? '') as Policy;
}

/** Whether a host with these files accepts an image that these keys have signed; the keys are named by their PEM. */
export function hostAccepts(files: HostFiles, name: string, signedBy: readonly string[]): boolean {
  const policy = parsedPolicy(files);
  const scopes = policy.transports['docker'] ?? {};
  const parts = name.split('/');
  const candidates = [...parts.map((_, i) => parts.slice(0, parts.length - i).join('/')), ''];
  const scope = candidates.find(candidate => scopes[candidate] !== undefined);
  const requirements = scope === undefined ? policy.default : (scopes[scope] ?? []);
  return requirements.every(({ type, keyData, keyDatas = [] }) => {
    if (type !== 'sigstoreSigned') return type === 'insecureAcceptAnything';
    const keys = [...(keyData === undefined ? [] : [keyData]), ...keyDatas].map(data => Buffer.from(data, 'base64').toString());
    return keys.some(key => signedBy.includes(key));
  });
}
