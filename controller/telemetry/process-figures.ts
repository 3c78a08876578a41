/** What a process says of itself, brought up to date at each scrape. */
import { memoryUsage } from 'node:process';
import { beforeScrape } from './metric-table.ts';
import { metrics } from './metrics.ts';

/** Sets what does not change, and from now on what does. */
export function showProcess(program: 'controller' | 'agent', version: string, lease = ''): void {
  metrics.info.set({ version, program, lease }, 1);
  metrics.processStart.set(Math.round(performance.timeOrigin) / 1000);
  let counted = 0;
  beforeScrape(() => {
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1e6;
    metrics.processCpu.inc(Math.max(0, seconds - counted));
    counted = seconds;
    const { rss, heapUsed } = memoryUsage();
    metrics.processMemory.set(rss);
    metrics.heap.set(heapUsed);
  });
}
