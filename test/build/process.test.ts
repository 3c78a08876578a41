import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { baseInfo } from '../../controller/build/base.ts';
import { BuildError } from '../../controller/build/build-error.ts';
import type {
  FoundationAccess,
  FoundationBuilder,
  FoundationResult,
  FoundationTask,
} from '../../controller/build/foundation-task.ts';
import { createProcessBuilder } from '../../controller/build/process.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import type { DockerConfig } from '../../controller/registry/credentials.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { contextOf, pushBase, shellLayer, withoutBuildah } from './build-fixture.ts';
import type { PushedBase } from './build-fixture.ts';
import { plainAccess, platform, taskFor } from './foundation-fixture.ts';
import type { Steps } from './foundation-fixture.ts';

const log = createLog('silent');
const architecture = platform.slice('linux/'.length);

describe('the process builder', { skip: withoutBuildah() }, () => {
  let server: RegistryServer;
  let registry: Registry;
  let base: PushedBase;
  let directory: string;
  let builder: FoundationBuilder;
  const place = () => ({ registry, directory, insecureHosts: new Set([server.host]), log, env: process.env });
  const task = (steps: string | Steps, change: Partial<FoundationTask> & { repository?: string } = {}): Promise<FoundationTask> =>
    taskFor(
      registry,
      {
        base: base.image,
        repository: change.repository ?? `${server.host}/built/foundation`,
        steps: typeof steps === 'string' ? { containerfile: steps } : steps,
      },
      change,
    );
  const build = async (
    steps: string | Steps,
    change: Partial<FoundationTask> = {},
    access: Partial<FoundationAccess> = {},
  ): Promise<FoundationResult> => builder.build(await task(steps, change), plainAccess(access));
  /** What is left of builds in the directory of this process. */
  const leftovers = async (): Promise<string[]> =>
    (await Promise.all((await readdir(directory)).map(owner => readdir(join(directory, owner))))).flat();

  before(async () => {
    server = await startRegistry();
    registry = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test' });
    base = await pushBase(registry, `${server.host}/base/shell`, { layers: [shellLayer(), randomBytesLayer()], architecture });
    directory = temporaryDirectory('build');
    builder = createProcessBuilder(place());
  });
  after(async () => {
    await registry.close();
    await server.stop();
  });

  test("a foundation has the base's own blobs, and one layer of all steps", async () => {
    const repository = `${server.host}/built/steps`;
    const steps: string[] = [];
    const { digest, warnings } = await build(
      'RUN echo made > /etc/made && ln -s made /etc/link\nLABEL com.example.step=yes\n',
      { repository },
      { onStep: step => void steps.push(step) },
    );
    assert.deepEqual(warnings, []);
    const adopted = `${repository}@${base.digest}`;
    assert.deepEqual(
      steps.filter(step => !/^Containerfile$|lint$/.test(step)),
      [
        `pull of ${adopted}`,
        `1/3: FROM ${adopted} AS base`,
        '2/3: RUN echo made > /etc/made && ln -s made /etc/link',
        '3/3: LABEL com.example.step=yes',
        `push to ${repository}`,
      ],
    );
    const [image] = (await baseInfo(registry, `${repository}@${digest}`)).platforms;
    const layers = image?.layers.map(layer => layer.digest) ?? [];
    assert.deepEqual(layers.slice(0, 2), base.layers);
    assert.equal(layers.length, 3);
    assert.equal(image?.labels['com.example.step'], 'yes');
    assert.equal(image?.platform, platform);
    assert.deepEqual(await leftovers(), [], 'nothing is left on the disk');
  });

  test('the manifest is marked with its key, and the tag names the marked one', async () => {
    const repository = `${server.host}/built/marked`;
    const { digest } = await build('RUN echo marked > /etc/marked\n', {
      repository,
      key: 'f'.repeat(64),
      tag: 'foundation-marked',
    });
    const { json } = await registry.manifest(`${repository}@${digest}`);
    const { annotations } = json as { annotations: Record<string, string> };
    assert.equal(annotations['dev.scantling.foundation'], 'f'.repeat(64));
    assert.equal(annotations['dev.scantling.lint'], '[]');
    assert.equal((await registry.resolve(`${repository}:foundation-marked`)).digest, digest);
  });

  test('equal steps on an equal base are the same image again', async () => {
    const repository = `${server.host}/built/again`;
    const steps = 'RUN echo again > /etc/again && mkdir -p /usr/share/again\n';
    assert.deepEqual(await build(steps, { repository }), await build(steps, { repository }));
  });

  test('nothing of the base is sent again, from wherever it comes', async () => {
    const other = await startRegistry();
    const both = createRegistry({ insecureHosts: new Set([server.host, other.host]), userAgent: 'scantling-test' });
    try {
      const repository = `${other.host}/built/elsewhere`;
      const by = createProcessBuilder({ ...place(), registry: both, insecureHosts: new Set([server.host, other.host]) });
      const wanted = await taskFor(both, { base: base.image, repository, steps: { containerfile: 'RUN echo x > /etc/x\n' } });
      const { digest } = await by.build(wanted, plainAccess());
      const { json } = await both.manifest(`${repository}@${digest}`);
      const { layers } = json as { layers: Descriptor[] };
      assert.deepEqual(
        layers.slice(0, 2).map(layer => layer.digest),
        base.layers,
      );
      const uploads = other.requests.log.filter(r => r.method === 'PUT' && r.path.includes('/blobs/uploads/'));
      // The base's two layers and its config, one layer of the steps with its config, and the context with its empty layer.
      assert.equal(uploads.length, 7, uploads.map(r => r.path).join('\n'));
    } finally {
      await both.close();
      await other.stop();
    }
  });

  test('a failing step is named with its number, exit code and last lines', async () => {
    const failing = 'RUN echo fine\nRUN echo one; echo two >&2; \\\n    sleep 0.3; exit 7\nRUN echo never\n';
    await assert.rejects(build(failing), (error: unknown) => {
      assert.ok(error instanceof BuildError, String(error));
      assert.match(error.step, /^3\/4: RUN echo one; echo two >&2; .*exit 7$/);
      assert.deepEqual([error.stepNumber, error.exitCode, error.platform], [3, 7, platform]);
      // buildah passes a step's two streams on through pipes of its own, in whichever order it reads them.
      assert.deepEqual(error.log.slice(0, 2).toSorted(), ['one', 'two']);
      return true;
    });
    await assert.rejects(
      build('RUNN x\n'),
      error =>
        error instanceof BuildError &&
        error.step === '2/2: RUNN x' &&
        error.exitCode === 125 &&
        /Unknown instruction/i.test(error.message),
    );
    await assert.rejects(build('RUN exit 127\n'), error => error instanceof BuildError && error.exitCode === 127);
    await assert.rejects(
      build('COPY missing /etc/\n'),
      error => error instanceof BuildError && error.step.startsWith('2/2: COPY') && /no such file|no items/i.test(error.message),
    );
    assert.deepEqual(await leftovers(), []);
  });

  test('no step sees the credentials, the environment of the controller or its files', async () => {
    const secretive = createProcessBuilder({ ...place(), env: { ...process.env, SECRET_OF_CONTROLLER: 'geheim' } });
    const auth = parseDockerConfig(JSON.stringify({ auths: { 'r.example': { username: 'me', password: 'hunter22' } } }));
    const look = await task(`RUN env; cat ${directory}/*/*/auth.json; echo hunter22; sleep 0.3; exit 1\n`);
    const lines: string[] = [];
    const access = plainAccess({ credentials: () => Promise.resolve(auth), onOutput: masked => lines.push(masked()) });
    await assert.rejects(secretive.build(look, access), (error: unknown) => {
      assert.ok(error instanceof BuildError);
      const all = JSON.stringify([error.message, error.step, error.log, lines]);
      assert.ok(!all.includes('geheim') && !all.includes('hunter22'), all);
      assert.ok(/can't open|No such file/.test(all), all);
      return true;
    });
  });

  test('a deadline ends the step and all that it started', async () => {
    const marker = 4_000_000 + Math.floor(Math.random() * 900_000);
    const started = build(`RUN sleep ${marker} & sleep ${marker}\n`, { timeoutMs: 4_000 });
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
    const outcome = build(`RUN sleep ${marker}\n`, {}, { signal: abort.signal }).catch((error: unknown) => error);
    const state = { ended: false };
    void outcome.then(() => (state.ended = true));
    while (!state.ended && (await commandsWith(String(marker))).length === 0)
      await new Promise(resolve => setTimeout(resolve, 20));
    const reason = new Error('deleted');
    abort.abort(reason);
    assert.equal(await outcome, reason);
    assert.deepEqual(await commandsWith(String(marker)), []);
    assert.deepEqual(await leftovers(), []);
  });

  test('a registry that refuses is Transient and no fault of the definition', async () => {
    const wanted = await task('RUN echo x\n');
    for (const path of ['base/shell', 'built/foundation/blobs/uploads', 'built/foundation/manifests/foundation-test']) {
      const end = server.requests.fail(r => r.path.includes(path), { status: 403 });
      await assert.rejects(
        builder.build(wanted, plainAccess()),
        error => error instanceof TransientError && error.reason === 'RegistryAccessDenied',
        path,
      );
      end();
    }
    const nowhere = createProcessBuilder({ ...place(), buildah: '/nonexistent/buildah' });
    await assert.rejects(
      nowhere.build(wanted, plainAccess()),
      error => error instanceof TransientError && error.reason === 'BuilderUnavailable',
    );
  });

  test('a push that is denied is found out before a step runs, and asked about once for each build', async () => {
    const repository = `${server.host}/built/unpushable`;
    const [first, second] = [await task('RUN echo first\n', { repository }), await task('RUN echo second\n', { repository })];
    const asked = (): string[] =>
      server.requests.log.filter(r => r.path.startsWith('/v2/built/unpushable/blobs/uploads/')).map(r => r.method);
    // From here on the repository has the base, and nothing is pushed to it but what the steps make.
    await builder.build(first, plainAccess());
    server.requests.clear();
    const lines: string[] = [];
    const end = server.requests.fail(r => r.path.startsWith('/v2/built/unpushable/blobs/uploads/'), { status: 403 });
    await assert.rejects(
      builder.build(second, plainAccess({ onOutput: masked => lines.push(masked()) })),
      error =>
        error instanceof TransientError &&
        error.reason === 'RegistryAccessDenied' &&
        /denies push on built\/unpushable \(403/.test(error.message),
    );
    end();
    assert.deepEqual([lines, asked()], [[], ['POST']]);
    server.requests.clear();
    await builder.build(second, plainAccess());
    assert.equal(asked().filter(method => method === 'DELETE').length, 1, 'the upload that was opened to see is given up');
    assert.deepEqual(await leftovers(), []);
  });

  test('another architecture than that of the machine, and a context without steps, are refused by name', async () => {
    await assert.rejects(
      build('RUN x\n', { platform: 'linux/s390x' }),
      error => error instanceof StallingError && error.reason === 'PlatformUnsupported' && /linux\/s390x/.test(error.message),
    );
  });

  test('credentials are read again for the push, and each repository has its own', async () => {
    const closed = await startRegistry({ auth: 'basic' });
    const auth: DockerConfig = parseDockerConfig(JSON.stringify({ auths: { [closed.host]: registryCredentials } }));
    const hosts = new Set([closed.host, server.host]);
    const authorized = createRegistry({ insecureHosts: hosts, userAgent: 'scantling-test' });
    try {
      const repository = `${closed.host}/team/base`;
      const { json, bytes, mediaType } = await registry.manifest(base.image);
      const { config, layers } = json as { config: Descriptor; layers: Descriptor[] };
      for (const { digest, size } of [config, ...layers])
        await authorized.copyBlob(repository, { from: `${server.host}/base/shell`, digest, size }, auth);
      const digest = await authorized.pushManifest(repository, { mediaType, bytes }, auth);
      const by = createProcessBuilder({ ...place(), registry: authorized, insecureHosts: hosts });
      const output = `${closed.host}/team/out`;
      const steps = { containerfile: 'RUN echo x > /etc/x\n' };
      const wanted = await taskFor(authorized, { base: `${repository}@${digest}`, repository: output, steps, auth });
      const asked: string[] = [];
      const credentials = (use: string): Promise<DockerConfig> => {
        asked.push(use);
        return Promise.resolve(auth);
      };
      const pushed = await by.build(wanted, plainAccess({ credentials }));
      assert.ok(await authorized.resolve(`${output}@${pushed.digest}`, auth));
      assert.equal(asked.filter(use => use === 'push').length, 2);
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
