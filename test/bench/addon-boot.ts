/** What five addons of 100 MB add to a boot: hosts with a real systemd, booted with and without them. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from '../tools/run-command.mjs';
import { addonOf, type TestAddon } from '../host-addons/addon-image.ts';
import { boot, type BootedHost } from '../host-addons/booted-host.ts';
import { first, type HostDisk, imageOf, makeDisk, rawPath, record } from '../host-addons/host-disk.ts';
import { type Systemd, systemds, withoutHosts } from '../host-addons/systemd-root.ts';
import { median, type Measure } from './measure.ts';

const boots = 3;
/** Seconds for five addons of 100 MB each. */
const budget = 1;

interface Host {
  systemd: Systemd;
  /** What reads the digests there. */
  hash: string;
  /** Whether the host gets the openssl of this machine. */
  openssl?: true;
  budget?: number;
}

const hosts: readonly Host[] = [
  { systemd: 257, hash: 'sha256sum with OpenSSL', budget },
  { systemd: 252, hash: 'openssl', openssl: true, budget },
  { systemd: 252, hash: 'sha256sum of its own' },
];

/** @param files raws of addons, whose names are addon-0, addon-1, … */
export async function measureAddonBoots(files: readonly string[], progress: (line: string) => void): Promise<Measure[]> {
  const reason = withoutHosts();
  if (reason !== false) {
    progress(`no boots are measured: ${reason}`);
    return [];
  }
  const addons = files.map((file, i) => addonOf(`addon-${i}`, readFileSync(file)));
  const measures: Measure[] = [];
  for (const host of hosts) {
    const os = `systemd ${host.systemd} (${systemds[host.systemd]}), ${host.hash}`;
    progress(`boots with and without ${addons.length} addons: ${os}`);
    const seconds = await added(host, addons);
    if (!seconds) {
      progress(`not measured: this machine's openssl does not run there`);
      continue;
    }
    const limit = host.budget === undefined ? {} : { budget: host.budget };
    const what = `boot time that ${addons.length} addons of 100 MB add, ${os}`;
    measures.push({ measure: `${what}; from the cache`, value: seconds.cached, unit: 's', ...limit });
    measures.push({ measure: `${what}; from the disk`, value: seconds.read, unit: 's', ...limit });
    measures.push({ measure: `processor time of it, ${os}`, value: seconds.processor, unit: 's' });
  }
  return measures;
}

interface Seconds {
  cached: number;
  read: number;
  processor: number;
}

async function added({ systemd, openssl }: Host, addons: readonly TestAddon[]): Promise<Seconds | undefined> {
  const undo: (() => Promise<void> | void)[] = [];
  try {
    const disk = await makeDisk({ after: step => void undo.push(step) }, systemd);
    if (openssl) placeOpenssl(disk);
    record(disk, []);
    const bare = await mergeTimes(disk, []);
    if (openssl && !(await runsOpenssl(disk))) return undefined;
    record(disk, addons);
    const raws = addons.map(addon => join(disk.directory, rawPath(addon)));
    await runCommand('sync', ['-f', disk.directory]);
    const cached = await mergeTimes(disk, addons);
    const read = await mergeTimes(disk, addons, raws);
    return { cached: cached.wall - bare.wall, read: read.wall - bare.wall, processor: cached.processor - bare.processor };
  } finally {
    for (const step of undo) await step();
  }
}

/** Seconds from the first unit of addons to the end of the last, in the quickest of some boots: what others do on this machine only adds to it. */
async function mergeTimes(
  disk: HostDisk,
  addons: readonly TestAddon[],
  uncached: readonly string[] = [],
): Promise<{ wall: number; processor: number }> {
  const walls: number[] = [];
  const processor: number[] = [];
  for (let i = 0; i < boots; i++) {
    // Lets go of the pages of these files alone (dd(1)).
    for (const file of uncached) await runCommand('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
    const host = await boot(disk);
    const { state } = host.seal();
    if (state !== (addons.length > 0 ? 'Merged' : 'None')) throw new Error(`the boot ended as ${state}: ${host.journal()}`);
    const [begin, end] = [
      at(host, 'scantling-addons.service', 'InactiveExit'),
      at(host, 'scantling-addons-seal.service', 'ActiveEnter'),
    ];
    walls.push((end - begin) / 1e6);
    processor.push(host.processorSeconds());
    await host.cut();
  }
  return { wall: Math.min(...walls), processor: median(processor) };
}

/** Microseconds of the monotonic clock. */
function at(host: BootedHost, unit: string, what: string): number {
  return Number(host.say('systemctl', 'show', `--property=${what}TimestampMonotonic`, '--value', unit));
}

/** The program and the library that it has to itself: the others are those of systemd. */
function placeOpenssl(disk: HostDisk): void {
  const library = '/usr/lib/x86_64-linux-gnu';
  const libraries = existsSync(library) ? readdirSync(library).filter(name => name.startsWith('libssl.so.')) : [];
  for (const path of ['/usr/bin/openssl', ...libraries.map(name => join(library, name))]) {
    if (!existsSync(path)) continue;
    const placed = join(imageOf(disk, first), path);
    mkdirSync(dirname(placed), { recursive: true });
    copyFileSync(path, placed);
  }
}

async function runsOpenssl(disk: HostDisk): Promise<boolean> {
  const host = await boot(disk);
  const { code } = host.run('openssl', 'dgst', '-sha256', '/etc/passwd');
  await host.cut();
  return code === 0;
}
