/** What a policy.json says of one name: pure. The rules are those of containers/image (containers-policy.json(5)), for images in registries. */
import { createHash, createPublicKey } from 'node:crypto';
import type { HostAcceptance } from '../api/host-trust.ts';

interface Requirement {
  type?: unknown;
}

interface Policy {
  default?: unknown;
  transports?: Record<string, Record<string, unknown> | undefined>;
}

/** What a host with this policy does with images of a name (`host[:port]/repository`); undefined for a policy that it cannot read, with which it refuses all. */
export function acceptanceOf(policy: string, name: string): HostAcceptance | undefined {
  const requirements = requirementsOf(policy, name);
  if (!requirements) return undefined;
  const types = requirements.map(requirement => (requirement as Requirement | null)?.type);
  if (types.includes('reject')) return 'Nothing';
  return types.every(type => type === 'insecureAcceptAnything') ? 'Anything' : 'Signatures';
}

/** What it requires of images of a name, each to be met; undefined for a policy that it cannot read. */
export function requirementsOf(policy: string, name: string): readonly unknown[] | undefined {
  return governing(policy, name)?.requirements;
}

/** The same with the scope that says so; without one it is the default of all that no scope covers. */
export function governing(policy: string, name: string): { scope?: string; requirements: readonly unknown[] } | undefined {
  const parsed = parse(policy);
  if (!parsed) return undefined;
  const scopes = parsed.transports?.['docker'] ?? {};
  const scope = namespacesOf(name).find(candidate => Object.hasOwn(scopes, candidate));
  const requirements = scope === undefined ? parsed.default : scopes[scope];
  if (!Array.isArray(requirements) || requirements.length === 0) return undefined;
  return { ...(scope === undefined ? {} : { scope }), requirements: requirements as unknown[] };
}

/** The fingerprints, as trust policies have them, of the keys that requirements take. */
export function keysIn(requirements: readonly unknown[]): string[] {
  const data = requirements.flatMap(requirement => {
    const { keyData, keyDatas } = (requirement ?? {}) as { keyData?: unknown; keyDatas?: unknown };
    return [keyData, ...(Array.isArray(keyDatas) ? (keyDatas as unknown[]) : [])];
  });
  return [...new Set(data.flatMap(key => (typeof key === 'string' ? fingerprintOf(key) : [])))];
}

/** Of a public key: PEM, once more in base64. */
function fingerprintOf(data: string): string[] {
  try {
    const der = createPublicKey(Buffer.from(data, 'base64')).export({ type: 'spki', format: 'der' });
    return [createHash('sha256').update(der).digest('hex')];
  } catch {
    // A key of somebody else's policy, of a kind that is not known here.
    return [];
  }
}

/** Scopes that cover a name, with or without a digest, the most specific first. The last one is all registries. */
function namespacesOf(name: string): string[] {
  const [bare = ''] = name.split('@');
  const parts = bare.split('/');
  const prefixes = parts.map((_, i) => parts.slice(0, parts.length - i).join('/'));
  const labels = (parts[0] ?? '').replace(/:\d+$/, '').split('.');
  const wildcards = labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join('.')}`);
  return [...(bare === name ? [] : [name]), ...prefixes, ...wildcards, ''];
}

function parse(text: string): Policy | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    // So it is for containers/image.
    return undefined;
  }
}

/** Whether signatures are looked for in the registry, by the files of registries.d; a text where they contradict each other, with which every pull fails. */
export function looksForSignatures(files: readonly { path: string; said: unknown }[], name: string): boolean | string {
  const where = new Map<string, { path: string; looks: unknown }>();
  for (const { path, said } of files) {
    const { docker, ...others } = (said ?? {}) as { docker?: Record<string, unknown> | null; 'default-docker'?: unknown };
    const scopes = Object.entries(docker ?? {});
    const own = others['default-docker'] === undefined ? [] : [['', others['default-docker']] as const];
    for (const [scope, value] of [...scopes, ...own]) {
      const other = where.get(scope);
      if (other) return `${scope === '' ? 'default-docker' : scope} is in both ${other.path} and ${path}`;
      where.set(scope, { path, looks: (value as { 'use-sigstore-attachments'?: unknown } | null)?.['use-sigstore-attachments'] });
    }
  }
  // One that does not say so leaves it to the less specific.
  const scope = namespacesOf(name).find(candidate => typeof where.get(candidate)?.looks === 'boolean');
  return scope !== undefined && where.get(scope)?.looks === true;
}
