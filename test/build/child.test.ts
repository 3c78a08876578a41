/** What becomes of a command when it ends, and when who started it is killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { runChild } from '../../controller/build/child.ts';
import { until } from '../kube/until.ts';

const skip = process.platform === 'linux' ? false : 'processes are found in /proc';
const child = resolve(import.meta.dirname, '../../controller/build/child.ts');

/** A sleep that is told apart from all others. */
const seconds = (): string => String(6_000_000 + Math.floor(Math.random() * 900_000));

async function commandsWith(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter(line => line.includes(text));
}

test('a command and all that it started end with the process that runs it, however that ends', { skip }, async () => {
  const marker = seconds();
  const program = `
    import { runChild } from ${JSON.stringify(child)};
    const args = ['-c', 'sleep ${marker} & sleep ${marker}'];
    const signal = new AbortController().signal;
    await runChild({ command: 'sh', args, env: { PATH: process.env.PATH }, cwd: '/', signal, onOutput() {}, async onStart() {} });
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'ignore' });
  const ended = once(parent, 'exit');
  const sleeping = async (): Promise<number> =>
    (await commandsWith(`sleep\u0000${marker}`)).filter(line => line.startsWith('sleep')).length;
  await until('both sleep', async () => (await sleeping()) === 2);
  parent.kill('SIGKILL');
  await ended;
  await until('nothing is left of it', async () => (await commandsWith(marker)).length === 0);
});

test('a command that ends is told of with its code, and leaves nothing of its group', { skip }, async () => {
  const marker = seconds();
  const output: Uint8Array[] = [];
  const ended = await runChild({
    command: 'sh',
    args: ['-c', `sleep ${marker} & echo one; echo two >&2; exit 3`],
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: '/',
    signal: new AbortController().signal,
    onOutput: chunk => void output.push(chunk),
    onStart: () => Promise.resolve(),
  });
  assert.deepEqual(ended, { code: 3, signal: null });
  assert.equal(Buffer.concat(output).toString(), 'one\ntwo\n');
  await until('nothing is left of it', async () => (await commandsWith(marker)).length === 0);
});
