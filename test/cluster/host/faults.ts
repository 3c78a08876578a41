/** Faults of a fake host: what `<directory>/state/faults.json` says will go wrong. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostPaths } from './state.ts';

export interface Fault {
  /**
   * DiskFull, Signature, Registry (503), Unauthorized, Architecture, NotBootable: the pull fails so. BoundImage: fails after the
   * deployment was staged. SlowPull: the pull takes `ms`, or until `endFault`. Hang: the pull never ends. StatusFails, StatusHangs: `bootc status` does.
   * RebootRefused: `systemctl reboot` fails. FinalizeFails, FallsBack, NeverReturns: what the next boot into the image comes to.
   */
  kind:
    | 'DiskFull'
    | 'Signature'
    | 'Registry'
    | 'Unauthorized'
    | 'Architecture'
    | 'NotBootable'
    | 'BoundImage'
    | 'SlowPull'
    | 'Hang'
    | 'StatusFails'
    | 'StatusHangs'
    | 'RebootRefused'
    | 'FinalizeFails'
    | 'FallsBack'
    | 'NeverReturns';
  /** Only for this image: digest of the index or of the platform's manifest. */
  digest?: string;
  /** How often it strikes; without it, always. */
  times?: number;
  /** SlowPull: milliseconds; without it, the pull lasts until the fault is ended. */
  ms?: number;
}

/** Makes something go wrong from now on. */
export function injectFault(directory: string, fault: Fault): void {
  write(directory, [...readFaults(directory), fault]);
}

export function clearFaults(directory: string): void {
  write(directory, []);
}

/** What was to go wrong in this way no longer does; a pull that was slow goes on. */
export function endFault(directory: string, kind: Fault['kind']): void {
  write(
    directory,
    readFaults(directory).filter(fault => fault.kind !== kind),
  );
}

/** Whether something of this kind is to go wrong. */
export function hasFault(directory: string, kind: Fault['kind']): boolean {
  return readFaults(directory).some(fault => fault.kind === kind);
}

/** The fault of this kind that strikes now, if any; counts it. */
export function strike(directory: string, kind: Fault['kind'], digests: readonly string[] = []): Fault | undefined {
  const faults = readFaults(directory);
  const hit = faults.find(f => f.kind === kind && (f.digest === undefined || digests.includes(f.digest)) && f.times !== 0);
  if (hit?.times !== undefined) {
    hit.times--;
    write(
      directory,
      faults.filter(f => f.times !== 0),
    );
  }
  return hit;
}

function readFaults(directory: string): Fault[] {
  try {
    return JSON.parse(readFileSync(hostPaths(directory).faults, 'utf8')) as Fault[];
  } catch (error) {
    // The last one may go at any time.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function write(directory: string, faults: readonly Fault[]): void {
  const path = hostPaths(directory).faults;
  if (faults.length === 0) return rmSync(path, { force: true });
  // The host reads it at any time, and must not find a half of it.
  const whole = `${path}.${process.pid}`;
  writeFileSync(whole, JSON.stringify(faults));
  renameSync(whole, path);
}
