/** Which Kubernetes the tests run on, and that what we say about versions is what is tested. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parse } from 'yaml';
import { oldestMinor } from '../../controller/preconditions/api-version.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { kubernetesVariable, kubernetesVersion, supportedKubernetes, takeKubernetes } from './kubernetes-versions.mjs';
import { serverModules } from './server-binaries.mjs';
import { versionTable } from './version-tables.ts';

const root = join(import.meta.dirname, '../..');
/** They are of one version, and a run on another is refused with them. */
const skipWithAssets = process.env['KUBEBUILDER_ASSETS'] ? 'KUBEBUILDER_ASSETS gives the servers' : false;
const text = (path: string) => readFileSync(join(root, path), 'utf8');

describe('the version of Kubernetes', () => {
  test('is taken out of a program’s arguments wherever it stands', () => {
    assert.deepEqual(takeKubernetes(['--then', 'a.ts', '--kubernetes', '1.32', 'kube/']), {
      rest: ['--then', 'a.ts', 'kube/'],
      asked: '1.32',
    });
    assert.deepEqual(takeKubernetes(['--kubernetes=1.37', 'x']), { rest: ['x'], asked: '1.37' });
    assert.deepEqual(takeKubernetes(['x']), { rest: ['x'], asked: undefined });
    assert.throws(() => takeKubernetes(['--kubernetes']), /needs a version/);
    assert.throws(() => takeKubernetes(['--kubernetes', '--json']), /needs a version/);
    assert.throws(() => takeKubernetes(['--kubernetes=1.32', '--kubernetes=1.36']), /once/);
  });

  test('is one that is supported, by its minor or its release, and else refused with a list', () => {
    const [oldest] = supportedKubernetes();
    assert.ok(oldest);
    for (const asked of [oldest.minor, oldest.release, `v${oldest.release}`]) assert.deepEqual(kubernetesVersion(asked), oldest);
    assert.equal(kubernetesVersion('').module, 'kubernetes');
    for (const asked of ['1.12', '1', '2', 'latest', '1.32.999'])
      assert.throws(
        () => kubernetesVersion(asked),
        ({ message }: Error) =>
          message.startsWith(`Kubernetes ${asked} is not`) &&
          supportedKubernetes().every(({ release }) => message.includes(release)),
      );
  });

  test('is that of the servers, in the program and in all that it starts', { skip: skipWithAssets }, t => {
    const work = temporaryDirectory('kubernetes-version');
    after(() => removeDirectory(work));
    const program = join(work, 'program.ts');
    const binaries = join(import.meta.dirname, 'server-binaries.mjs');
    writeFileSync(
      program,
      `import { serverModules } from ${JSON.stringify(binaries)};\n` +
        `console.log(serverModules().find(m => m.versions.kubernetes)?.versions.kubernetes, process.argv.slice(2).join(' '));`,
    );
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(import.meta.dirname, 'setup.mjs'), '--then', program, ...args], { encoding: 'utf8' });
    // The one that this run is on: its servers are here.
    const current = kubernetesVersion(process.env[kubernetesVariable]);
    const { status, stdout, stderr } = run('a', '--kubernetes', current.minor, 'b');
    assert.deepEqual([status, stdout], [0, `${current.release} a b\n`], stderr);
    assert.match(stderr, new RegExp(`Kubernetes ${current.release}`));
    const refused = run('--kubernetes', '1.12');
    assert.deepEqual([refused.status, refused.stdout], [1, '']);
    assert.match(refused.stderr, /Kubernetes 1\.12 is not one that the tests have servers of\. Supported: /);
    t.diagnostic(
      `supported: ${supportedKubernetes()
        .map(({ release }) => release)
        .join(', ')}`,
    );
  });

  test('has servers of each supported one, by the etcd that it names', () => {
    const before = process.env[kubernetesVariable];
    try {
      for (const { release } of supportedKubernetes()) {
        process.env[kubernetesVariable] = release;
        const servers = serverModules().find(each => each.versions['kubernetes'] === release);
        assert.match(servers?.versions['etcd'] ?? `no servers of ${release}`, /^3\./);
      }
    } finally {
      if (before === undefined) delete process.env[kubernetesVariable];
      else process.env[kubernetesVariable] = before;
    }
  });

  test('that the chart and the documents name as the oldest is the oldest that is tested', () => {
    const [oldest] = supportedKubernetes();
    const { kubeVersion } = parse(text('charts/scantling/Chart.yaml')) as { kubeVersion: string };
    assert.equal(kubeVersion, `>=${oldest?.minor}.0-0`);
    assert.equal(`1.${oldestMinor}`, oldest?.minor, 'what the program asks for at its start');
    assert.deepEqual(
      versionTable('Kubernetes'),
      supportedKubernetes().map(({ minor, release }) => ({ minor, release })),
      'the table of docs/versions.md',
    );
  });
});
