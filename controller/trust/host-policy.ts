/**
 * What hosts are told of the policies: the files that containers/image reads, and with it bootc, podman and skopeo, on every pull. Pure: equal policies give equal bytes,
 * whatever order they come in.
 */
import { createHash } from 'node:crypto';
import { type HostFile, type HostScope, type HostTrust, hostRuleText, hostTrustPaths } from '../api/host-trust.ts';
import { type ScopeRequirements, type Standing, type Unsaid, requirementsOf } from './host-requirements.ts';
import type { PublicKey, Revocation, ScopedPolicy } from './rules.ts';
import { covers, nameOfImage, rootScope } from './scope.ts';
import type { Trust } from './trust.ts';
import { changesOf } from './validity.ts';

export { hostLimits } from './host-limits.ts';
export type { Unsaid } from './host-requirements.ts';

export interface HostFiles {
  /** None where there is no policy for images. */
  files: readonly HostFile[];
  /** What of the policies hosts do not see to. */
  unsaid: readonly Unsaid[];
  /** Authorities that could not be read: without them the files are not those that the policies ask for. */
  unread: readonly { name: string; message: string }[];
  /** When the files are others without any policy being changed, epoch ms: a key begins or ceases to count. */
  changesAt?: number;
}

/**
 * The transports that bring images from the host's own disk. They carry no signatures, and whoever may write there need not pull. bootc installs from and podman keeps images
 * in containers-storage.
 */
const localTransports = ['containers-storage', 'dir', 'docker-archive', 'docker-daemon', 'oci', 'oci-archive', 'sif', 'tarball'];

const acceptAnything = { type: 'insecureAcceptAnything' };
const reject = { type: 'reject' };

/**
 * The files for the hosts of an image, which pull `images` (as they are named, with tag, digest or neither), at a time (epoch ms). Of the policies they hold those that cover
 * one of them, root's included: what others change of theirs makes no image anew. No files only where there is no policy at all.
 * @throws TransientError `TrustNotLoaded`; StallingError `InvalidImage`
 */
export function hostFilesOf(trust: Pick<Trust, 'imagePolicies'>, images: readonly string[], now: number): HostFiles {
  const { policies, revoked } = trust.imagePolicies();
  if (policies.length === 0) return hostFiles(policies, revoked, now);
  const names = images.map(nameOfImage);
  // With a scope come those above it, whose authorities count for it: they cover the same name.
  return filesOf(
    policies.filter(({ scope }) => scope === rootScope || names.some(name => covers(scope, name))),
    revoked,
    now,
  );
}

/** The files of all these policies at a time (epoch ms): what none covers is refused. */
export function hostFiles(policies: readonly ScopedPolicy[], revoked: readonly Revocation[], now: number): HostFiles {
  return policies.length === 0 ? { files: [], unsaid: [], unread: [] } : filesOf(policies, revoked, now);
}

/**
 * The digest (of hostRuleText) of what the hosts of an image (`repository@digest`) are to require of its repository, at a time (epoch ms). Null: there is no policy to compare with.
 * Undefined: not known, as an authority could not be read.
 * @throws TransientError `TrustNotLoaded`; StallingError `InvalidImage`
 */
export function hostRuleOf(trust: Pick<Trust, 'imagePolicies'>, image: string, now: number): string | null | undefined {
  const { policies, revoked } = trust.imagePolicies();
  if (policies.length === 0) return null;
  const name = nameOfImage(image);
  const covering = policies.filter(({ scope }) => covers(scope, name));
  if (covering.some(({ mode, unread }) => mode === 'Enforce' && unread.length > 0)) return undefined;
  const [scope] = covering.map(policy => policy.scope).toSorted((a, b) => b.length - a.length);
  if (scope === undefined) return digestOf(hostRuleText([reject]));
  const { accepts, clauses } = requirementsOf(scope, covering, { revoked, now });
  return digestOf(hostRuleText(ruleOf(accepts, clauses)));
}

