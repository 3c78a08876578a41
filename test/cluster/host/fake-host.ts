/**
 * A machine that was booted from an image, as far as an agent can tell: executables, files, and a boot that applies what is staged.
 * The executables are in `<directory>/bin` and keep bootc's contract; nothing of the real machine is touched.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sealAddons } from './addon-scripts.ts';
import { boot, deploymentOf } from './deployments.ts';
import type { BootOutcome } from './deployments.ts';
import { strike } from './faults.ts';
import { changeFiles } from './image-files.ts';
import { hostPaths, loadState, saveState } from './state.ts';
import type { BootcVersion } from './state.ts';

export interface FakeHostOptions {
  /** Made if absent; a host that is already there is kept as it is. */
  directory: string;
  /** Default next. */
  version?: BootcVersion;
  /** OCI name; default amd64. */
  architecture?: string;
  /** What it was installed from: reference, and digest of the platform's manifest. Without it, the host is not a bootc host. */
  booted?: { image: string; digest: string; version?: string } | undefined;
  /** The host has `ostree admin lock-finalization`; default false. */
  lockFinalization?: boolean;
  /** Its image has the boot scripts of addons; default false. */
  addons?: boolean;
}

export interface FakeHost {
  directory: string;
  /** What `--host-root` gets. */
  root: string;
  /** Each of its boots runs the scripts of addons. */
  addons: boolean;
  /** What `--host-path` gets: the fake commands, and the few real ones their scripts need. */
  path: string;
}

const commands = ['bootc', 'systemctl', 'systemd-run', 'nsenter'] as const;

export function createFakeHost(o: FakeHostOptions): FakeHost {
  const paths = hostPaths(o.directory);
  for (const directory of [paths.bin, paths.units, dirname(paths.bootID), dirname(paths.stamp), join(paths.root, 'run')]) {
    mkdirSync(directory, { recursive: true });
  }
  for (const command of [...commands, ...(o.lockFinalization ? ['ostree'] : [])]) {
    writeFileSync(join(paths.bin, command), wrapper(o.directory, command), { mode: 0o755 });
  }
  if (!existsSync(paths.host)) {
    saveState(o.directory, {
      version: o.version ?? 'next',
      architecture: o.architecture ?? 'amd64',
      booted: null,
      staged: null,
      rollback: null,
      rollbackQueued: false,
      usrOverlay: false,
      readOnly: false,
      boots: 1,
    });
    writeFileSync(paths.bootID, `${randomUUID()}\n`);
    if (o.booted) installHost(o.directory, o.booted);
  }
  const addons = o.addons ?? false;
  if (addons) {
    // As every distribution has one: without it addons are refused, as every pull is.
    const policy = join(paths.root, 'usr/share/containers/policy.json');
    mkdirSync(dirname(policy), { recursive: true });
    writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    writeFileSync(paths.addonScripts, '');
    runAddonScripts(o.directory);
  }
  return { directory: o.directory, root: paths.root, addons, path: `${paths.bin}:/usr/bin:/bin` };
}

/** Makes a host that was booted from no image one that was installed from this. */
export function installHost(directory: string, from: NonNullable<FakeHostOptions['booted']>): void {
  const image = { digest: from.digest, version: from.version ?? null, timestamp: '1970-01-01T00:00:00Z' };
  saveState(directory, {
    ...loadState(directory),
    booted: deploymentOf({ image: from.image, transport: 'registry' }, image, 0),
  });
  writeFileSync(join(hostPaths(directory).root, 'run/ostree-booted'), '');
}

/** The scrubbed environment of a host command carries none of the test's variables, so the wrapper says which host it is. */
function wrapper(directory: string, command: string): string {
  const lines = {
    FAKE_HOST: directory,
    FAKE_NODE: process.execPath,
    FAKE_CODE: import.meta.dirname,
    // Stripping the types costs more than the command; the cache makes it once per machine.
    NODE_COMPILE_CACHE: join(tmpdir(), 'scantling-fake-host-cache'),
  };
  const exports = Object.entries(lines).map(([name, value]) => `export ${name}='${value}'\n`);
  return `#!/bin/sh\n${exports.join('')}exec sh '${join(import.meta.dirname, 'commands', command)}' "$@"\n`;
}

