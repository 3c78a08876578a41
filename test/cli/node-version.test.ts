/** The bundle with a Node that is too old for it: one line says so. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { programFor } from '../cluster/program.ts';

describe('a Node that is too old', () => {
  let bundle: string;
  before(async () => {
    [, bundle = ''] = await programFor({ source: false });
  });

  function ran(command: string, ...args: readonly string[]): [code: number | null, out: string, said: string] {
    const { status, stdout, stderr } = spawnSync(command, [...args, bundle, 'version', '--client'], { encoding: 'utf8' });
    return [status, stdout, stderr];
  }

  test('is named before anything else runs', () => {
    const standIn = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.20.2'})`;
    const said = 'scantling needs Node.js 24 or newer, this is v20.20.2\n';
    assert.deepEqual(ran(process.execPath, '--import', standIn), [2, '', said]);
  });

  test('gets as far as that', t => {
    const old = oldNode();
    if (!old) return t.skip('this machine has no Node older than 24');
    assert.deepEqual(ran(old.file), [2, '', `scantling needs Node.js 24 or newer, this is ${old.version}\n`]);
  });
});

function oldNode(): { file: string; version: string } | undefined {
  for (const file of ['/usr/bin/node', '/usr/local/bin/node']) {
    try {
      const version = execFileSync(file, ['--version'], { encoding: 'utf8' }).trim();
      if (Number.parseInt(version.slice(1), 10) < 24) return { file, version };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  return undefined;
}
