/** Which command does what on a host with these features: pure. */
import { programPath } from '../host-addons/seal.ts';
import type { HostFeatures, Request } from './host.ts';

/**
 * The command for a request. `enforce` adds --enforce-container-sigpolicy, which switch does not inherit. Never --apply: it reboots
 * by itself, and never returns.
 */
export function commandFor(request: Request, features: HostFeatures, enforce: boolean): string[] {
  switch (request.kind) {
    case 'Stage':
      return [
        'bootc',
        'switch',
        ...(features.switchDownloadOnly ? ['--download-only'] : []),
        ...(enforce ? ['--enforce-container-sigpolicy'] : []),
        request.image,
      ];
    case 'Lock':
      return request.method === 'ostree' ? ['ostree', 'admin', 'lock-finalization'] : ['bootc', 'upgrade', '--download-only'];
    case 'Arm':
      return armCommand(features);
    case 'Live':
      return [`/${programPath}`, 'live'];
  }
}

/** Applies whatever is staged, without asking a registry: the caller has looked at the digest. */
function armCommand(features: HostFeatures): string[] {
  if (features.upgradeDownloadOnly) return ['bootc', 'upgrade', '--from-downloaded'];
  if (features.switchDownloadOnly) return ['bootc', 'switch', '--from-downloaded'];
  return ['ostree', 'admin', 'lock-finalization', '--unlock'];
}

/** The transient unit of a request: its name says what runs, also to the agent's next life. */
export function unitOf(request: Pick<Request, 'kind' | 'digest'>): string {
  return `scantling-${request.kind.toLowerCase()}-${request.digest.replace(/^sha256:/, '')}.service`;
}

const kinds = ['Stage', 'Lock', 'Arm', 'Live'] as const;

/** What a unit's name says; undefined for a unit that is none of ours. */
export function requestOf(unit: string): { kind: Request['kind']; digest: string } | undefined {
  const [, word, hex] = /^scantling-([a-z]+)-([0-9a-f]{64})\.service$/.exec(unit) ?? [];
  const kind = kinds.find(of => of.toLowerCase() === word);
  return kind === undefined || hex === undefined ? undefined : { kind, digest: `sha256:${hex}` };
}
