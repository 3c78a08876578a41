/** What of a real node is outside its namespaces: a bridge, whose address is the node's, and a cgroup. Both are named after this process. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const cgroups = '/sys/fs/cgroup';
const bridgePattern = /^sctl(\d+)$/;
const cgroupPattern = /^scantling-node-(\d+)$/;

export interface Outside {
  bridge: string;
  /** Of the bridge: programs of this machine and pods reach each other by it. */
  address: string;
  /** Of the pods, CIDR. */
  subnet: string;
  /** Below the root of each hierarchy. */
  cgroup: string;
  remove(): void;
}

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** The mount points of cgroup hierarchies: one with version 2, one for each controller with version 1. */
function hierarchies(): string[] {
  if (existsSync(join(cgroups, 'cgroup.controllers'))) return [cgroups];
  return readdirSync(cgroups)
    .map(name => join(cgroups, name))
    .filter(path => existsSync(join(path, 'cgroup.procs')) && path !== join(cgroups, 'unified'));
}

/** The kernel removes a cgroup only when no process and no other cgroup is in it; the processes may take a moment to be gone. */
function removeCgroup(path: string): void {
  if (!existsSync(path)) return;
  for (const name of readdirSync(path)) if (statSync(join(path, name)).isDirectory()) removeCgroup(join(path, name));
  const end = performance.now() + 5_000;
  for (;;) {
    try {
      return rmdirSync(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return; // another test swept it in between
      const busy = code === 'EBUSY';
      if (!busy || performance.now() > end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

function makeCgroup(name: string): void {
  for (const hierarchy of hierarchies()) {
    mkdirSync(join(hierarchy, name), { recursive: true });
    const control = join(hierarchy, 'cgroup.subtree_control');
    if (existsSync(control)) {
      // Version 2 hands controllers down one level at a time.
      for (const at of [control, join(hierarchy, name, 'cgroup.subtree_control')])
        writeFileSync(at, '+cpu +cpuset +memory +pids +io');
      continue;
    }
    // A new cpuset of version 1 is empty, and takes no process until it is not.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(hierarchy, name, file)))
        writeFileSync(join(hierarchy, name, file), execFileSync('cat', [join(hierarchy, file)]));
  }
}

/** A subnet of the range for tests of networks (RFC 2544), which no machine has; beginning with a place of this process's own. */
function freeSubnet(network: '198.18' | '198.19' = '198.18'): string {
  const taken = ip('-o', '-4', 'address', 'show');
  for (let i = 0; i < 256; i++) {
    const prefix = `${network}.${(process.pid + i) % 256}`;
    if (!taken.includes(` ${prefix}.`)) return prefix;
  }
  throw new Error(`all of ${network}.0.0/16 is taken on this machine`);
}

/** A range for the Services of a cluster whose pods are to reach one of them, CIDR: none that another test on this machine uses. */
export function freeServiceRange(): string {
  return `${freeSubnet('198.19')}.0/24`;
}

const alive = (pid: string | undefined) => existsSync(`/proc/${pid}`);

const hasBridge = (name: string) => ip('-o', 'link', 'show').includes(` ${name}:`);

function removeBridge(name: string): void {
  if (!hasBridge(name)) return;
  try {
    ip('link', 'delete', name);
  } catch (error) {
    if (hasBridge(name)) throw error; // else another test swept it in between
  }
}

/** Removes what tests that were killed have left: bridges and cgroups whose process is gone. */
export function sweep(): void {
  const links = ip('-o', 'link', 'show', 'type', 'bridge');
  for (const [, name = ''] of links.matchAll(/^\d+: (\w+):/gm)) {
    const pid = bridgePattern.exec(name)?.[1];
    if (pid !== undefined && !alive(pid)) removeBridge(name);
  }
  for (const hierarchy of hierarchies())
    for (const name of readdirSync(hierarchy)) {
      const pid = cgroupPattern.exec(name)?.[1];
      if (pid !== undefined && !alive(pid)) removeCgroup(join(hierarchy, name));
    }
}

/** Makes bridge and cgroup. `services` are further addresses of the bridge. One real node at a time in a process. */
export function makeOutside(services: readonly string[] = []): Outside {
  const bridge = `sctl${process.pid}`;
  const cgroup = `scantling-node-${process.pid}`;
  const prefix = freeSubnet();
  const remove = () => {
    removeBridge(bridge);
    for (const hierarchy of hierarchies()) removeCgroup(join(hierarchy, cgroup));
  };
  try {
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('address', 'add', `${prefix}.1/24`, 'dev', bridge);
    for (const address of services) ip('address', 'add', `${address}/32`, 'dev', bridge);
    ip('link', 'set', bridge, 'up');
    makeCgroup(cgroup);
  } catch (error) {
    remove();
    throw error;
  }
  return { bridge, address: `${prefix}.1`, subnet: `${prefix}.0/24`, cgroup: `/${cgroup}`, remove };
}
