import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { removeDirectory, startProcess, tailOf, temporaryDirectory } from '../cluster/processes.ts';

const directory = temporaryDirectory('processes-test');
after(() => removeDirectory(directory));

/** Resolves when a process is gone; the test runner's own limit ends the wait. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    // A zombie that nobody reaps is as dead as one that is reaped.
    const status = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    if (status === '' || / Z /.test(status)) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

describe('processes', () => {
  it(
    'end with the program that started them, also when that is killed',
    { skip: process.platform !== 'linux' && 'reads /proc' },
    async () => {
      const script = `
      import { startProcess, temporaryDirectory } from ${JSON.stringify(new URL('../cluster/processes.ts', import.meta.url).href)};
      const directory = temporaryDirectory('processes-test');
      const start = name => startProcess({ name, command: 'sh', args: ['-c', 'sleep 600 & echo $!; wait'], logFile: directory + '/' + name });
      const first = await start('first');
      const second = await start('second');
      await (await start('third')).stop();
      const fourth = await start('fourth');
      await first.ready(async () => first.tail() !== '');
      console.log([directory, first.pid, second.pid, fourth.pid, first.tail()].join(' '));
      setInterval(() => {}, 1000);`;
      const program = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      const line = await new Promise<string>(resolve =>
        program.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())),
      );
      const [temporary = '', ...pids] = line.split(' ');
      assert.equal(pids.length, 4);
      assert.ok(existsSync(temporary));
      program.kill('SIGKILL');
      for (const pid of pids) await gone(Number(pid));
      while (existsSync(temporary)) await new Promise(resolve => setTimeout(resolve, 20));
    },
  );

  it('say why they did not start, with the end of their log', async () => {
    const logFile = join(directory, 'failing.log');
    const failing = await startProcess({
      name: 'failing',
      command: 'sh',
      args: ['-c', 'echo no such flag: --x >&2; exit 3'],
      logFile,
    });
    await assert.rejects(
      failing.ready(async () => false),
      error =>
        /failing ended with exit code 3 before it was ready/.test(String(error)) && /no such flag: --x/.test(String(error)),
    );
    assert.deepEqual(await failing.exited, { code: 3, signal: null });
    assert.equal(failing.running, false);
    failing.kill('SIGTERM');
    await assert.rejects(
      startProcess({ name: 'absent', command: '/nonexistent', args: [], logFile }),
      /absent: \/nonexistent cannot be started/,
    );
  });

  it('are made to end when they do not by themselves', async () => {
    const logFile = join(directory, 'stubborn.log');
    const stubborn = await startProcess({
      name: 'stubborn',
      command: 'sh',
      args: ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'],
      logFile,
    });
    await stubborn.ready(async () => tailOf(logFile, 1) === 'ready');
    assert.deepEqual(await stubborn.stop(50), { code: null, signal: 'SIGKILL' });
  });
});
