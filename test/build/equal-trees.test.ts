/** One definition, two ways: the assemble builder, and buildah with the Containerfile rendered from it. The file trees must be equal. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { writeBuildahFiles } from '../../controller/build/buildah-files.ts';
import type { BuildahFiles } from '../../controller/build/buildah-files.ts';
import { runChild } from '../../controller/build/child.ts';
import { contextDigest, pushContext } from '../../controller/build/context.ts';
import { builderVersion } from '../../controller/build/name.ts';
import { context } from '../../controller/cli/context.ts';
import { parseCommandLine } from '../../controller/command-line.ts';
import { createProcessBuilder } from '../../controller/build/process.ts';
import { render } from '../../controller/definition/render.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { inputsOf, specOf } from '../definition/definition-fixture.ts';
import { pushBase, shellLayer, withoutBuildah } from './build-fixture.ts';
import { runOnce } from './run-once.ts';

const signal = new AbortController().signal;
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** Something of each kind that becomes files. */
const finish: Partial<SystemDefinitionSpec> = {
  sourceRef: { name: 'fleet', path: 'docs' },
  files: [
    { path: '/etc/motd', mode: '0644', content: 'hello\n' },
    { path: '/etc/replaced.conf', mode: '0600', content: 'new\n' },
    { path: '/usr/libexec/deep/er/run.sh', mode: '0755', from: 'run.sh' },
    { path: `/usr/share/${'long/'.repeat(30)}name-é`, mode: '0640', content: 'x' },
  ],
  trees: [{ from: 'tree', to: '/usr/share/tree' }],
  units: [
    { name: 'edge.service', mask: false, enabled: true, contents: '[Service]\nExecStart=/usr/bin/true\n' },
    { name: 'bad.timer', mask: true },
    { name: 'sshd.service', mask: false, dropIns: [{ name: '10-x.conf', contents: '[Service]\n' }] },
  ],
  kernelArguments: ['console=ttyS0', 'quiet'],
  users: [{ name: 'core', uid: 1000, groups: ['wheel'], sshAuthorizedKeys: ['ssh-ed25519 AAAA core'] }],
  labels: { 'com.example.team': 'a "quoted" $value' },
};
const inputs = inputsOf({
  'docs/run.sh': '#!/bin/sh\n',
  'docs/tree/a': 'a',
  'docs/tree/sub/link': '-> ../a',
  'docs/tree/tool.sh': 'x',
});