/** True when `systemctl reboot` was run since the last boot. */
export function rebootRequested(directory: string): boolean {
  return existsSync(hostPaths(directory).rebootRequested);
}

export interface Boot {
  /** NeverReturned: the host is down and stays so; nothing was changed. */
  outcome: BootOutcome | 'NeverReturned';
  bootID: string;
  /** Digest of the platform's manifest that is booted now. */
  digest: string | undefined;
}

/**
 * Shutdown (also a power cut, with `powerCut`: nothing is finalized) and boot, as far as it goes. Every process that runs on the
 * host ends, so the caller stops the agent first.
 */
export function rebootHost(directory: string, o: { powerCut?: boolean } = {}): Boot {
  const paths = hostPaths(directory);
  stopUnits(paths.units);
  const before = loadState(directory);
  const staged = before.staged ? [before.staged.digest, ...(before.staged.reference.image.split('@')[1] ?? '').split(' ')] : [];
  const applies = before.staged !== null && !before.staged.locked && !o.powerCut;
  if (strike(directory, 'NeverReturns', staged)) {
    return { outcome: 'NeverReturned', bootID: bootID(directory), digest: before.booted?.digest };
  }
  const start = o.powerCut ? { ...before, staged: null } : before;
  const { state, outcome } = boot(start, {
    finalizeFails: applies && strike(directory, 'FinalizeFails', staged) !== undefined,
    fallsBack: applies && strike(directory, 'FallsBack', staged) !== undefined,
  });
  saveState(directory, state);
  changeFiles(paths.root, before.booted?.files, state.booted?.files);
  clearRun(paths.root);
  rmSync(paths.rebootRequested, { force: true });
  // ostree-boot-complete.service removes the stamp of a failed finalization and then fails itself; where it is not installed
  // the stamp stays. The fake host is of the second kind, and its unit has failed as well.
  rmSync(paths.stamp, { force: true });
  if (outcome === 'FinalizeFailed') {
    writeFileSync(paths.stamp, 'error: Finalizing deployment: Writing to /boot: No space left on device\n');
    mkdirSync(join(paths.units, 'ostree-boot-complete.service'), { recursive: true });
    writeFileSync(join(paths.units, 'ostree-boot-complete.service/failed'), '');
  }
  writeFileSync(paths.bootID, `${randomUUID()}\n`);
  if (existsSync(paths.addonScripts)) runAddonScripts(directory);
  return { outcome, bootID: bootID(directory), digest: state.booted?.digest };
}

function runAddonScripts(directory: string): void {
  sealAddons(hostPaths(directory).root, {
    boot: bootID(directory),
    deployment: loadState(directory).booted?.checksum ?? null,
    refused: readRefused(directory),
  });
}

/** Names of addons that systemd is to leave out at the next boot. */
export function refuseAddons(directory: string, names: readonly string[]): void {
  writeFileSync(hostPaths(directory).addonScripts, names.join('\n'));
}

function readRefused(directory: string): string[] {
  return readFileSync(hostPaths(directory).addonScripts, 'utf8').split('\n').filter(Boolean);
}

function bootID(directory: string): string {
  return readFileSync(hostPaths(directory).bootID, 'utf8').trim();
}

/** /run is empty after a boot but for the mark that the host was booted by ostree. */
function clearRun(root: string): void {
  for (const name of readdirSync(join(root, 'run'))) {
    if (name !== 'ostree-booted') rmSync(join(root, 'run', name), { recursive: true, force: true });
  }
}

function stopUnits(units: string): void {
  for (const unit of readdirSync(units)) {
    const file = join(units, unit, 'pid');
    if (existsSync(file)) killGroup(Number(readFileSync(file, 'utf8')));
    rmSync(join(units, unit), { recursive: true, force: true });
  }
}

function killGroup(pid: number): void {
  try {
    if (pid > 1) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
