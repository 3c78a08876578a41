/** Systems with a real systemd, unpacked from Debian's packages and kept between runs: what hosts of these tests boot. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { withLock } from '../tools/lock.mjs';
import { runCommand } from '../tools/run-command.mjs';
import { cacheDirectory } from '../tools/server-binaries.mjs';

/** The oldest systemd that is supported, and one that is told apart in what it does. */
export const systemds = { 252: 'bookworm', 257: 'trixie' } as const;
export type Systemd = keyof typeof systemds;
export const systemdVersions: readonly Systemd[] = [252, 257];

const packages = [
  'base-files',
  'base-passwd',
  'bash',
  'coreutils',
  'dash',
  'kmod',
  'libc-bin',
  'login',
  'mount',
  'passwd',
  'systemd',
  'udev',
  'util-linux',
];

const unwanted = [
  'console-getty.service',
  'getty.target',
  'ldconfig.service',
  'systemd-firstboot.service',
  'systemd-hwdb-update.service',
  'systemd-journal-catalog-update.service',
  'systemd-logind.service',
  'systemd-networkd.service',
  'systemd-pcrphase-sysinit.service',
  'systemd-pcrphase.service',
  'systemd-resolved.service',
  'systemd-timesyncd.service',
  'systemd-udev-trigger.service',
];

const commands = ['mmdebstrap', 'mkfs.erofs', 'unshare', 'setpriv', 'nsenter', 'mount'];

/**
 * Why hosts cannot be booted here; false when they can.
 * @throws Error instead where CI is set: there they must run.
 */
export function withoutHosts(): string | false {
  const reason = hindrance();
  if (reason !== undefined && process.env['CI']) throw new Error(`${reason}, and CI must run these tests`);
  return reason ?? false;
}

const knownFileSystems = () => readFileSync('/proc/filesystems', 'utf8');

function hindrance(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'hosts are booted only on Linux, as root';
  for (const name of ['erofs', 'overlay']) {
    if (!knownFileSystems().includes(`\t${name}\n`)) spawnSync('modprobe', [name]);
    if (!knownFileSystems().includes(`\t${name}\n`)) return `the kernel has no ${name}`;
  }
  if (!/ cgroup2 /.test(readFileSync('/proc/self/mounts', 'utf8'))) return 'the second version of cgroups is not mounted';
  const path = (process.env['PATH'] ?? '').split(delimiter);
  const missing = commands.filter(command => !path.some(directory => existsSync(join(directory, command))));
  return missing.length > 0 ? `${missing.join(', ')} not installed` : undefined;
}

/** The directory of a system; nobody writes into it. Made once a machine, in ten seconds. */
export async function systemdRoot(version: Systemd): Promise<string> {
  const suite = systemds[version];
  const root = join(cacheDirectory(), 'systemd', `${suite}-2`);
  if (existsSync(root)) return root;
  mkdirSync(join(root, '..'), { recursive: true });
  await withLock(`${root}.lock`, async () => {
    if (existsSync(root)) return;
    const made = `${root}.new`;
    rmSync(made, { recursive: true, force: true });
    const merged = '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr';
    const how = ['--quiet', '--mode=root', '--variant=extract', merged, `--include=${packages.join(',')}`];
    await runCommand('mmdebstrap', [...how, suite, made]);
    configure(made);
    renameSync(made, root);
  });
  return root;
}

/** What the packages' own scripts would have done, as far as it is needed. */
function configure(root: string): void {
  const write = (path: string, text: string) => {
    writeFileSync(join(root, path), text);
  };
  write('etc/passwd', 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n');
  write('etc/group', 'root:x:0:\nnogroup:x:65534:\n');
  write('etc/machine-id', `${'0123456789abcdef'.repeat(2)}\n`);
  mkdirSync(join(root, 'etc/systemd/system'), { recursive: true });
  // Nothing of these is of use in a container without a terminal, and some of it takes time.
  for (const unit of unwanted) {
    const path = join(root, 'etc/systemd/system', unit);
    rmSync(path, { force: true });
    symlinkSync('/dev/null', path);
  }
}
