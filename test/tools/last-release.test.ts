/** The release that upgrades are tested from is one that can be installed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { helm } from '../cluster/helm.ts';
import { lastRelease } from '../cluster/last-release.ts';

test('the last release is kept with a chart that renders and a bundle that runs', async () => {
  const { version, chart, bundle } = lastRelease();
  const { stdout } = await helm(['show', 'chart', chart]);
  assert.match(stdout, new RegExp(`^version: ${version}$`, 'm'));
  const rendered = await helm(['template', 'scantling', chart, '--include-crds']);
  assert.match(rendered.stdout, /^kind: CustomResourceDefinition$/m);
  assert.match(rendered.stdout, /^kind: DaemonSet$/m);
  const { status, stderr } = spawnSync(process.execPath, [bundle, 'no-such-subcommand'], { encoding: 'utf8' });
  assert.equal(status, 2, stderr);
  assert.match(stderr, /is no command/);
});
