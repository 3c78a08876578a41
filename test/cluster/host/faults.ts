/** Faults of a fake host: what `<directory>/state/faults.json` says will go wrong. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostPaths } from './state.ts';

export interface Fault {
  /**
   * DiskFull, Signature, Registry (503), Unauthorized, Architecture, NotBootable: the pull fails so. BoundImage: fails after the
   * deployment was staged. SlowPull: the pull takes `ms`. Hang: the pull never ends. StatusFails, StatusHangs: `bootc status` does.
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
  /** SlowPull: milliseconds. */
  ms?: number;
}

/** Makes something go wrong from now on. */
export function injectFault(directory: string, fault: Fault): void {
  write(directory, [...readFaults(directory), fault]);
}

export function clearFaults(directory: string): void {
  write(directory, []);
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
  const path = hostPaths(directory).faults;
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Fault[]) : [];
}

function write(directory: string, faults: readonly Fault[]): void {
  const path = hostPaths(directory).faults;
  if (faults.length === 0) rmSync(path, { force: true });
  else writeFileSync(path, JSON.stringify(faults));
}
