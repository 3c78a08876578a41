/** The README of a fetched context, followed to the letter. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { contextKey } from '../../controller/build/context-link.ts';
import { pushContext } from '../../controller/build/context.ts';
import type { Context } from '../../controller/build/context.ts';
import { context } from '../../controller/cli/context.ts';
import { parseCommandLine } from '../../controller/command-line.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { contextOf, pushBase, shellLayer, withoutBuildah } from '../build/build-fixture.ts';
import type { PushedBase } from '../build/build-fixture.ts';
import { contextWith, platform } from '../build/foundation-fixture.ts';
import type { Steps } from '../build/foundation-fixture.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';

const run = promisify(execFile);
const never = new AbortController().signal;

describe('the README of a context', { skip: withoutBuildah() }, () => {
  let server: RegistryServer;
  let registry: Registry;
  let base: PushedBase;
  const finish = contextOf({ definition: 'steps', layers: [{ 'etc/motd': 'hello\n' }], labels: { 'com.example.team': 'edge' } });

  before(async () => {
    server = await startRegistry();
    registry = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test' });
    const architecture = platform.slice('linux/'.length);
    base = await pushBase(registry, `${server.host}/base/shell`, { layers: [shellLayer()], architecture });
  });
  after(async () => {
    await registry.close();
    await server.stop();
  });

  const withFinish = (steps: Steps): Context => {
    const { plan, ...rest } = contextWith(steps);
    const { layers, labels } = finish.plan;
    return { ...rest, plan: { ...plan, layers, labels }, layers: finish.layers };
  };

  /** Fetches it by an image on the base, or by itself, and returns where it is. */
  async function fetch(of: Context, onBase: boolean): Promise<string> {
    const repository = `${server.host}/contexts/readme`;
    let digest = await pushContext(registry, repository, of);
    if (onBase) {
      const annotations = {
        [contextKey]: digest,
        'org.opencontainers.image.base.name': `${server.host}/base/shell`,
        'org.opencontainers.image.base.digest': base.digest,
      };
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [], annotations }));
      digest = await registry.pushManifest(repository, { mediaType: mediaTypes.index, bytes: index });
    }
    const directory = join(temporaryDirectory('readme'), 'new');
    const image = `${repository}@${digest}`;
    const line = parseCommandLine('context', [image, '-o', directory, '--insecure-registries', server.host]);
    assert.equal(await context({ ...line, stdout: new PassThrough(), stderr: new PassThrough(), signal: never }), 0);
    return directory;
  }

  test("makes the image, whose author's files are those and no others", async () => {
    const containerfile =
      'LABEL a=b\nARG WHO\nCOPY . /srv/\nRUN --mount=type=secret,id=token [ "$(cat /run/secrets/token)" = "a value" ] && echo "$WHO" > /etc/who\n';
    const files = { 'app/run.sh': '#!/bin/sh\n', 'finish-1.tar': "the author's own\n", 'finish/mine': 'mine\n' };
    const directory = await fetch(withFinish({ containerfile, files, args: { WHO: "it's me" }, secrets: ['token'] }), true);
    assert.deepEqual((await readdir(directory)).toSorted(), ['Containerfile', 'README.md', 'context', 'finish', 'plan.json']);
    await mkdir(join(directory, 'secrets'));
    await writeFile(join(directory, 'secrets/token'), 'a value');
    const root = await follow(directory, await account());
    const made = await readdir(join(root, 'srv'), { recursive: true });
    assert.deepEqual(made.toSorted(), ['app', 'app/run.sh', 'finish', 'finish-1.tar', 'finish/mine']);
    assert.equal(await readFile(join(root, 'etc/who'), 'utf8'), "it's me\n");
    assert.equal(await readFile(join(root, 'etc/motd'), 'utf8'), 'hello\n');
  });

  test('makes an image without steps, and one on a base that is given', async () => {
    const plain = await fetch(finish, true);
    assert.deepEqual((await readdir(plain)).toSorted(), ['README.md', 'finish', 'plan.json']);
    assert.equal(await readFile(join(await follow(plain, await account()), 'etc/motd'), 'utf8'), 'hello\n');
    for (const input of [finish, withFinish({ containerfile: 'RUN echo made > /etc/made\n' })]) {
      const directory = await fetch(input, false);
      const root = await follow(directory, { ...(await account()), BASE: base.image });
      assert.equal(await readFile(join(root, 'etc/motd'), 'utf8'), 'hello\n');
    }
  });
});

/** An account on a machine where nothing is configured and nothing is pulled. */
async function account(): Promise<Record<string, string>> {
  const home = temporaryDirectory('readme-home');
  const at = (name: string): string => join(home, name);
  await mkdir(at('.config/containers'), { recursive: true });
  await writeFile(at('.config/containers/policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
  await writeFile(at('storage.conf'), `[storage]\ndriver = "vfs"\ngraphroot = "${at('storage')}"\nrunroot = "${at('run')}"\n`);
  await writeFile(at('registries.conf'), '');
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    TMPDIR: home,
    CONTAINERS_STORAGE_CONF: at('storage.conf'),
    CONTAINERS_REGISTRIES_CONF: at('registries.conf'),
  };
}

/** Does what the README says in a shell, and returns the root directory of what came of it. */
async function follow(directory: string, env: Record<string, string>): Promise<string> {
  const readme = await readFile(join(directory, 'README.md'), 'utf8');
  const commands = [...readme.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text]) => text).join('');
  await run('sh', ['-e', '-c', commands], { cwd: directory, env });
  const { stdout: container } = await run('buildah', ['from', '--pull=never', 'localhost/steps'], { env });
  const { stdout: root } = await run('buildah', ['mount', container.trim()], { env });
  const labels = ['inspect', '--type', 'image', '--format', '{{index .OCIv1.Config.Labels "com.example.team"}}'];
  assert.equal((await run('buildah', [...labels, 'localhost/steps'], { env })).stdout.trim(), 'edge');
  return root.trim();
}
