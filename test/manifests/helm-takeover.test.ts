/**
 * 0.1.0 is taken over by the commands that docs/install.md gives for Helm 3 and 4, whichever Helm installed it; and what Helm says to other
 * commands is in docs/troubleshooting.md. No pods run here.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lastRelease } from '../cluster/last-release.ts';
import type { HelmProgram } from '../tools/helm-versions.ts';
import { assertDocumented, documented, failure, HelmCluster } from './helm-cluster.ts';
import { chart } from './rendered-chart.ts';

const { chart: before } = lastRelease();
const namespace = ['--namespace', 'scantling-system'];
const upgrade = ['upgrade', 'scantling', chart, ...namespace];
const image = '--set=image.repository=registry.example.com/scantling';

/** Installs 0.1.0 and makes an object as a user would; returns what throws unless that and the CRDs are there. */
async function withOld(there: HelmCluster, program: HelmProgram, ...flags: string[]): Promise<(step: string) => Promise<void>> {
  await there.run(program, ['install', 'scantling', before, ...namespace, '--create-namespace', image, ...flags]);
  await there.crdsEstablished();
  return there.userObject();
}

/** What was taken over is what a new installation is: nothing of the old one is left in it. What was set is kept. */
async function assertAsInstalled(there: HelmCluster, program: HelmProgram): Promise<void> {
  const upgraded = await there.objects();
  await there.run(program, ['uninstall', 'scantling', ...namespace, '--no-hooks']);
  await there.agentsNamespaceGone();
  await there.run(program, ['install', 'scantling', chart, ...namespace, image]);
  assert.deepEqual(upgraded, await there.objects());
}

describe('0.1.0', () => {
  for (const [program, flags, refused] of [
    ['helm-3', ['--force-conflicts'], 'unknown flag: --force-conflicts'],
    ['helm', ['--take-ownership', '--force-conflicts'], 'forceConflicts enabled when serverSideApply disabled'],
  ] as const)
    test(`that Helm 3 installed is taken over by ${program}, as a new installation would be`, async t => {
      const there = await HelmCluster.start(t);
      const kept = await withOld(there, 'helm-3');
      assertDocumented(await failure(there.run(program, [...upgrade, ...flags])), refused);
      await there.run(program, documented('install.md', program));
      await there.assertNew();
      await kept('upgrade');
      await assertAsInstalled(there, program);
      await kept('installation');
    });

  test('that the oldest Helm installed is taken over by it, and taken back', async t => {
    const there = await HelmCluster.start(t);
    const kept = await withOld(there, 'helm-oldest');
    assertDocumented(await failure(there.run('helm-oldest', upgrade)), 'invalid ownership metadata');
    await there.run('helm-oldest', documented('install.md', 'helm-oldest'));
    await there.assertNew();
    await kept('upgrade');
    await there.run('helm-oldest', ['rollback', 'scantling', '1', ...namespace, '--no-hooks']);
    await kept('rollback');
  });

  test('that Helm 4 installed with --server-side=false is taken over by it, taken back and upgraded without more', async t => {
    const there = await HelmCluster.start(t);
    const kept = await withOld(there, 'helm', '--server-side=false');
    await there.run('helm', documented('install.md', 'helm'));
    await there.assertNew();
    await kept('upgrade');
    await there.helm('rollback', '1', '--no-hooks');
    await kept('rollback');
    await there.agentsNamespaceGone();
    await there.helm('upgrade', chart);
    await there.assertNew();
    await kept('second upgrade');
  });
});
