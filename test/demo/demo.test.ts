/** The demo as a user runs it, with fewer nodes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { withoutPackages } from './build-steps.ts';
import type { DemoReport } from './report.ts';

const packages = withoutPackages() === undefined;

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', reject);
    child.once('close', code => resolve({ code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
  });
}

test('every statement of the demo holds, and one JSON document says so', async () => {
  const { code, out, err } = await run(['--nodes', '3', '--json']);
  assert.equal(code, 0, err);
  const report = JSON.parse(out) as DemoReport;
  assert.equal(report.ok, true);
  assert.deepEqual(
    report.steps.map(step => [step.name, step.buildsRun, step.nodes.length, step.statements.every(s => s.holds)]),
    [
      ['first commit', 1, 3, true],
      ['one file changed', 1, 3, true],
      ['broken document', 0, 3, true],
      ['revert', 0, 3, true],
      ['base image fixed', 1, 3, true],
      ['unsigned image', 0, 3, true],
      ['unsigned commit', 0, 3, true],
      ['revoked key', 0, 3, true],
      ['addon updated', 0, 3, true],
      ['waits for an addon', 1, 3, true],
      ...(packages
        ? [
            ['package installed', 2, 3, true],
            ['build failed', 1, 3, true],
          ]
        : []),
    ],
  );
  const [first, second, , last, fixed] = report.steps;
  assert.equal(last?.imageDigest, first?.imageDigest);
  assert.notEqual(second?.imageDigest, first?.imageDigest);
  assert.notEqual(fixed?.imageDigest, last?.imageDigest);
  assert.match(err, packages ? /All 123 statements were checked and hold/ : /All 109 statements .* hold[\s\S]*left out/);
});

test('a wrong flag is refused with the usage', async () => {
  const { code, out, err } = await run(['--nodes', 'many']);
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.match(err, /--nodes is a number from 2 to 50, not many[\s\S]*Usage: npm run demo/);
});

test('a flag that npm took for itself is refused, with how it is written', async () => {
  const { code, out, err } = await run([], { npm_lifecycle_event: 'demo', npm_config_helm: 'true', npm_config_json: 'true' });
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.match(err, /^npm has taken --helm --json for itself; write npm run demo -- --helm --json\nUsage/);
});

test('with CI set no step is left out: what is missing is said, and nothing is played', async () => {
  const bin = temporaryDirectory('no-apt');
  after(() => removeDirectory(bin));
  for (const directory of (process.env['PATH'] ?? '').split(delimiter).filter(existsSync))
    for (const name of readdirSync(directory))
      if (!name.startsWith('apt') && !existsSync(join(bin, name))) symlinkSync(join(directory, name), join(bin, name));
  const { code, out, err } = await run([], { CI: 'true', PATH: bin });
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.match(err, /apt-get.* not installed.*, and CI must run these tests/);
});