describe('assemble and buildah give the same file tree', { skip: withoutBuildah() }, () => {
  let server: RegistryServer;
  let client: Registry;
  let base: string;
  let directory: string;
  let files: BuildahFiles;

  before(async () => {
    server = await startRegistry();
    client = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test' });
    const repository = `${server.host}/base/tree`;
    const own = writeTar([
      { path: 'etc/replaced.conf', mode: 0o644, bytes: Buffer.from('old\n') },
      { path: 'etc/kept.conf', mode: 0o604, bytes: randomBytes(8) },
      { path: 'usr/share/tree/before', mode: 0o644, bytes: Buffer.from('before') },
    ]);
    base = (await pushBase(client, repository, { layers: [shellLayer(), own], architecture })).image;
    directory = temporaryDirectory('trees');
    files = await writeBuildahFiles(directory, {
      containerfile: '',
      repositories: [],
      auth: undefined,
      insecureHosts: new Set([server.host]),
    });
  });
  after(async () => {
    await client.close();
    await server.stop();
  });

  async function buildah(...args: string[]): Promise<string> {
    const output: Uint8Array[] = [];
    const child = await runChild({
      command: 'buildah',
      args: [...files.global, ...args],
      env: { PATH: process.env['PATH'] ?? '', ...files.environment },
      cwd: directory,
      signal,
      onOutput: chunk => void output.push(chunk),
      onStart: () => Promise.resolve(),
    });
    const text = Buffer.concat(output).toString();
    assert.equal(child.code, 0, text);
    return text.trim();
  }

  const access = (): string[] => ['--signature-policy', files.policyFile];

  async function treeOf(image: string): Promise<Map<string, string>> {
    const container = await buildah('from', ...access(), '--quiet', image);
    const mount = (await buildah('mount', container)).split('\n').at(-1) ?? '';
    const tree = new Map<string, string>();
    await walk(mount, '', tree);
    await buildah('rm', container);
    return tree;
  }

  /** As a person does it. */
  async function fetchContext(image: string, place: string): Promise<void> {
    const line = parseCommandLine('context', [image, '-o', place, '--insecure-registries', server.host]);
    const code = await context({ ...line, stdout: new PassThrough(), stderr: new PassThrough(), signal });
    assert.equal(code, 0);
  }

  for (const [name, spec] of Object.entries({
    'without steps': specOf(finish),
    'with steps': specOf({
      ...finish,
      containerfile: { inline: 'RUN echo made > /etc/made && mkdir /usr/share/made\nENV A=b\n' },
    }),
    'with files for the steps': specOf({
      ...finish,
      build: { args: { GREETING: 'hello there' }, suspend: false, timeout: '30m', lint: 'Warn' },
      containerfile: {
        context: 'tree',
        inline:
          'ARG GREETING\nCOPY tool.sh sub /usr/share/copied/\nRUN echo "$GREETING" > /etc/greeting\n' +
          'FROM base\nCOPY --from=base /etc/greeting /usr/share/greeting\n',
      },
    }),
  })) {
    test(name, async () => {
      const rendered = render({ definition: 'worker', spec, inputs });
      const repository = `${server.host}/trees/${name.replaceAll(' ', '-')}`;
      await pushContext(client, repository, rendered);
      const builder = createProcessBuilder({
        registry: client,
        directory: join(directory, 'builder'),
        insecureHosts: new Set([server.host]),
        log: createLog('silent'),
        env: process.env,
      });
      const assembled = await runOnce(client, {
        process: builder,
        name: 'worker-0',
        spec: {
          definitionRef: { name: 'worker' },
          context: contextDigest(rendered),
          base,
          output: { repository },
          execution: { timeout: '2m', lint: 'Warn' },
          builderVersion,
        },
      });

      const place = join(directory, name.replaceAll(' ', '-'));
      await fetchContext(assembled.reference, place);
      const tag = `localhost/${name.replaceAll(' ', '-')}`;
      const args = Object.entries(spec.build?.args ?? {}).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
      const how = ['build', ...access(), '--isolation', 'chroot', '--timestamp', '0'];
      if (spec.containerfile) {
        const steps = ['--tag', 'localhost/worker-foundation', '--file', join(place, 'Containerfile'), join(place, 'context')];
        await buildah(...how, ...args, ...steps);
      }
      await buildah(...how, '--tag', tag, '--file', join(place, 'finish/Containerfile'), join(place, 'finish'));

      const [ours, theirs] = [await treeOf(`docker://${repository}@${assembled.platforms[0]?.digest}`), await treeOf(tag)];
      assert.ok(ours.size > 40, `${ours.size} entries`);
      assert.ok([...ours.values()].some(entry => entry.includes(sha256('new\n'))));
      assert.deepEqual([...ours.keys()].toSorted(), [...theirs.keys()].toSorted());
      assert.deepEqual(Object.fromEntries(ours), Object.fromEntries(theirs));
    });
  }
});

/** Path to type, mode, owner, and content or target; for files also the time. */
async function walk(root: string, path: string, tree: Map<string, string>): Promise<void> {
  for (const name of await readdir(join(root, path))) {
    const at = join(path, name);
    const { mode, uid, gid, mtimeMs } = await lstat(join(root, at));
    const type = mode & 0o170000;
    const what = `${mode.toString(8)} ${uid}:${gid}`;
    if (type === 0o040000) {
      tree.set(at, what);
      await walk(root, at, tree);
    } else if (type === 0o120000) tree.set(at, `${what} -> ${await readlink(join(root, at))}`);
    else tree.set(at, `${what} ${mtimeMs} ${sha256(await readFile(join(root, at)))}`);
  }
}
