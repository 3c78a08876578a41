import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StallingError, TransientError, WaitingError } from '../../controller/api/errors.ts';
import { Controller, type Reconcile } from '../../controller/kube/controller.ts';
import { ApiError } from '../../controller/kube/errors.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { until } from './until.ts';

function start(reconcile: Reconcile, o: { concurrency?: number } = {}): { controller: Controller; lines: string[] } {
  const lines: string[] = [];
  const log = createLog('debug', line => lines.push(line));
  const controller = new Controller({ name: 'test', reconcile, log, random: () => 0, ...o });
  controller.start();
  return { controller, lines };
}

describe('controller', () => {
  it('gives one key to one worker, other keys to others, and works again on what changed meanwhile', async () => {
    const active = new Set<string>();
    const passes = new Map<string, number>();
    let most = 0;
    const { controller } = start(
      async key => {
        assert.ok(!active.has(key), 'one worker a key');
        active.add(key);
        most = Math.max(most, active.size);
        passes.set(key, (passes.get(key) ?? 0) + 1);
        if (passes.get(key) === 1) for (let i = 0; i < 5; i++) controller.enqueue(key);
        await sleep(1);
        active.delete(key);
      },
      { concurrency: 4 },
    );
    for (let i = 0; i < 200; i++) controller.enqueue(`k${i % 20}`);
    await until('all passes', () => passes.size === 20 && [...passes.values()].every(n => n === 2) && active.size === 0);
    await controller.stop();
    assert.equal(most, 4);
    assert.ok(
      [...passes.values()].every(n => n === 2),
      'what was asked for five times is done once',
    );
  });

  it('comes back after what the pass asks for, and after each failure but a stall', async () => {
    const errors = new Map<string, unknown>([
      ['waiting', new WaitingError('Soon', 'soon', 5)],
      ['transient', new TransientError('Net', 'net down')],
      ['conflict', new ApiError({ status: 409, reason: 'Conflict', message: 'newer' })],
      ['bug', new TypeError('a bug')],
      ['stalled', new StallingError('Bad', 'bad')],
    ]);
    const passes = new Map<string, number>();
    const { controller, lines } = start(async key => {
      const pass = (passes.get(key) ?? 0) + 1;
      passes.set(key, pass);
      const error = errors.get(key);
      if (pass === 1 && error !== undefined) throw error;
      if (key === 'requeue' && pass < 3) return { requeueAfterMs: 5 };
      return {};
    });
    for (const key of [...errors.keys(), 'requeue', 'plain']) controller.enqueue(key);
    await until(
      'the retries',
      () => ['waiting', 'transient', 'conflict', 'bug'].every(k => passes.get(k) === 2) && passes.get('requeue') === 3,
    );
    await controller.stop();
    assert.equal(passes.get('stalled'), 1);
    assert.equal(passes.get('plain'), 1);
    const logged = lines.map(
      line => JSON.parse(line) as { level: string; key: string; reconcileId: string; error?: { stack: string } },
    );
    assert.ok(
      logged.every(l => l.key && l.reconcileId),
      'each line names its key and its pass',
    );
    const level = Object.fromEntries(logged.map(l => [l.key, l.level]));
    assert.deepEqual(level, { waiting: 'debug', transient: 'warn', conflict: 'debug', bug: 'error', stalled: 'warn' });
    assert.match(logged.find(l => l.key === 'bug')?.error?.stack ?? '', /controller\.test\.ts/);
  });

  it('takes the earlier of two times', async () => {
    const passes: string[] = [];
    const { controller } = start(async key => {
      passes.push(key);
    });
    controller.enqueue('a', { afterMs: 3_600_000 });
    controller.enqueue('a', { afterMs: 2 });
    controller.enqueue('a', { afterMs: 3_600_000 });
    await until('the pass', () => passes.length > 0);
    await controller.stop();
    assert.deepEqual(passes, ['a']);
  });

  it('finishes its workers when it is stopped, and begins nothing new', async () => {
    const begun: string[] = [];
    let finished = 0;
    const gate = Promise.withResolvers<void>();
    const { controller } = start(
      async (key, { signal }) => {
        begun.push(key);
        await gate.promise;
        assert.equal(signal.aborted, false);
        finished++;
      },
      { concurrency: 2 },
    );
    for (const key of ['a', 'b', 'c']) controller.enqueue(key);
    const stopped = controller.stop();
    controller.enqueue('d');
    gate.resolve();
    await stopped;
    assert.deepEqual([begun, finished], [['a', 'b'], 2]);
  });

  it('aborts a worker that does not end in time', async () => {
    const { controller, lines } = start((_, { signal }) => sleep(3_600_000, undefined, { signal }));
    controller.enqueue('slow');
    await controller.stop(10);
    assert.ok(lines.some(line => line.includes('cut off by the end')));
  });
});
