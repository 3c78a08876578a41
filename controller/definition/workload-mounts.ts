/** Paths of the node that containers see. Pure. */
import { quote, refusePath } from './image-path.ts';

/** Below these lie files of the node itself, which its own services read by the labels they have. */
const systemDirectories = [
  '/boot/',
  '/dev/',
  '/etc/pki/',
  '/etc/ssh/',
  '/etc/ssl/',
  '/home/',
  '/proc/',
  '/root/',
  '/run/',
  '/sys/',
  '/sysroot/',
  '/tmp/',
  '/usr/',
  '/var/home/',
  '/var/lib/containers/',
  '/var/log/',
  '/var/run/',
  '/var/tmp/',
] as const;

/**
 * Whether a directory that a container mounts is labelled for containers (SELinux; podman's option `z`): one that somebody made for it, not
 * a directory of the system, where others would lose their access. On /usr it cannot be done at all.
 */
export function isRelabelled(hostPath: string): boolean {
  const path = `${hostPath}/`;
  if (systemDirectories.some(directory => path.startsWith(directory))) return false;
  // /etc, /srv and /var/lib as a whole are the system's.
  return path.split('/').length - 2 >= (path.startsWith('/var/') ? 3 : 2);
}

/** Why a path of the node or of a container cannot be part of a mount, or undefined when it can. */
export function refuseMountPath(path: string): string | undefined {
  const wrong = refusePath(path);
  if (wrong) return wrong;
  return /[\s"'$%,:\\]/.test(path) ? `${quote(path)} holds a character that a mount cannot carry` : undefined;
}

const secretRoots = ['/etc/', '/run/', '/var/'];

/** Why a file of the node cannot hold a secret, or undefined when it can. */
export function refuseSecretPath(path: string): string | undefined {
  const wrong = refuseMountPath(path);
  if (wrong) return wrong;
  return secretRoots.some(root => path.startsWith(root))
    ? undefined
    : `${path} is not below /etc, /run or /var, where a node keeps what is its own`;
}
