import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { identify, isAlive, mountsBelow } from '../../controller/build/process-table.ts';
import type { ProcessIdentity } from '../../controller/build/process-table.ts';
import { Workspaces } from '../../controller/build/workspace.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { temporaryDirectory } from '../cluster/processes.ts';

const log = createLog('silent');
const skip = process.platform === 'linux' ? false : 'processes are told apart by /proc';

async function sleeper(): Promise<{ child: ChildProcess; identity: ProcessIdentity; ended: Promise<unknown> }> {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  const identity = await identify(child.pid ?? 0);
  assert.ok(identity);
  return { child, identity, ended };
}

test('what a killed process left running is ended by the next one, and removed', { skip }, async () => {
  const directory = temporaryDirectory('sweep');
  const [owner, child, other] = await Promise.all([sleeper(), sleeper(), sleeper()]);
  const left = join(directory, `${owner.identity.pid}-${owner.identity.startedAt}`, 'left');
  await mkdir(left, { recursive: true });
  // The second is noted with another start time: a later process that got the same id.
  await writeFile(join(left, 'children'), `${child.identity.pid} ${child.identity.startedAt}\n${other.identity.pid} 1\n`);
  await (await new Workspaces({ directory, log }).open()).remove();
  assert.ok(await isAlive(child.identity), 'its owner lives');
  owner.child.kill('SIGKILL');
  await owner.ended;

  const workspace = await new Workspaces({ directory, log }).open();
  await child.ended;
  assert.ok(!(await isAlive(child.identity)));
  assert.ok(await isAlive(other.identity));
  const self = await identify(process.pid);
  assert.deepEqual(await readdir(directory), [`${process.pid}-${self?.startedAt}`]);
  await workspace.remove();
  assert.deepEqual(await readdir(join(directory, `${process.pid}-${self?.startedAt}`)), []);
  other.child.kill('SIGKILL');
  await other.ended;
});

test('removing a workspace ends the children noted in it', { skip }, async () => {
  const workspace = await new Workspaces({ directory: temporaryDirectory('workspace'), log }).open();
  const child = await sleeper();
  await workspace.noteChild(child.identity.pid);
  await workspace.remove();
  await child.ended;
});

test('a directory that others may write is refused, until it is put right', { skip }, async () => {
  const directory = temporaryDirectory('shared');
  await chmod(directory, 0o777);
  const workspaces = new Workspaces({ directory, log });
  await assert.rejects(workspaces.open(), { reason: 'BuilderUnavailable' });
  await chmod(directory, 0o700);
  await (await workspaces.open()).remove();
});

test('mounts are found by the directory they are below', { skip }, async () => {
  assert.ok((await mountsBelow('')).some(point => point.startsWith('/proc')));
  assert.deepEqual(await mountsBelow('/nonexistent'), []);
});
