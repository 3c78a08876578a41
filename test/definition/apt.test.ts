/** spec.packages with the real apt, in the real buildah, from a repository made on the spot. */
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { render } from '../../controller/definition/render.ts';
import { withoutBuildah } from '../build/build-fixture.ts';
import { aptBaseLayer, withoutApt } from '../cluster/apt-base.ts';
import { type AptRepository, startAptRepository } from '../cluster/apt-repository.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { programPath } from '../cluster/program-root.ts';
import { run, specOf } from './definition-fixture.ts';

type Packages = NonNullable<SystemDefinitionSpec['packages']>;

const withoutGpg = programPath('gpg') === undefined && 'gpg not installed';

describe('packages by apt', { skip: withoutBuildah() || withoutApt() || withoutGpg }, () => {
  let directory: string;
  let signed: AptRepository;
  let unsigned: AptRepository;

  before(async () => {
    directory = temporaryDirectory('apt');
    const files = { 'usr/bin/greet': '#!/bin/sh\necho "hello from $1"\n' };
    signed = await startAptRepository([{ name: 'greeter', version: '1.0', files, depends: ['words'] }], { signed: true });
    unsigned = await startAptRepository([{ name: 'words', version: '1:2~3', files: { 'usr/share/words': 'hello\n' } }]);
    await mkdir(join(directory, 'base'));
    await writeFile(join(directory, 'base', 'base.tar'), aptBaseLayer());
    const { code, stderr } = await build('base', 'FROM scratch\nADD base.tar /\n', join(directory, 'base'));
    assert.equal(code, 0, stderr);
  });
  after(() => Promise.all([signed.stop(), unsigned.stop()]));

  async function build(name: string, containerfile: string, context: string): ReturnType<typeof run> {
    const file = join(directory, `${name}.Containerfile`);
    await writeFile(file, containerfile);
    const store = ['--root', join(directory, 'root'), '--runroot', join(directory, 'run'), '--storage-driver', 'vfs'];
    const how = ['--isolation', 'chroot', '--format', 'oci', '--pull=never', '--layers=false', '--timestamp', '0'];
    const what = ['--build-arg', 'SCANTLING_BASE=localhost/base', '--tag', `localhost/${name}`, '--file', file, context];
    return run('buildah', [...store, 'build', ...how, ...what]);
  }

  /** Builds the foundation of these packages: its output, and its root directory. */
  async function foundation(
    name: string,
    packages: Omit<Packages, 'manager'>,
  ): Promise<{ code: number | null; output: string; root: string }> {
    const spec = specOf({ packages: { manager: 'apt', ...packages } });
    const { plan, buildContext } = render({ definition: 'worker', spec, inputs: new Map() });
    const context = join(directory, `${name}.context`);
    await mkdir(context);
    if (buildContext) {
      const unpacked = await run('tar', ['-x', '-C', context], { stdin: buildContext });
      assert.equal(unpacked.code, 0, unpacked.stderr);
    }
    const { code, stdout, stderr } = await build(name, plan.foundation?.containerfile ?? '', context);
    const images = JSON.parse(await readFile(join(directory, 'root', 'vfs-images', 'images.json'), 'utf8')) as {
      names?: string[];
      layer: string;
    }[];
    const layer = images.find(({ names }) => names?.includes(`localhost/${name}:latest`))?.layer ?? '';
    return { code, output: stdout + stderr, root: join(directory, 'root', 'vfs', 'dir', layer) };
  }

  const repositories = (keep: boolean): NonNullable<Packages['repositories']> => [
    {
      name: 'tools',
      url: signed.url,
      suite: './',
      gpgCheck: true,
      keep,
      ...(signed.gpgKey === undefined ? {} : { gpgKey: signed.gpgKey }),
    },
    { name: 'words', url: unsigned.url, suite: './', gpgCheck: false, keep: false },
  ];

  test('installs from a signed and an unsigned repository, which are gone afterwards', async () => {
    const { code, output, root } = await foundation('plain', {
      install: ['greeter', 'words=1:2~3'],
      repositories: repositories(false),
    });
    assert.equal(code, 0, output);
    assert.equal(await readFile(join(root, 'usr/share/words'), 'utf8'), 'hello\n');
    assert.match(await readFile(join(root, 'usr/bin/greet'), 'utf8'), /hello from/);
    assert.match(await readFile(join(root, 'var/lib/dpkg/status'), 'utf8'), /Package: greeter\nStatus: install ok installed/);
    assert.deepEqual(await readdir(join(root, 'etc/apt/sources.list.d')), ['.keep']);
    assert.deepEqual(await readdir(join(root, 'etc/apt/keyrings')), []);
    assert.deepEqual(await readdir(join(root, 'var/lib/apt/lists')), []);
    assert.deepEqual(
      (await readdir(join(root, 'var/log'))).filter(name => name !== 'apt'),
      [],
    );
  });

  test('a repository that is kept stays, with its key', async () => {
    const { code, output, root } = await foundation('kept', { install: ['greeter'], repositories: repositories(true) });
    assert.equal(code, 0, output);
    const sources = await readFile(join(root, 'etc/apt/sources.list.d/scantling-tools.sources'), 'utf8');
    assert.equal(
      sources,
      `# Generated by Scantling.\nTypes: deb\nURIs: ${signed.url}\nSuites: ./\nSigned-By: /etc/apt/keyrings/scantling-tools.asc\n`,
    );
    assert.equal(await readFile(join(root, 'etc/apt/keyrings/scantling-tools.asc'), 'utf8'), signed.gpgKey);
    assert.deepEqual((await readdir(join(root, 'etc/apt/sources.list.d'))).toSorted(), ['.keep', 'scantling-tools.sources']);
  });

  test('an unknown package is told in the words of apt', async () => {
    const { code, output } = await foundation('unknown', { install: ['nosuch'], repositories: repositories(false) });
    assert.notEqual(code, 0);
    assert.match(output.split('\n').slice(-40).join('\n'), /^E: Unable to locate package nosuch$/m);

    const removed = await foundation('absent', { remove: ['absent*'] });
    assert.notEqual(removed.code, 0);
    assert.match(removed.output.split('\n').slice(-40).join('\n'), /^E: Couldn't find any package by glob 'absent\*'$/m);
  });

  test('a repository that is signed with another key is refused by apt', async () => {
    const other = await startAptRepository([], { signed: true });
    await other.stop();
    const [first, second] = repositories(false);
    assert.ok(first && second && other.gpgKey !== undefined);
    const { code, output } = await foundation('forged', {
      install: ['greeter'],
      repositories: [{ ...first, gpgKey: other.gpgKey }, second],
    });
    assert.notEqual(code, 0);
    assert.match(output, /NO_PUBKEY|could not be verified/i);
  });
});
