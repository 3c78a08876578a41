/**
 * What a fake host remembers, on disk below `<directory>/state`. The host's file system as an agent sees it is `<directory>/root`.
 * Nothing but node: is imported here: every run of the fake bootc loads these files, and has well under 100 ms.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageFiles } from './image-files.ts';
import { statusDocument } from './status-document.ts';

/** Releases with different behaviour: `next` is the first with `switch --download-only`. */
export type BootcVersion = '1.12' | '1.16.9' | 'next';

/** What `bootc --version` says. */
const releases = { '1.12': '1.12.1', '1.16.9': '1.16.9', next: '1.17.0' } as const;

/** The flags of a verb. */
export function flagsOf(verb: string, version: BootcVersion): string[] {
  if (verb === 'upgrade' || verb === 'update') {
    return ['--quiet', '--check', '--apply', '--download-only', '--from-downloaded', '--soft-reboot'];
  }
  if (verb !== 'switch') return ['--json', '--format', '--format-version', '--booted'];
  const old = ['--quiet', '--apply', '--transport', '--enforce-container-sigpolicy', '--retain', '--soft-reboot'];
  return version === 'next' ? [...old, '--download-only', '--from-downloaded'] : old;
}

function helpText(verb: string, flags: readonly string[]): string {
  return `Usage: bootc ${verb} [OPTIONS]\n\nOptions:\n${flags.map(f => `      ${f}\n`).join('')}`;
}

export interface ImageReference {
  image: string;
  transport: string;
  signature?: 'containerPolicy';
}

/** One boot entry. */
export interface Deployment {
  reference: ImageReference;
  /** Digest of the platform's manifest, also when the reference names an index. */
  digest: string;
  version: string | null;
  timestamp: string | null;
  /** ostree's commit, which differs between two stagings of one image only by its serial. */
  checksum: string;
  serial: number;
  /** Staged with the finalization lock: discarded, not applied, at the next boot. */
  locked: boolean;
  incompatible: boolean;
  /** What of the image the host gets when it boots it. */
  files?: ImageFiles;
}

export interface HostState {
  version: BootcVersion;
  /** OCI name (amd64). */
  architecture: string;
  /** null: a host that was not booted from an image. */
  booted: Deployment | null;
  staged: Deployment | null;
  rollback: Deployment | null;
  rollbackQueued: boolean;
  usrOverlay: boolean;
  readOnly: boolean;
  /** How often it booted. */
  boots: number;
}

/** Where a fake host keeps what. */
export function hostPaths(directory: string) {
  const state = join(directory, 'state');
  const root = join(directory, 'root');
  return {
    bin: join(directory, 'bin'),
    root,
    state,
    units: join(state, 'units'),
    /** Names of units that were not started because one of the name is there. */
    refusedUnits: join(state, 'refused-units.log'),
    host: join(state, 'host.json'),
    /** `bootc status --json`, written with each change so that the command is a `cat` behind the lock. */
    status: join(state, 'status.json'),
    /** Release and flags, for the parts of the fake bootc that are too small for a Node. */
    release: join(state, 'release'),
    switchHelp: join(state, 'switch.help'),
    upgradeHelp: join(state, 'upgrade.help'),
    faults: join(state, 'faults.json'),
    rebootRequested: join(state, 'reboot-requested'),
    /** There on a host whose boots run the scripts of addons; names the ones that systemd leaves out. */
    addonScripts: join(state, 'addon-scripts'),
    calls: join(state, 'calls.log'),
    bootID: join(root, 'proc/sys/kernel/random/boot_id'),
    stamp: join(root, 'boot/ostree/finalize-failure.stamp'),
    changed: join(root, 'ostree/bootc'),
    rebootRequired: join(root, 'run/reboot-required'),
  };
}

export function loadState(directory: string): HostState {
  return JSON.parse(readFileSync(hostPaths(directory).host, 'utf8')) as HostState;
}

/** Written beside and renamed, as a host killed at any moment must keep the old state or the new. */
export function saveState(directory: string, state: HostState): void {
  const paths = hostPaths(directory);
  mkdirSync(paths.state, { recursive: true });
  replace(paths.status, statusDocument(state));
  replace(paths.release, `bootc ${releases[state.version]}\n`);
  replace(paths.switchHelp, helpText('switch', flagsOf('switch', state.version)));
  replace(paths.upgradeHelp, helpText('upgrade', flagsOf('upgrade', state.version)));
  replace(paths.host, `${JSON.stringify(state, null, 1)}\n`);
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Marks that bootc leaves for others when it stages: kured's sentinel, and the mtime that systemd watches. */
export function announce(directory: string, image: string): void {
  const paths = hostPaths(directory);
  mkdirSync(join(paths.root, 'run'), { recursive: true });
  writeFileSync(paths.rebootRequired, `bootc: Reboot required for image: ${image}\n`);
  rmSync(paths.changed, { recursive: true, force: true });
  mkdirSync(paths.changed, { recursive: true });
}
