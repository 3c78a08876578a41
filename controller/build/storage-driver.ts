import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from './child.ts';
import type { StorageDriver } from './buildah-files.ts';
import type { Workspace } from './workspace.ts';

/**
 * overlay where the kernel and the file system below the workspace let us mount it, else vfs: that works everywhere but keeps a whole copy for each
 * layer of the base. Both make the same layers of the same steps.
 */
export async function storageDriver(
  workspace: Workspace,
  { command, env, signal }: { command: string; env: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<StorageDriver> {
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
