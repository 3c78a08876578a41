/** A host that is up: a real systemd as process 1 in namespaces of its own, without any network. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSeal, parseSupport, sealPath, supportPath } from '../../controller/host-addons/seal.ts';
import type { AddonSeal, AddonSupport } from '../../controller/host-addons/seal.ts';
import { first } from './host-disk.ts';
import type { HostDisk } from './host-disk.ts';

export interface BootOptions {
  deployment?: string;
  /** More words of the kernel command line. */
  words?: string;
  /** 1: as with composefs. 2: as with root.transient. */
  depth?: 1 | 2;
}

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

export interface BootedHost {
  /** Where this machine sees its file system, as process 1 does. */
  root: string;
  /** Runs a command on the host. */
  run(command: string, ...args: readonly string[]): Result;
  /** The same; throws where it fails. Its standard output, without the last line's end. */
  say(command: string, ...args: readonly string[]): string;
  /** The text of a file as process 1 sees it; undefined where there is none. */
  read(path: string): string | undefined;
  /** Waits until the boot's jobs are done. */
  settled(): Promise<void>;
  seal(): AddonSeal;
  support(): AddonSupport;
  /** All that the scripts said, by the journal. */
  journal(): string;
  /** Does what happens at boot once more: links, merge, seal. */
  again(): void;
  /** Soft-reboots into another deployment and waits until it is up. */
  softReboot(deployment: string): Promise<void>;
  /** What all of the host has used so far. */
  processorSeconds(): number;
  /** Cuts the power. */
  cut(): Promise<void>;
}

const script = join(import.meta.dirname, 'boot-host.sh');

/** Boots a deployment of a disk and waits until its jobs are done. It is cut with its disk. */
export async function boot(disk: HostDisk, o: BootOptions = {}): Promise<BootedHost> {
  const deployment = o.deployment ?? first;
  const work = mkdtempSync(join(disk.directory, 'boot-'));
  const group = makeGroup();
  const words = `ostree=/ostree/boot.0/default/${'0c'.repeat(32)}/0 ${o.words ?? ''}`;
  const args = [disk.directory, disk.base, deployment, work, words, String(o.depth ?? 1)];
  const spaces = ['--mount', '--pid', '--fork', '--kill-child', '--uts', '--ipc', '--net', '--cgroup'];
  // A test that is killed takes its hosts with it.
  const enter = `echo $$ >${join(group, 'cgroup.procs')}; exec setpriv --pdeathsig KILL unshare "$@"`;
  const child = spawn('sh', ['-c', enter, 'sh', ...spaces, 'sh', script, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', text => (said += text));
  const ended = new Promise<void>(resolve => {
    child.once('close', () => {
      resolve();
    });
  });
  const cut = async () => {
    child.kill('SIGKILL');
    await ended;
    await removeGroup(group);
  };
  disk.cuts.push(cut);
  const pid = await processOne(child.pid ?? 0, () => said);
  const host = describe(pid, disk, () => said);
  await host.settled();
  const processorSeconds = () => Number(/^usage_usec (\d+)$/m.exec(readFileSync(join(group, 'cpu.stat'), 'utf8'))?.[1]) / 1e6;
  return { ...host, processorSeconds, cut };
}

function describe(pid: number, disk: HostDisk, said: () => string): Omit<BootedHost, 'cut' | 'processorSeconds'> {
  const run = (command: string, ...args: readonly string[]): Result => {
    const into = ['-t', String(pid), '-m', '-p', '-u', '-i', '-n', '-C', '--', command, ...args];
    const { status, stdout, stderr, error } = spawnSync('nsenter', into, {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin' },
    });
    if (error) throw error;
    return { code: status ?? 1, stdout, stderr };
  };
  const say = (command: string, ...args: readonly string[]): string => {
    const { code, stdout, stderr } = run(command, ...args);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
    return stdout.trimEnd();
  };
  const read = (path: string) => {
    const { code, stdout } = run('cat', `/${path}`);
    return code === 0 ? stdout : undefined;
  };
  const settled = async () => {
    for (;;) {
      if (!existsSync(`/proc/${pid}`)) throw new Error(`the host went down: ${said()}`);
      const { stdout } = run('systemctl', 'is-system-running');
      if (['running', 'degraded'].includes(stdout.trim()) && run('systemctl', 'list-jobs', '--no-legend').stdout.trim() === '')
        return;
      await sleep(100);
    }
  };
  const journal = () => say('journalctl', '--no-pager', '-o', 'cat', '-u', 'scantling-addons*', '-u', 'systemd-sysext.service');
  const written = (path: string): string => {
    const text = read(path);
    if (text === undefined) throw new Error(`there is no /${path}:\n${journal()}`);
    return text;
  };
  return {
    root: `/proc/${pid}/root`,
    run,
    say,
    read,
    settled,
    seal: () => parseSeal(written(sealPath)),
    support: () => parseSupport(written(supportPath)),
    journal,
    again() {
      const units = ['scantling-addons.service', 'systemd-sysext.service', 'scantling-addons-seal.service'];
      run('systemctl', 'stop', ...units);
      // They may start five times in ten seconds.
      run('systemctl', 'reset-failed', ...units);
      say('rm', '-f', '/run/scantling/addons/key');
      for (const unit of units) run('systemctl', 'start', unit);
    },
    async softReboot(deployment) {
      const count = say('systemctl', 'show', '--property=SoftRebootsCount', '--value');
      const work = mkdtempSync(join(disk.directory, 'boot-'));
      for (const name of ['upper', 'work']) mkdirSync(join(work, name));
      const seen = work.replace(disk.directory, '/sysroot');
      const layers = `lowerdir=/sysroot/image-${deployment}:/sysroot/base,upperdir=${seen}/upper,workdir=${seen}/work`;
      say('mkdir', '-p', '/run/nextroot');
      say('mount', '-t', 'overlay', '-o', layers, 'overlay', '/run/nextroot');
      say('mkdir', '-p', '/run/nextroot/sysroot');
      say('mount', '--rbind', '/sysroot', '/run/nextroot/sysroot');
      say('mount', '--bind', `/sysroot/ostree/deploy/default/deploy/${deployment}.0/etc`, '/run/nextroot/etc');
      say('mount', '--bind', '/sysroot/var', '/run/nextroot/var');
      run('systemctl', 'soft-reboot');
      while (run('systemctl', 'show', '--property=SoftRebootsCount', '--value').stdout.trim() === count) await sleep(100);
      await settled();
    },
  };
}

/** Below the cgroup that this process is in, so that what systemd makes of its own goes with it. */
function makeGroup(): string {
  const [, mounted = ''] = / (\S+) cgroup2 /.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? [];
  const [, own = '/'] = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? [];
  const group = join(mounted, own, `scantling-host-${process.pid}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(group);
  return group;
}

/** From the leaves up; a group is busy until the last of its processes is reaped. */
async function removeGroup(group: string): Promise<void> {
  if (!existsSync(group)) return;
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) await removeGroup(join(group, entry.name));
  for (;;) {
    try {
      rmdirSync(group);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      await sleep(50);
    }
  }
}

/** The process that is process 1 in there, once it is systemd. */
async function processOne(parent: number, said: () => string): Promise<number> {
  for (;;) {
    if (!existsSync(`/proc/${parent}`)) throw new Error(`the host did not come up: ${said()}`);
    const [child = ''] = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').split(' ');
    if (child !== '' && readFileSync(`/proc/${child}/comm`, 'utf8').trim() === 'systemd') return Number(child);
    await sleep(20);
  }
}
