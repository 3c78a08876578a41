/** Whether this machine's kernel can show images of addons. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Why it cannot, undefined where it can. Throws where `CI` is set and it cannot. */
export function whyNoMount(): string | undefined {
  const reason = missing();
  if (reason !== undefined && process.env['CI']) throw new Error(`${reason}, and CI must run these tests`);
  return reason;
}

function missing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'images are mounted only on Linux, as root';
  // What is a module there is loaded by the first mount.
  if (!/\berofs$/m.test(readFileSync('/proc/filesystems', 'utf8'))) spawnSync('modprobe', ['erofs']);
  if (!/\berofs$/m.test(readFileSync('/proc/filesystems', 'utf8'))) return 'the kernel has no erofs';
  if (spawnSync('losetup', ['--find']).status !== 0) return 'there is no loop device';
  return spawnSync('fsck.erofs', ['-V']).error === undefined ? undefined : 'fsck.erofs (erofs-utils) is not installed';
}