function filesOf(policies: readonly ScopedPolicy[], revoked: readonly Revocation[], now: number): HostFiles {
  const scopes = [...new Set(policies.map(({ scope }) => scope))].toSorted();
  const standing: Standing = { revoked, now };
  const required = new Map(scopes.map(scope => [scope, requirementsOf(scope, policies, standing)]));
  const policy = text(policyOf(required));
  const marker: HostTrust = {
    version: 1,
    policy: digestOf(policy),
    scopes: scopes.map(scope => markedScope(scope, policies, required.get(scope))),
  };
  const signed = [...required.values()].some(({ accepts }) => accepts === 'Signatures');
  const changesAt = nextChange(policies, now);
  return {
    files: [
      file(hostTrustPaths.policy, policy),
      ...(signed ? [file(hostTrustPaths.lookups, lookups)] : []),
      file(hostTrustPaths.marker, text(marker)),
    ],
    unsaid: distinctUnsaid([...required.values()].flatMap(({ unsaid }) => unsaid)),
    unread: policies.filter(({ mode }) => mode === 'Enforce').flatMap(p => p.unread),
    ...(changesAt === undefined ? {} : { changesAt }),
  };
}

/**
 * For every registry, in the file that distributions have it in: of two files that say something of one scope containers/image refuses all, and with them every pull, and
 * which scopes the files of a base image name is not known here. A more specific one of the base still counts.
 */
const lookups = `# Written by Scantling, for the cluster's TrustPolicies: signatures are looked for beside the images (sha256-<digest>.sig).
default-docker:
  use-sigstore-attachments: true
`;

function policyOf(required: ReadonlyMap<string, ScopeRequirements>): unknown {
  const docker = [...required].map(([scope, { accepts, clauses }]) => [scope, ruleOf(accepts, clauses)] as const);
  return {
    default: [reject],
    transports: {
      docker: Object.fromEntries(docker),
      ...Object.fromEntries(localTransports.map(transport => [transport, { '': [acceptAnything] }])),
    },
  };
}

function ruleOf(accepts: ScopeRequirements['accepts'], clauses: ScopeRequirements['clauses']): unknown[] {
  if (accepts === 'Nothing') return [reject];
  return accepts === 'Anything' ? [acceptAnything] : clauses.map(signedByOneOf);
}

/**
 * One key as every host with sigstoreSigned reads it (containers/image 5.22), more than one as those from 5.33 on do. The repository alone is compared, as cosign signs no tag;
 * what we have hosts pull is by digest.
 */
function signedByOneOf(keys: readonly PublicKey[]): unknown {
  const data = keys.map(({ pem }) => Buffer.from(pem).toString('base64'));
  return {
    type: 'sigstoreSigned',
    ...(data.length === 1 ? { keyData: data[0] } : { keyDatas: data }),
    signedIdentity: { type: 'matchRepository' },
  };
}

function markedScope(scope: string, policies: readonly ScopedPolicy[], of: ScopeRequirements | undefined): HostScope {
  const names = policies.filter(policy => policy.scope === scope).map(({ policy }) => policy);
  const limits = distinctUnsaid(of?.unsaid ?? []).map(
    ({ policy, authority, why }) => `${authority === undefined ? policy : `${policy}/${authority}`}: ${why}`,
  );
  return { scope, policies: names.toSorted(), accepts: of?.accepts ?? 'Nothing', limits };
}

function distinctUnsaid(unsaid: readonly Unsaid[]): Unsaid[] {
  const byText = new Map(unsaid.map(u => [`${u.policy}/${u.authority ?? ''}: ${u.why}`, u]));
  return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, u]) => u);
}

function nextChange(policies: readonly ScopedPolicy[], now: number): number | undefined {
  const times = policies
    .filter(({ mode }) => mode === 'Enforce')
    .flatMap(({ authorities }) => authorities)
    .flatMap(authority => (authority.kind === 'key' ? changesOf(authority) : []))
    .filter(time => time > now);
  return times.length === 0 ? undefined : Math.min(...times);
}

function file(path: string, content: string): HostFile {
  return { path, mode: 0o644, content };
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function text(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
