/** What a Containerfile may do, with real buildah on a base that has a shell; and bootc's lint, with a bootc that prints what the real one prints. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { BuildError } from '../../controller/build/build-error.ts';
import type { FoundationAccess, FoundationBuilder, FoundationTask } from '../../controller/build/foundation-task.ts';
import { createProcessBuilder } from '../../controller/build/process.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { createAuthority } from '../cluster/certificates.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { pushBase, shellLayer, withoutBuildah } from './build-fixture.ts';
import type { PushedBase } from './build-fixture.ts';
import { plainAccess, platform, taskFor } from './foundation-fixture.ts';
import type { Steps } from './foundation-fixture.ts';

const architecture = platform.slice('linux/'.length);
const text = new TextEncoder();

describe('the steps of a foundation', { skip: withoutBuildah() }, () => {
  let server: RegistryServer;
  let registry: Registry;
  let base: PushedBase;
  let builder: FoundationBuilder;

  before(async () => {
    server = await startRegistry();
    registry = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test' });
    base = await pushBase(registry, `${server.host}/base/shell`, { layers: [shellLayer()], architecture });
    builder = createProcessBuilder(place());
  });
  after(async () => {
    await registry.close();
    await server.stop();
  });

  const place = () => ({
    registry,
    directory: temporaryDirectory('steps'),
    insecureHosts: new Set([server.host]),
    log: createLog('silent'),
    env: process.env,
  });
  const repository = (): string => `${server.host}/built/steps`;
  async function build(
    steps: Steps,
    o: { on?: PushedBase; task?: Partial<FoundationTask>; access?: Partial<FoundationAccess> } = {},
  ): ReturnType<FoundationBuilder['build']> {
    const task = await taskFor(registry, { base: (o.on ?? base).image, repository: repository(), steps }, o.task);
    return builder.build(task, plainAccess(o.access));
  }

  /** A base with a bootc whose lint prints this. */
  const lintedBase = (output: string, exitCode: number): Promise<PushedBase> =>
    pushBase(registry, `${server.host}/base/bootc`, { layers: [shellLayer(), bootcLayer(output, exitCode)], architecture });

  /** Path to content of the files in the layer of the steps. */
  async function added(digest: string): Promise<Map<string, string>> {
    const { json } = await registry.manifest(`${repository()}@${digest}`);
    const last = (json as { layers: Descriptor[] }).layers.at(-1);
    const blob = await registry.blob(repository(), last?.digest ?? '', undefined, last?.size);
    return filesOf(last?.mediaType.endsWith('gzip') ? gunzipSync(blob) : Buffer.from(blob));
  }

  test('several stages, COPY from a stage, from the context and into it', async () => {
    const { digest } = await build({
      containerfile:
        'ARG SCANTLING_BASE\nARG GREETING=none\nFROM ${SCANTLING_BASE} AS base\nARG GREETING\n' +
        'COPY config/app.conf /tmp/\nRUN echo "$GREETING from a stage" > /made\n' +
        'FROM base AS other\nRUN echo not used > /unused\n' +
        'FROM ${SCANTLING_BASE}\nCOPY --from=base /made /etc/made\nCOPY --chmod=600 config /etc/app/\n' +
        'RUN --mount=type=bind,from=base,source=/made,target=/tmp/made cat /tmp/made > /etc/bound\n' +
        'RUN --mount=type=bind,source=config,target=/tmp/config cat /tmp/config/app.conf > /etc/from-context\n',
      files: { 'config/app.conf': 'a=b\n' },
      args: { GREETING: 'hello' },
    });
    const files = await added(digest);
    assert.equal(files.get('etc/made'), 'hello from a stage\n');
    assert.equal(files.get('etc/bound'), 'hello from a stage\n');
    assert.equal(files.get('etc/app/app.conf'), 'a=b\n');
    assert.equal(files.get('etc/from-context'), 'a=b\n');
    assert.equal(files.get('unused'), undefined);
  });

  test('an image by digest may be another stage; what cannot be pulled of it is no step that failed', async () => {
    const tools = await pushBase(registry, `${server.host}/other/tools`, {
      layers: [shellLayer(), writeTar([{ path: 'opt/tool', mode: 0o755, bytes: text.encode('a tool') }])],
      architecture,
    });
    const { digest } = await build({ containerfile: withTools(tools.image) });
    assert.equal((await added(digest)).get('usr/bin/tool'), 'a tool');
    const absent = `${server.host}/other/tools@sha256:${'0'.repeat(64)}`;
    await assert.rejects(build({ containerfile: withTools(absent) }), { name: 'TransientError', reason: 'ImageNotFound' });
  });

  test('a step cannot leave its root, below which nothing of the builder is', async () => {
    const { digest } = await build({ containerfile: 'RUN cat /proc/self/status > /etc/status\n' });
    const capabilities = /^CapBnd:\s+([0-9a-f]+)$/m.exec((await added(digest)).get('etc/status') ?? '')?.[1];
    // CAP_SYS_CHROOT is bit 18 (capabilities(7)).
    assert.equal((BigInt(`0x${capabilities ?? 'none'}`) >> 18n) & 1n, 0n);
  });

  test('a failure in a build of several stages names the stage too', async () => {
    const containerfile = 'RUN echo one\nFROM base\nRUN echo two && exit 5\n';
    await assert.rejects(build({ containerfile }), (error: unknown) => {
      assert.ok(error instanceof BuildError, String(error));
      assert.match(error.step, /^\[2\/2\] 2\/2: RUN echo two/);
      assert.deepEqual([error.stepNumber, error.exitCode], [2, 5]);
      return true;
    });
  });

  test('a secret is in no layer, no history, no argument and no output', async () => {
    const value = 'correct-horse-battery-staple';
    const lines: string[] = [];
    const { digest } = await build(
      {
        containerfile:
          'RUN --mount=type=secret,id=token,required=true cat /run/secrets/token && echo && ' +
          'read -r value < /run/secrets/token; echo "${#value}" > /etc/used\n',
        secrets: ['token'],
      },
      {
        access: {
          secrets: () => Promise.resolve(new Map([['token', text.encode(value)]])),
          onOutput: masked => lines.push(masked()),
        },
      },
    );
    const { json } = await registry.manifest(`${repository()}@${digest}`);
    const config = (json as { config: Descriptor }).config.digest;
    const files = await added(digest);
    assert.equal(files.get('etc/used'), `${value.length}\n`);
    assert.ok(![...files.values()].some(content => content.includes(value)));
    assert.ok(!lines.join('\n').includes(value));
    assert.ok(lines.includes('[masked]'));
    assert.ok(
      Buffer.from(await registry.blob(repository(), config))
        .toString()
        .includes('run/secrets/token'),
    );
  });

  test('authorities are found by the steps, and only there', async () => {
    const { certificate: ca } = createAuthority('a test');
    const steps = { containerfile: 'RUN cat /run/scantling/ca.crt > /etc/seen\n' };
    const files = await added((await build(steps, { access: { authorities: ca } })).digest);
    assert.ok(files.get('etc/seen')?.includes(ca.trim()));
    assert.equal(files.get('run/scantling/ca.crt'), undefined);
  });

  test('proxies are known to the steps and stay out of the image', async () => {
    const proxy = { http: 'http://proxy.example:3128', noProxy: `127.0.0.1,${server.host}` };
    const { digest } = await build({ containerfile: 'RUN echo "$http_proxy $no_proxy" > /etc/proxy\n' }, { access: { proxy } });
    assert.equal((await added(digest)).get('etc/proxy'), `http://proxy.example:3128 127.0.0.1,${server.host}\n`);
    const { json } = await registry.manifest(`${repository()}@${digest}`);
    const config = await registry.blob(repository(), (json as { config: Descriptor }).config.digest);
    assert.ok(!Buffer.from(config).toString().includes('proxy.example'));
  });

  test('a Containerfile of two megabytes is built', async () => {
    const comments = `# ${'x'.repeat(1022)}\n`.repeat(2048);
    const { digest } = await build({ containerfile: `${comments}RUN echo big > /etc/big\n` });
    assert.equal((await added(digest)).get('etc/big'), 'big\n');
  });

  describe('bootc container lint', () => {
    const warning =
      'Lint warning: var-log: Found non-empty logfile: /var/log/dnf.log\n' +
      'Lint warning: var-tmpfiles: Found content in /var missing systemd tmpfiles.d entries:\n  d /var/lib/app 0755 root root - -\n' +
      'Checks passed: 11\nChecks skipped: 1\nWarnings: 2\n';
    const failed = 'Failed lint: kernel: Multiple kernels found\nChecks passed: 12\n';
    const findings = [
      'var-log: Found non-empty logfile: /var/log/dnf.log',
      'var-tmpfiles: Found content in /var missing systemd tmpfiles.d entries: d /var/lib/app 0755 root root - -',
    ];
    const steps = { containerfile: 'RUN echo linted > /etc/linted\n' };

    test('Warn: findings are in the result and on the manifest, whatever the exit code', async () => {
      const { digest, warnings } = await build(steps, { on: await lintedBase(warning, 0) });
      assert.deepEqual(warnings, findings);
      const { json } = await registry.manifest(`${repository()}@${digest}`);
      const { annotations } = json as { annotations: Record<string, string> };
      assert.equal(annotations['dev.scantling.lint'], JSON.stringify(findings));
      const fatal = await build(steps, { on: await lintedBase(failed, 1) });
      assert.deepEqual(fatal.warnings, ['kernel: Multiple kernels found']);
    });

    test('Error: any finding fails the build, and nothing is pushed', async () => {
      for (const [output, code, message] of [
        [warning, 0, /var-log/],
        [failed, 1, /Multiple kernels/],
      ] as const) {
        const on = await lintedBase(output, code);
        await assert.rejects(
          build(steps, { on, task: { lint: 'Error', tag: 'foundation-refused' } }),
          error => error instanceof BuildError && error.step === 'bootc container lint' && message.test(error.message),
        );
      }
      await assert.rejects(registry.resolve(`${repository()}:foundation-refused`), { name: 'NotFoundError' });
      const clean = await build(steps, { on: await lintedBase('Checks passed: 12\n', 0), task: { lint: 'Error' } });
      assert.deepEqual(clean.warnings, []);
    });

    test('Off: it is not run; and a base without bootc has nothing to run', async () => {
      assert.deepEqual((await build(steps, { on: await lintedBase(failed, 1), task: { lint: 'Off' } })).warnings, []);
      assert.deepEqual((await build(steps, { task: { lint: 'Error' } })).warnings, []);
    });

    for (const exitCode of [0, 1])
      test(`what buildah loses of its words is asked for again, with exit code ${exitCode}`, async () => {
        const directory = temporaryDirectory('words');
        const lossy = join(directory, 'buildah');
        const script = `#!/bin/sh
case " $* " in *' -- bootc container lint ') if mkdir ${directory}/lost 2>/dev/null; then exit ${exitCode}; fi ;; esac
exec buildah "$@"
`;
        writeFileSync(lossy, script, { mode: 0o755 });
        const by = createProcessBuilder({ ...place(), directory, buildah: lossy });
        const on = exitCode === 0 ? await lintedBase(warning, 0) : base;
        const task = await taskFor(registry, { base: on.image, repository: repository(), steps });
        assert.deepEqual((await by.build(task, plainAccess())).warnings, exitCode === 0 ? findings : []);
        assert.ok(existsSync(join(directory, 'lost')));
      });

    test('one that cannot be run says so', async () => {
      const on = await lintedBase('', 3);
      assert.deepEqual((await build(steps, { on })).warnings, ['bootc container lint: exit code 3']);
    });
  });
});

function withTools(image: string): string {
  return `ARG SCANTLING_BASE\nFROM ${image} AS tools\nFROM \${SCANTLING_BASE} AS base\nCOPY --from=tools /opt/tool /usr/bin/tool\n`;
}

/** A bootc whose lint prints this, in the format of the real one. It does not end at once, as buildah may lose the words of what does. */
function bootcLayer(output: string, exitCode: number): Uint8Array {
  const script = `#!/bin/sh\n[ "$1 $2" = "container lint" ] || exit 2\ncat <<'END'\n${output}END\nsleep 0.3\nexit ${exitCode}\n`;
  return writeTar([{ path: 'usr/bin/bootc', mode: 0o755, bytes: text.encode(script) }]);
}

/** The regular files of a tar archive. */
function filesOf(archive: Buffer): Map<string, string> {
  const files = new Map<string, string>();
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const field = (from: number, length: number): string =>
      archive
        .subarray(at + from, at + from + length)
        .toString()
        .replace(/\0.*$/s, '');
    const size = Number.parseInt(field(124, 12), 8) || 0;
    if (['0', ''].includes(field(156, 1))) files.set(field(0, 100), archive.subarray(at + 512, at + 512 + size).toString());
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
