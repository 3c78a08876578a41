/** What the kernel knows of a process's memory (proc(5), /proc/PID/status). Linux only. */
import { readFileSync } from 'node:fs';

const megabyte = 1024 * 1024;

/** Resident now and at most since the start, in MiB. Throws when the process is gone. */
export function memoryOf(pid: number): { residentMiB: number; peakMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no ${name}`);
    return (Number(kilobytes) * 1024) / megabyte;
  };
  return { residentMiB: field('VmRSS'), peakMiB: field('VmHWM') };
}
