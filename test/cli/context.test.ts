import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { findContext, contextLinkArtifactType } from '../../controller/build/context-link.ts';
import { contextDigest, pushContext } from '../../controller/build/context.ts';
import type { Context, Plan } from '../../controller/build/context.ts';
import { builderVersion } from '../../controller/build/name.ts';
import type { BuiltImage } from '../../controller/build/publish.ts';
import { context } from '../../controller/cli/context.ts';
import { authFiles } from '../../controller/cli/registry-access.ts';
import { parseCommandLine } from '../../controller/command-line.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { contextOf } from '../build/build-fixture.ts';
import { contextWith } from '../build/foundation-fixture.ts';
import { runOnce } from '../build/run-once.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';

describe('scantling context', () => {
  let server: RegistryServer;
  let registry: Registry;
  let base: string;
  const input = contextOf({
    definition: 'worker',
    layers: [{ 'usr/lib/a': 'a' }, { 'etc/motd': 'hello\n' }],
    labels: { 'com.example.team': 'edge' },
  });

  before(async () => {
    server = await startRegistry();
    registry = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test' });
    const image = await pushBaseImage({ registry: server.host });
    base = `${server.host}/base/system@${image.digest}`;
  });
  after(async () => {
    await registry.close();
    await server.stop();
  });

  async function build(repository: string, of: Context = input): Promise<BuiltImage> {
    await pushContext(registry, repository, of);
    const spec = {
      definitionRef: { name: of.plan.definition },
      context: contextDigest(of),
      base,
      output: { repository },
      execution: { timeout: '1m', lint: 'Warn' as const },
      builderVersion,
    };
    return runOnce(registry, { name: 'worker-0', spec });
  }

  async function fetch(image: string, ...flags: string[]): Promise<string> {
    const directory = join(temporaryDirectory('context'), 'new');
    const line = parseCommandLine('context', [image, '-o', directory, '--insecure-registries', server.host, ...flags]);
    assert.equal(await context({ ...line, stdout: new PassThrough(), stderr: new PassThrough(), signal: never }), 0);
    return directory;
  }

  test('what was fetched builds the same image again, elsewhere', async () => {
    const image = await build(`${server.host}/built/first`);
    const directory = await fetch(image.reference);
    const plan = JSON.parse(await readFile(join(directory, 'plan.json'), 'utf8')) as Plan;
    const layers = await Promise.all(plan.layers.map((_, i) => readFile(join(directory, 'finish', `finish-${i + 1}.tar`))));
    const again = { plan, layers };
    assert.equal(contextDigest(again), contextDigest(input));
    assert.equal((await build(`${server.host}/built/second`, again)).digest, image.digest);
    assert.match(await readFile(join(directory, 'finish/Containerfile'), 'utf8'), new RegExp(`^FROM ${base}\n`));
    assert.match(await readFile(join(directory, 'README.md'), 'utf8'), /buildah build/);
  });

  test('an image leads to it by tag, by index, by platform and by the context itself', async () => {
    const repository = `${server.host}/built/found`;
    const image = await build(repository);
    const wanted = { repository, digest: contextDigest(input) };
    for (const name of [`${repository}:worker-0`, image.reference, ...image.platforms.map(p => `${repository}@${p.digest}`)])
      assert.deepEqual(await findContext(registry, name), { ...wanted, base }, name);
    assert.deepEqual(await findContext(registry, `${repository}@${wanted.digest}`), wanted);
  });

  test('it is among the referrers of the index, and found by that alone', async () => {
    const repository = `${server.host}/built/linked`;
    const image = await build(repository);
    const links = await registry.referrers(repository, image.digest, undefined, { artifactType: contextLinkArtifactType });
    assert.equal(links.length, 1);
    await build(repository);
    assert.equal((await registry.referrers(repository, image.digest)).length, 1, 'the same link again is no other');
    // Another tool has pushed the same image without our annotations, and linked it as we do.
    const bare = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
    const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.index, bytes: bare });
    await assert.rejects(findContext(registry, `${repository}@${digest}`), { name: 'StallingError', reason: 'NoContext' });
    const { json } = await registry.manifest(`${repository}@${links[0]?.digest}`);
    const subject = { mediaType: mediaTypes.index, digest, size: bare.length };
    const link = Buffer.from(JSON.stringify({ ...(json as object), subject }));
    await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: link });
    assert.deepEqual(await findContext(registry, `${repository}@${digest}`), { repository, digest: contextDigest(input) });
  });

  test('steps come with their files, arguments and secrets named', async () => {
    const repository = `${server.host}/contexts/steps`;
    const steps = contextWith({
      containerfile: 'LABEL a=b\nARG A\nCOPY app/run.sh /usr/bin/\n',
      files: { 'app/run.sh': '#!/bin/sh\n' },
      args: { A: "it's" },
      secrets: ['token'],
    });
    const digest = await pushContext(registry, repository, steps);
    const directory = await fetch(`${repository}@${digest}`);
    assert.deepEqual((await readdir(directory)).toSorted(), ['Containerfile', 'README.md', 'context', 'finish', 'plan.json']);
    assert.equal(await readFile(join(directory, 'context/app/run.sh'), 'utf8'), '#!/bin/sh\n');
    assert.match(
      await readFile(join(directory, 'Containerfile'), 'utf8'),
      /^ARG SCANTLING_BASE\nFROM \$\{SCANTLING_BASE\} AS base\n/,
    );
    const readme = await readFile(join(directory, 'README.md'), 'utf8');
    assert.ok(readme.includes("--build-arg 'A=it'\\''s'") && readme.includes('--secret id=token,src=secrets/token'), readme);
    assert.ok(readme.includes('--build-arg SCANTLING_BASE="$BASE"'));
  });

  test('a directory that is not empty is left alone, and what is not there is told apart from what is none', async () => {
    const directory = temporaryDirectory('context');
    await writeFile(join(directory, 'mine'), '');
    const line = parseCommandLine('context', [base, '-o', directory, '--insecure-registries', server.host]);
    const streams = { stdout: new PassThrough(), stderr: new PassThrough(), signal: never };
    await assert.rejects(context({ ...line, ...streams }), /is not empty/);
    assert.deepEqual(await readdir(directory), ['mine']);
    await assert.rejects(fetch(base), { reason: 'NoContext', message: /Scantling did not build it/ });
    await assert.rejects(fetch(`${server.host}/base/none:1`), { reason: 'ImageNotFound' });
  });

  test('credentials come from where podman and docker keep them', async () => {
    const home = temporaryDirectory('home');
    const write = async (path: string): Promise<string> => {
      const file = join(home, path);
      await mkdir(join(file, '..'), { recursive: true });
      await writeFile(file, '{}');
      return file;
    };
    const env = { HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
    assert.deepEqual(await authFiles([], env), []);
    const docker = await write('.docker/config.json');
    const podman = await write('run/containers/auth.json');
    assert.deepEqual(await authFiles([], env), [podman, docker]);
    assert.deepEqual(await authFiles([], { ...env, REGISTRY_AUTH_FILE: '/elsewhere' }), ['/elsewhere']);
    assert.deepEqual(await authFiles(['/named'], env), ['/named']);
  });

  test('a registry that asks for credentials gets them', async () => {
    const closed = await startRegistry({ auth: 'token' });
    const file = join(temporaryDirectory('auth'), 'config.json');
    const text = JSON.stringify({ auths: { [closed.host]: registryCredentials } });
    await writeFile(file, text);
    const own = createRegistry({ insecureHosts: new Set([closed.host]), userAgent: 'scantling-test' });
    try {
      const digest = await pushContext(own, `${closed.host}/contexts/closed`, input, parseDockerConfig(text));
      const directory = await fetch(
        `${closed.host}/contexts/closed@${digest}`,
        '--auth-file',
        file,
        '--insecure-registries',
        closed.host,
      );
      assert.ok((await readdir(directory)).includes('plan.json'));
    } finally {
      await own.close();
      await closed.stop();
    }
  });
});

const never = new AbortController().signal;
