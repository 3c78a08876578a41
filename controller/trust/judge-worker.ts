/** Entry of the thread that judges: one job after another, each a pure function of what it is sent. */
import { parentPort } from 'node:worker_threads';
import { judgeCandidates } from './judge-image.ts';
import type { Answer, Job } from './judge-thread.ts';

const port = parentPort;
if (!port) throw new Error('judge-worker is the entry of a worker thread');

/**
 * Of one image, in microseconds of the thread itself, which a machine with much else to do does not use up. It is far less than a job may take in all, and far
 * more than as many candidates as are looked at cost within their bounds.
 */
const enough = 10_000_000;

port.on('message', ({ id, of, candidates }: Job) => {
  const start = process.threadCpuUsage();
  const isOver = (): boolean => {
    const { user, system } = process.threadCpuUsage(start);
    return user + system > enough;
  };
  port.postMessage(answer(id, () => judgeCandidates(of, candidates, isOver)));
});

function answer(id: number, judge: () => Extract<Answer, { judgement: object }>['judgement']): Answer {
  try {
    return { id, judgement: judge() };
  } catch (error) {
    return { id, failure: error instanceof Error ? error.message : String(error) };
  }
}
