/** What hosts would refuse to pull by the rules that their image brings: pure. What is declared as a workload is judged before it is built; this is of all else. */
import { type HostFile, type HostScope, hostScopeOf, hostTrustPaths, parseHostTrust } from '../api/host-trust.ts';
import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { parseReference } from '../registry/reference.ts';
import type { Placement } from './image-tree.ts';

/** Findings of files and packages of a definition; none where hosts are told nothing. */
export function lintPulls(spec: SystemDefinitionSpec, own: readonly Placement[], told: readonly HostFile[]): string[] {
  const marker = told.find(({ path }) => path === hostTrustPaths.marker);
  const trust = marker && parseHostTrust(marker.content);
  return trust ? [...own.flatMap(placement => uncovered(placement, trust.scopes)), ...crio(spec, own, trust.scopes)] : [];
}

const quadlet = /^\/(etc|usr\/share)\/containers\/systemd\/.+\.(container|image)$/;

function uncovered({ path, content, field }: Placement, scopes: readonly HostScope[]): string[] {
  if (!quadlet.test(path) || !('bytes' in content)) return [];
  const text = Buffer.from(content.bytes).toString('utf8');
  return [...text.matchAll(/^\s*Image\s*=\s*(\S+)\s*$/gm)].flatMap(([, image = '']) => {
    const name = nameOf(image);
    if (name === undefined || accepts(scopes, name) !== 'Nothing') return [];
    return [
      `${field}: hosts refuse to pull ${image} for ${path}: of the TrustPolicies they are told those of this definition's own images, and none of these covers it, or none of its keys counts; make it a workload`,
    ];
  });
}

function accepts(scopes: readonly HostScope[], name: string): HostScope['accepts'] {
  return hostScopeOf(scopes, name)?.accepts ?? 'Nothing';
}

/** Undefined for another unit of Quadlet, a variable, and what is no name. */
function nameOf(image: string): string | undefined {
  if (/\.(image|build)$/.test(image) || image.includes('$') || image.includes('%')) return undefined;
  try {
    const { host, repository } = parseReference(image);
    return `${host}/${repository}`;
  } catch {
    // podman says what is wrong with it.
    return undefined;
  }
}

/** CRI-O reads the same policy for every pod, unless it is given one of its own. */
function crio({ packages, units }: SystemDefinitionSpec, own: readonly Placement[], scopes: readonly HostScope[]): string[] {
  const installed = packages?.install?.find(name => /^cri-?o([\d.-]|$)/.test(name));
  const unit = units?.find(({ name }) => /^crio(\.service)?$/.test(name));
  if ((installed === undefined && !unit) || scopes.some(({ scope }) => scope === '')) return [];
  if (own.some(({ path, content }) => path.startsWith('/etc/crio/') && 'bytes' in content && says(content.bytes))) return [];
  const field = installed === undefined ? 'spec.units' : 'spec.packages.install';
  return [
    `${field}: CRI-O reads ${hostTrustPaths.policy} too, and pods whose images no TrustPolicy of this definition's own images covers cannot be pulled; give it a policy of its own (signature_policy below /etc/crio), or make a policy with scope.root and mode Skip`,
  ];
}

function says(bytes: Uint8Array): boolean {
  return /^\s*signature_policy\s*=/m.test(Buffer.from(bytes).toString('utf8'));
}
