/** Which systemd is in an image, as its nodes say. Pure. */
import type { NodeTargetView, NodeView } from './projection.ts';

export interface SystemdVersions {
  /** Of the nodes that run the image; absent before the first one does. */
  systemd?: number;
  /** Of all of them: what the image has is hardly older than what it takes the place of. */
  likelySystemd?: number;
}

export const architectureLabel = 'kubernetes.io/arch';

/**
 * The lowest versions that nodes of the platform report.
 * @param digests of the image: of its index and its platforms
 * @param platform as `linux/amd64`
 */
export function systemdVersions(
  digests: readonly string[],
  platform: string,
  nodes: readonly Pick<NodeView, 'name' | 'labels'>[],
  targets: Iterable<Pick<NodeTargetView, 'name' | 'host'>>,
): SystemdVersions {
  const there = new Set(nodes.filter(node => `linux/${node.labels[architectureLabel]}` === platform).map(node => node.name));
  const found: SystemdVersions = {};
  for (const { name, host } of targets) {
    if (!there.has(name) || host?.systemd === undefined) continue;
    found.likelySystemd = Math.min(found.likelySystemd ?? host.systemd, host.systemd);
    if (host.booted === undefined || !digests.includes(host.booted)) continue;
    found.systemd = Math.min(found.systemd ?? host.systemd, host.systemd);
  }
  return found;
}
