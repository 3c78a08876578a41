/** What of a host survives a reboot: its deployments, and /var with the store and the records of addons. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatRecord } from '../../controller/agent/addons/record.ts';
import { setDigest } from '../../controller/addon/set-digest.ts';
import { hostAddonPlacements } from '../../controller/host-addons/placements.ts';
import type { TestAddon } from './addon-image.ts';
import { systemdRoot } from './systemd-root.ts';
import type { Systemd } from './systemd-root.ts';

export interface HostDisk {
  directory: string;
  systemd: Systemd;
  /** The system that deployments are layers over. */
  base: string;
  /** What cuts the power of the hosts that were booted from it. */
  cuts: (() => Promise<void>)[];
}

/** Checksums of deployments. */
export const first = '1a'.repeat(32);
export const second = '2b'.repeat(32);

/** The digest, without its algorithm, of an image that deployments are staged by; a record that waits for it has this name. */
export const awaited = '3c'.repeat(32);

/** What systemd does by itself on a machine, and leaves to others in a container: what systemd-sysext mounts is to be seen by all. */
const sharedRoot = `[Unit]
DefaultDependencies=no
Conflicts=shutdown.target
Before=local-fs.target shutdown.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount --make-rshared /
`;

/** What undoes things when a test is over: its context, for one. */
export interface Undo {
  after(step: () => Promise<void>): void;
}

export interface DiskOptions {
  required?: boolean;
  /** Checksums of its deployments; default: first and second. */
  deployments?: readonly string[];
}

/** A disk with deployments of one system, which carry the scripts and units. After the test its hosts are cut and it is removed. */
export async function makeDisk(t: Undo, systemd: Systemd, o: DiskOptions = {}): Promise<HostDisk> {
  const base = await systemdRoot(systemd);
  const directory = mkdtempSync(join(tmpdir(), 'host-disk-'));
  const disk: HostDisk = { directory, systemd, base, cuts: [] };
  t.after(async () => {
    for (const cut of disk.cuts) await cut();
    rmSync(directory, { recursive: true });
  });
  for (const path of ['var/lib/scantling/addons/.records', 'var/tmp', 'var/log', 'base']) {
    mkdirSync(join(directory, path), { recursive: true });
  }
  for (const deployment of o.deployments ?? [first, second]) {
    mkdirSync(imageOf(disk, deployment), { recursive: true });
    mkdirSync(join(directory, `work-${deployment}`));
    cpSync(join(base, 'etc'), join(deploymentOf(disk, deployment), 'etc'), { recursive: true, verbatimSymlinks: true });
    place(disk, deployment, '/usr/lib/systemd/system/shared-root.service', sharedRoot);
    place(disk, deployment, '/usr/lib/systemd/system/local-fs.target.d/shared-root.conf', '[Unit]\nWants=shared-root.service\n');
    for (const placement of hostAddonPlacements({ required: o.required === true })) {
      const full = join(imageOf(disk, deployment), placement.path);
      mkdirSync(dirname(full), { recursive: true });
      if ('link' in placement) symlinkSync(placement.link, full);
      else writeFileSync(full, placement.text, { mode: placement.mode });
    }
  }
  return disk;
}

/** The directory that ostree would have; its etc is mounted at /etc. */
export function deploymentOf({ directory }: HostDisk, deployment: string): string {
  return join(directory, 'ostree/deploy/default/deploy', `${deployment}.0`);
}

/** Writes the origin of a deployment, as bootc does for `bootc switch NAME@sha256:…` with `awaited`. */
export function stagedAs(disk: HostDisk, deployment: string): void {
  const reference = `ostree-unverified-registry:registry.example.com/os@sha256:${awaited}`;
  writeFileSync(`${deploymentOf(disk, deployment)}.origin`, `[origin]\ncontainer-image-reference=${reference}\n`);
}

/** What a deployment has over its base. */
export function imageOf({ directory }: HostDisk, deployment: string): string {
  return join(directory, `image-${deployment}`);
}

/** Writes a file into the image of a deployment that is not booted. */
export function place(disk: HostDisk, deployment: string, path: string, text: string, mode = 0o644): void {
  const full = join(imageOf(disk, deployment), path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text, { mode });
}

const records = 'var/lib/scantling/addons/.records';

/** The path of a raw below the host's root. */
export function rawPath({ name, digest }: Pick<TestAddon, 'name' | 'digest'>): string {
  return `var/lib/scantling/addons/${name}/${digest.slice('sha256:'.length)}.raw`;
}

/** Puts raws into the store, as the agent does before it writes a record. */
export function store({ directory }: HostDisk, ...addons: readonly TestAddon[]): void {
  for (const addon of addons) {
    const path = join(directory, rawPath(addon));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, addon.bytes, { mode: 0o444 });
  }
}

/** The text of a record, by the agent's own writer. */
export function recordText(deployment: string, addons: readonly TestAddon[]): string {
  const set = setDigest(addons.map(({ name, digest }) => ({ name, digest, image: `registry.example.com/${name}@${digest}` })));
  return formatRecord({
    image: `sha256:${'9c'.repeat(32)}`,
    deployment,
    ...(set === undefined ? {} : { set }),
    addons: addons.map(({ name, digest, bytes, services }) => ({ name, digest, size: bytes.length, services })),
  });
}

/** Writes the record of a deployment (`kind`: current, before or good), and the raws that it names. */
export function record(disk: HostDisk, addons: readonly TestAddon[], o: { deployment?: string; kind?: string } = {}): void {
  store(disk, ...addons);
  const { deployment = first, kind } = o;
  writeRecordText(disk, kind === undefined ? deployment : `${deployment}.${kind}`, recordText(deployment, addons));
}

/** Writes any text as a record. */
export function writeRecordText({ directory }: HostDisk, name: string, text: string): void {
  writeFileSync(join(directory, records, name), text);
}

/** Where the records are on this machine. */
export function recordFile({ directory }: HostDisk, name: string): string {
  return join(directory, records, name);
}
