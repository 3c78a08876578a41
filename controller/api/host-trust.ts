/** What an image tells its host of trust: where it is, and what it says. Written with the image, read by the agent on the host that runs it. */

export const hostTrustPaths = {
  /** What containers/image accepts, and with it bootc, podman, skopeo and CRI-O. */
  policy: '/etc/containers/policy.json',
  /** Whether it looks for signatures. */
  lookups: '/etc/containers/registries.d/default.yaml',
  /** What was meant by both; see HostTrust. */
  marker: '/usr/lib/scantling/trust.json',
} as const;

/** A file that hosts get with their image. */
export interface HostFile {
  /** Absolute. */
  path: string;
  mode: number;
  content: string;
}

/** Signatures: what is not signed is refused. Anything: all is accepted. Nothing: all is refused. */
export type HostAcceptance = 'Signatures' | 'Anything' | 'Nothing';

export interface HostScope {
  /** `host[:port]/path`; '' for every name. */
  scope: string;
  policies: readonly string[];
  accepts: HostAcceptance;
  /** What of the policies the host does not see to, in words. */
  limits: readonly string[];
}

/** The longest scope that covers a name counts; a name that none covers is refused. */
export interface HostTrust {
  version: 1;
  /** Digest (sha256:…) of the policy file as it was written. */
  policy: string;
  scopes: readonly HostScope[];
}

/** The scope of a name, which is `host[:port]/repository`. */
export function hostScopeOf(scopes: readonly HostScope[], name: string): HostScope | undefined {
  return scopes
    .filter(({ scope }) => scope === '' || name === scope || name.startsWith(`${scope}/`))
    .toSorted((a, b) => b.scope.length - a.scope.length)[0];
}

/** What a policy.json requires of a name, as a text whose digest tells whether a host has the rule that the policies ask for. */
export function hostRuleText(requirements: readonly unknown[]): string {
  return JSON.stringify(requirements);
}

/** What a marker says; undefined for a text that is none, or one of a later version. */
export function parseHostTrust(text: string): HostTrust | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Whatever it is, it is not ours.
    return undefined;
  }
  const { version, policy, scopes } = (parsed ?? {}) as Partial<Record<keyof HostTrust, unknown>>;
  if (version !== 1 || typeof policy !== 'string' || !Array.isArray(scopes) || !scopes.every(isScope)) return undefined;
  return { version, policy, scopes };
}

function isScope(value: unknown): value is HostScope {
  const { scope, policies, accepts, limits } = (value ?? {}) as Partial<Record<keyof HostScope, unknown>>;
  return typeof scope === 'string' && isTexts(policies) && isTexts(limits) && acceptances.some(a => a === accepts);
}

const acceptances: readonly HostAcceptance[] = ['Signatures', 'Anything', 'Nothing'];

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(text => typeof text === 'string');
}
