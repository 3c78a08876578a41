/** How long event loops stand still: this process's own, and one that has nothing to do, which shows what the machine adds. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';

const resolution = 5;

/** Returns what tells the longest time in ms that the loop has stood still since. */
export function watchLoop(): () => number {
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  return () => {
    delay.disable();
    return Math.max(0, delay.max / 1e6 - resolution);
  };
}

/** A thread that does nothing else. */
const idle = `const { parentPort } = require('node:worker_threads');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const delay = monitorEventLoopDelay({ resolution: ${resolution} });
delay.enable();
parentPort.once('message', () => parentPort.postMessage(Math.max(0, delay.max / 1e6 - ${resolution})));
parentPort.postMessage('ready');`;

/** The same of a thread that does nothing: on a busy machine it stands still too, and so much of the other figure is not the program's. */
export async function watchIdleLoop(): Promise<() => Promise<number>> {
  const worker = new Worker(idle, { eval: true });
  await new Promise(resolve => worker.once('message', resolve));
  return async () => {
    const longest = new Promise<number>(resolve => worker.once('message', resolve));
    worker.postMessage('stop', []);
    const value = await longest;
    await worker.terminate();
    return value;
  };
}
