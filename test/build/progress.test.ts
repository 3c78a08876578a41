/** How often the step that runs is written, and which. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Progress, leastMs, progressDelayMs, settleMs } from '../../controller/build/progress.ts';
import type { Step } from '../../controller/build/progress.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { until } from '../kube/until.ts';

const log = createLog('silent');
const step = (text: string): Step => ({ platform: 'linux/amd64', step: text });

test('a step is written once it has lasted, and not sooner after another than it may', () => {
  assert.equal(progressDelayMs(5_000, undefined), settleMs);
  assert.equal(progressDelayMs(5_000, 5_000), leastMs);
  assert.equal(progressDelayMs(5_000 + leastMs / 2, 5_000), leastMs / 2);
  assert.equal(progressDelayMs(5_000 + 10 * leastMs, 5_000), settleMs);
});

test('of many steps the latest is written, and none after the end', async () => {
  const written: string[] = [];
  const progress = new Progress(({ step: text }) => Promise.resolve(void written.push(text)), log);
  for (let i = 1; i <= 100; i++) progress.note(step(`${i}/100: RUN ${i}`));
  await until('written', () => written.length > 0);
  assert.deepEqual(written, ['100/100: RUN 100']);
  progress.note(step('push'));
  await progress.end();
  progress.note(step('never'));
  assert.deepEqual(written, ['100/100: RUN 100']);
});

test('the end waits for a write under way, and one that fails is no failure of the build', async () => {
  const begun = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const progress = new Progress(() => {
    begun.resolve();
    return answer.promise;
  }, log);
  progress.note(step('1/1: RUN x'));
  await begun.promise;
  let ended = false;
  const end = progress.end().then(() => (ended = true));
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(ended, false);
  answer.reject(new Error('the API server is away'));
  await end;
});
