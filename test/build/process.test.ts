import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { runAttempt } from '../../controller/build/attempt.ts';
import { baseInfo } from '../../controller/build/base.ts';
import { BuildError } from '../../controller/build/build-error.ts';
import { contextDigest, pushContext } from '../../controller/build/context.ts';
import { Foundations, foundationTag } from '../../controller/build/foundation.ts';
import { builderVersion } from '../../controller/build/name.ts';
import { createProcessBuilder } from '../../controller/build/process.ts';
import type { FoundationBuilder } from '../../controller/build/process.ts';
import type { BuiltImage } from '../../controller/build/publish.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import type { DockerConfig } from '../../controller/registry/credentials.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { contextOf, foundationOf, pushBase, shellLayer, withoutBuildah } from './build-fixture.ts';
import type { PushedBase } from './build-fixture.ts';

const log = createLog('silent');
const never = new AbortController().signal;
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

describe('the process builder', { skip: withoutBuildah() }, () => {
  let server: RegistryServer;
  let client: Registry;
  let base: PushedBase;
  let directory: string;
  let builder: FoundationBuilder;
  const jobOf = (containerfile: string, change: object = {}): Parameters<FoundationBuilder['build']>[0] => ({
    base: base.image,
    containerfile: foundationOf(containerfile).containerfile,
    repository: `${server.host}/built/foundation`,
    tag: 'foundation-test',
    auth: undefined,
    timeoutMs: 60_000,
    signal: never,
    ...change,
  });
  /** What is left of builds in the directory of this process. */
  const leftovers = async (): Promise<string[]> =>
    (await Promise.all((await readdir(directory)).map(owner => readdir(join(directory, owner))))).flat();

  before(async () => {
    server = await startRegistry();
    client = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test' });
    base = await pushBase(client, `${server.host}/base/shell`, { layers: [shellLayer(), randomBytesLayer()], architecture });
    directory = temporaryDirectory('build');
    builder = createProcessBuilder({ directory, insecureHosts: new Set([server.host]), log, env: process.env });
  });
  after(async () => {
    await client.close();
    await server.stop();
  });

  async function build(o: {
    repository: string;
    containerfile: string;
    files?: Record<string, string>;
    by?: FoundationBuilder;
  }): Promise<BuiltImage> {
    const context = contextOf({
      definition: 'steps',
      layers: [o.files ?? { 'etc/motd': 'hello\n' }],
      containerfile: o.containerfile,
    });
    await pushContext(client, o.repository, context);
    const spec = {
      definitionRef: { name: 'steps' },
      context: contextDigest(context),
      base: base.image,
      output: { repository: o.repository },
      execution: { timeout: '1m', lint: 'Warn' as const },
      builderVersion,
    };
    return runAttempt(client, new Foundations(client, o.by ?? builder), {
      name: 'steps-0',
      spec,
      auth: undefined,
      signal: never,
    });
  }

  test('a foundation is built on the base, and the finish layers go on top', async () => {
    const repository = `${server.host}/built/steps`;
    const containerfile = 'RUN echo made > /etc/made && ln -s made /etc/link\nLABEL com.example.step=yes\n';
    const image = await build({ repository, containerfile });
    assert.deepEqual(
      image.platforms.map(p => p.platform),
      [`linux/${architecture}`],
    );
    const [platform] = (await baseInfo(client, `${repository}@${image.platforms[0]?.digest}`)).platforms;
    const layers = platform?.layers.map(layer => layer.digest) ?? [];
    assert.deepEqual(layers.slice(0, 2), base.layers, "the base's own blobs, not others of the same content");
    assert.equal(layers.length, 4, 'one layer for all steps, one finish layer');
    assert.equal(platform?.labels['com.example.step'], 'yes');
    assert.deepEqual(await leftovers(), [], 'nothing is left on the disk');
  });

  test('an equal foundation is found, not built again, and is the same when built again', async () => {
    const repository = `${server.host}/built/again`;
    const containerfile = 'RUN echo again > /etc/again\n';
    const first = await build({ repository, containerfile });
    const refuse: FoundationBuilder = { architecture, build: () => Promise.reject(new Error('it is there')) };
    const second = await build({ repository, containerfile, files: { 'etc/motd': 'changed\n' }, by: refuse });
    assert.notEqual(second.digest, first.digest);
    const elsewhere = await build({ repository: `${server.host}/built/elsewhere`, containerfile });
    assert.equal(elsewhere.digest, first.digest, 'reproducible');
    const tag = foundationTag({ digest: base.digest, platform: `linux/${architecture}` }, foundationOf(containerfile));
    assert.ok(await client.resolve(`${repository}:${tag}`));
  });

  test('an equal foundation that is wanted twice at a time is built once', async () => {
    const repository = `${server.host}/built/twice`;
    let builds = 0;
    const counting: FoundationBuilder = {
      architecture,
      build: job => {
        builds++;
        return builder.build(job);
      },
    };
    const foundations = new Foundations(client, counting);
    const info = await baseInfo(client, base.image);
    const foundation = foundationOf('RUN echo twice > /etc/twice\n');
    const get = (): ReturnType<Foundations['get']> =>
      foundations.get({ base: info, foundation, repository, auth: undefined, timeoutMs: 60_000, signal: never });
    const [one, two, three] = await Promise.all([get(), get(), get()]);
    assert.equal(builds, 1);
    assert.equal(two?.digest, one?.digest);
    assert.equal(three?.digest, one?.digest);
  });

  test('a failing step is named with its exit code and last lines', async () => {
    const failing = 'RUN echo fine\nRUN echo one; echo two >&2; \\\n    exit 7\nRUN echo never\n';
    await assert.rejects(builder.build(jobOf(failing)), (error: unknown) => {
      assert.ok(error instanceof BuildError, String(error));
      assert.match(error.step, /^3\/4: RUN echo one; echo two >&2; .*exit 7$/);
      assert.equal(error.exitCode, 7);
      assert.deepEqual(error.log.slice(0, 2), ['one', 'two']);
      return true;
    });
    await assert.rejects(
      builder.build(jobOf('RUNN x\n')),
      error =>
        error instanceof BuildError &&
        error.step === '2/2: RUNN x' &&
        error.exitCode === 125 &&
        /Unknown instruction/i.test(error.message),
    );
    await assert.rejects(builder.build(jobOf('RUN exit 127\n')), error => error instanceof BuildError && error.exitCode === 127);
    await assert.rejects(
      builder.build(jobOf('COPY missing /etc/\n')),
      error => error instanceof BuildError && error.step.startsWith('2/2: COPY'),
    );
    assert.deepEqual(await leftovers(), []);
  });

  test('no step sees the credentials, the environment of the controller or its files', async () => {
    const secretive = createProcessBuilder({
      directory,
      insecureHosts: new Set([server.host]),
      log,
      env: { ...process.env, SECRET_OF_CONTROLLER: 'geheim' },
    });
    const auth = parseDockerConfig(JSON.stringify({ auths: { 'r.example': { username: 'me', password: 'hunter22' } } }));
    const look = `RUN env; cat ${directory}/*/*/auth.json; echo hunter22; exit 1\n`;
    await assert.rejects(secretive.build(jobOf(look, { auth })), (error: unknown) => {
      assert.ok(error instanceof BuildError);
      const all = JSON.stringify([error.message, error.step, error.log]);
      assert.ok(!all.includes('geheim') && !all.includes('hunter22'), all);
      assert.ok(/can't open|No such file/.test(all), all);
      return true;
    });
  });

  test('a deadline ends the step and all that it started', async () => {
    const marker = 4_000_000 + Math.floor(Math.random() * 900_000);
    const started = builder.build(jobOf(`RUN sleep ${marker} & sleep ${marker}\n`, { timeoutMs: 4_000 }));
    await assert.rejects(
      started,
      error => error instanceof BuildError && /not done after 4 s/.test(error.message) && error.exitCode === undefined,
    );
    assert.deepEqual(await commandsWith(String(marker)), []);
    assert.deepEqual(await leftovers(), []);
  });

  test('an abort ends it too, with the reason given', async () => {
    const marker = 5_000_000 + Math.floor(Math.random() * 900_000);
    const abort = new AbortController();
    const outcome = builder.build(jobOf(`RUN sleep ${marker}\n`, { signal: abort.signal })).catch((error: unknown) => error);
    while ((await commandsWith(String(marker))).length === 0) await new Promise(resolve => setTimeout(resolve, 20));
    const reason = new Error('deleted');
    abort.abort(reason);
    assert.equal(await outcome, reason);
    assert.deepEqual(await commandsWith(String(marker)), []);
    assert.deepEqual(await leftovers(), []);
  });

  test('a registry that fails is Transient and no fault of the definition', async () => {
    for (const path of ['base/shell', 'built/foundation']) {
      const end = server.requests.fail(r => r.path.includes(path), { status: 403 });
      await assert.rejects(
        builder.build(jobOf('RUN echo x\n')),
        error => error instanceof TransientError && error.reason === 'RegistryUnavailable',
      );
      end();
    }
    const nowhere = createProcessBuilder({
      directory,
      insecureHosts: new Set(),
      log,
      env: process.env,
      buildah: '/nonexistent/buildah',
    });
    await assert.rejects(
      nowhere.build(jobOf('RUN echo x\n')),
      error => error instanceof TransientError && error.reason === 'BuilderUnavailable',
    );
  });

  test('a base without this architecture is refused by name', async () => {
    const other = await pushBase(client, `${server.host}/base/other`, { layers: [randomBytes(10)], architecture: 's390x' });
    const foundations = new Foundations(client, builder);
    const request = {
      base: await baseInfo(client, other.image),
      foundation: foundationOf('RUN x\n'),
      repository: `${server.host}/x`,
    };
    await assert.rejects(foundations.get({ ...request, auth: undefined, timeoutMs: 1, signal: never }), {
      reason: 'PlatformUnsupported',
    });
  });

  test('a registry with credentials is pulled from and pushed to', async () => {
    const closed = await startRegistry({ auth: 'basic' });
    const auth: DockerConfig = parseDockerConfig(JSON.stringify({ auths: { [closed.host]: registryCredentials } }));
    const hosts = new Set([closed.host, server.host]);
    const authorized = createRegistry({ insecureHosts: hosts, userAgent: 'scantling-test' });
    try {
      const repository = `${closed.host}/team/base`;
      const { json, bytes, mediaType } = await client.manifest(base.image);
      const { config, layers } = json as { config: Descriptor; layers: Descriptor[] };
      for (const { digest, size } of [config, ...layers])
        await authorized.copyBlob(repository, { from: `${server.host}/base/shell`, digest, size }, auth);
      const digest = await authorized.pushManifest(repository, { mediaType, bytes }, auth);
      const by = createProcessBuilder({ directory, insecureHosts: hosts, log, env: process.env });
      const pushed = await by.build(
        jobOf('RUN echo x > /etc/x\n', { base: `${repository}@${digest}`, repository: `${closed.host}/team/out`, auth }),
      );
      assert.ok(await authorized.resolve(`${closed.host}/team/out@${pushed}`, auth));
    } finally {
      await authorized.close();
      await closed.stop();
    }
  });
});

/** A layer that is different in each run, so that no cache of an earlier one answers. */
function randomBytesLayer(): Uint8Array {
  return (
    contextOf({ definition: 'x', layers: [{ 'usr/lib/random': randomBytes(20).toString('hex') }] }).layers[0] ?? new Uint8Array(0)
  );
}

/** Command lines of running processes that contain the text. */
async function commandsWith(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter(line => line.includes(text));
}
