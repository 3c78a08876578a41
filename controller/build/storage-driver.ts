import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from './child.ts';
import type { StorageDriver } from './buildah-files.ts';
import type { Workspace } from './workspace.ts';

/**
 * overlay for the machine's root, where the file system below the workspace lets it be mounted; else vfs: that works everywhere but keeps a whole
 * copy for each layer of the base. Both make the same layers of the same steps.
 */
export async function storageDriver(
  workspace: Workspace,
  { command, env, signal }: { command: string; env: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<StorageDriver> {
  if (!(await isMachineRoot())) return 'vfs';
  const at = join(workspace.path, 'probe');
  await mkdir(at, { mode: 0o700 });
  const { code } = await runChild({
    command,
    // The library tries a mount when the store is opened.
    args: ['--root', join(at, 'storage'), '--runroot', join(at, 'run'), '--storage-driver', 'overlay', 'info'],
    env: {
      ...env,
      HOME: at,
      TMPDIR: workspace.path,
      XDG_RUNTIME_DIR: at,
      CONTAINERS_CONF: '/dev/null',
      CONTAINERS_STORAGE_CONF: '/dev/null',
    },
    cwd: workspace.path,
    signal,
    onOutput: () => undefined,
    onStart: pid => workspace.noteChild(pid),
  });
  await workspace.unmount();
  return code === 0 ? 'overlay' : 'vfs';
}

/** Bit of CAP_SYS_ADMIN (capabilities(7)). */
const sysAdmin = 1n << 21n;

/**
 * Inside a user namespace the kernel keeps overlay's notes in attributes user.overlay.*, and buildah (1.28) puts them into the layers: other layers
 * than root makes, and with marks that mean something to whoever mounts them.
 */
async function isMachineRoot(): Promise<boolean> {
  // Where there is no /proc nothing is known, and vfs is right.
  const [ids, status] = await Promise.all(
    ['uid_map', 'status'].map(name => readFile(`/proc/self/${name}`, 'utf8').catch(() => '')),
  );
  const capabilities = /^CapEff:\s+([0-9a-f]+)$/m.exec(status ?? '')?.[1] ?? '0';
  return /^\s*0\s+0\s+4294967295\s*$/.test(ids ?? '') && (BigInt(`0x${capabilities}`) & sysAdmin) !== 0n;
}
