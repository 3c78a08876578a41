/** What a real node needs of the machine. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findServer } from '../../tools/server-binaries.mjs';

/** Where Debian keeps the programs that give pods a network. */
export const networkPlugins = '/usr/lib/cni';

const commands = ['containerd', 'ctr', 'runc', 'unshare', 'nsenter', 'ip'];

const onPath = (command: string) =>
  (process.env['PATH'] ?? '').split(delimiter).some(directory => existsSync(join(directory, command)));

/**
 * Why tests on a real node cannot run here; false when they can.
 * @throws Error instead where CI is set: there they must run.
 */
export function withoutRealNode(alsoNeeded: readonly string[] = []): string | false {
  const reason = hindrance(alsoNeeded);
  if (reason !== undefined && process.env['CI']) throw new Error(`${reason}, and CI must run these tests`);
  return reason ?? false;
}

function hindrance(alsoNeeded: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return 'a real node runs only on Linux';
  if (process.getuid?.() !== 0) return 'a real node needs root';
  const missing = [...commands, ...alsoNeeded].filter(command => !onPath(command));
  if (!existsSync(join(networkPlugins, 'bridge'))) missing.push('containernetworking-plugins');
  if (findServer('kubelet') === undefined) missing.push('kubelet (node test/tools/setup.mjs builds it)');
  return missing.length > 0 ? `a real node needs ${missing.join(', ')}` : undefined;
}
