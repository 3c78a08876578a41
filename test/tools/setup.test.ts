import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { stalePackages } from './dependencies.mjs';
import { withLock } from './lock.mjs';
import { supportedHelm } from './helm-versions.ts';
import { findServer, moduleDirectory, serverModules } from './server-binaries.mjs';
import { downloadServers, envtestArchive, publishers } from './server-download.mjs';

const work = temporaryDirectory('setup-test');
after(() => removeDirectory(work));

const linux = { platform: 'linux', arch: 'x64' };

/** One archive in envtest's index. */
const entry = (
  version: string,
  hash: string,
  platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`,
) =>
  `  v${version}:\n    envtest-v${version}-${platform}.tar.gz:\n      hash: ${hash}\n      selfLink: https://example.com/${version}\n`;

describe('packages', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/a': { integrity: 'sha512-1' },
      'node_modules/native-linux-x64': { integrity: 'sha512-2', optional: true, os: ['linux'], cpu: ['x64'] },
      'node_modules/native-darwin-arm64': { optional: true, os: 'darwin', cpu: 'arm64' },
      'node_modules/native-linux-x64-musl': { optional: true, os: ['linux'], cpu: ['x64'], libc: ['musl'] },
      'node_modules/native-wasm-support': { integrity: 'sha512-3', optional: true },
    },
  };
  const installed = {
    packages: { 'node_modules/a': { integrity: 'sha512-1' }, 'node_modules/native-linux-x64': { integrity: 'sha512-2' } },
  };

  it('are those of the lock file, as far as they are for this machine', () => {
    assert.deepEqual(stalePackages(lock, installed, linux), []);
    assert.deepEqual(stalePackages(lock, installed, { platform: 'darwin', arch: 'arm64' }), ['node_modules/native-darwin-arm64']);
  });

  it('are stale when one is missing or another', () => {
    assert.deepEqual(stalePackages(lock, undefined, linux), ['node_modules/a', 'node_modules/native-linux-x64']);
    const other = { packages: { ...installed.packages, 'node_modules/a': { integrity: 'sha512-other' } } };
    assert.deepEqual(stalePackages(lock, other, linux), ['node_modules/a']);
  });
});

/** Runs with a publisher that answers `answer(path)`, and with a cache that is empty. `run` gets the publisher's address. */
async function withPublisher(answer: (path: string) => string | Buffer, run: (address: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => response.end(answer(request.url ?? '')));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const before = { ...process.env };
  process.env['SCANTLING_CACHE'] = join(work, `cache-${(server.address() as AddressInfo).port}`);
  delete process.env['KUBEBUILDER_ASSETS'];
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    process.env = before;
    server.close();
  }
}

/** A program that says what it is, packed. */
function packed(path: string): Buffer {
  const directory = join(work, 'packed');
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), '#!/bin/sh\necho downloaded\n', { mode: 0o755 });
  execFileSync('tar', ['-czf', join(work, 'archive.tar.gz'), '-C', directory, path]);
  return readFileSync(join(work, 'archive.tar.gz'));
}

describe('published servers', () => {
  it('are of the version that is pinned, else of the newest patch of the same minor version', () => {
    const index = `releases:\n${entry('1.35.9', 'aa')}${entry('1.36.0', 'bb')}${entry('1.36.2', 'cc')}${entry('1.36.11', 'dd')}${entry('1.36.3', 'ee', 'plan9-amd64')}`;
    assert.equal(envtestArchive(index, '1.36.2')?.hash, 'cc');
    assert.equal(envtestArchive(index, '1.36.3')?.selfLink, 'https://example.com/1.36.11');
    assert.equal(envtestArchive(index, '1.37.0'), undefined);
  });

  it('are installed whole and only with the published digest', async () => {
    const [registry] = serverModules();
    assert.ok(registry?.versions['registry']);
    const archive = packed('registry');
    let digest = 'wrong';
    const answer = (path: string) => (path.endsWith('.sha256') ? `${digest}  registry.tar.gz\n` : archive);
    await withPublisher(answer, async address => {
      const from = { ...publishers, registry: address };
      await assert.rejects(downloadServers(registry, from), /its sha256 digest is [0-9a-f]{64}, but wrong was published/);
      assert.equal(findServer('registry'), undefined);
      digest = createHash('sha256').update(archive).digest('hex');
      await downloadServers(registry, from);
      assert.equal(findServer('registry'), join(moduleDirectory(registry), 'registry'));
      assert.equal(execFileSync(findServer('registry') ?? '', { encoding: 'utf8' }), 'downloaded\n');
      assert.deepEqual(readdirSync(dirname(moduleDirectory(registry))).length, 1, 'nothing temporary stays behind');

      const assets = join(work, 'assets');
      mkdirSync(assets);
      writeFileSync(join(assets, 'registry'), '');
      process.env['KUBEBUILDER_ASSETS'] = assets;
      assert.equal(findServer('registry'), join(assets, 'registry'));
    });
  });

  it('may be one program, whose digest is in a list of many', async () => {
    const cosign = serverModules().find(({ versions }) => versions['cosign']);
    assert.ok(cosign);
    const program = Buffer.from('#!/bin/sh\necho downloaded\n');
    const name = `cosign-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
    const list = `${'0'.repeat(64)}  ${name}.other\n${createHash('sha256').update(program).digest('hex')}  ${name}\n`;
    await withPublisher(
      path => (path.endsWith('/cosign_checksums.txt') ? list : program),
      async address => {
        await downloadServers(cosign, { ...publishers, cosign: address });
        assert.equal(execFileSync(findServer('cosign') ?? '', { encoding: 'utf8' }), 'downloaded\n');
      },
    );
  });

  it('of each version of Helm are told apart, though all are published as helm', async () => {
    const archive = packed('linux-amd64/helm');
    const digest = createHash('sha256').update(archive).digest('hex');
    const asked: string[] = [];
    const answer = (path: string) => {
      if (/\.sha256(?:sum)?$/.test(path)) return `${digest}  helm.tar.gz\n`;
      asked.push(path);
      return archive;
    };
    await withPublisher(answer, async address => {
      for (const server of serverModules().filter(({ versions }) => versions['helm'])) {
        await downloadServers(server, { ...publishers, helm: address, kubernetes: address });
        for (const name of Object.values(server.packages)) assert.equal(findServer(name), join(moduleDirectory(server), name));
      }
    });
    const of = ({ release }: { release: string }) => asked.filter(path => path.startsWith(`/helm-v${release}-`)).length;
    assert.deepEqual(supportedHelm().map(of), [1, 1, 1]);
  });
});

describe('the set-up', () => {
  const setup = join(import.meta.dirname, 'setup.mjs');
  const program = join(work, 'program.ts');

  it('does one thing at a time, and does not wait for the dead', async () => {
    const lock = join(work, 'lock');
    const { pid } = spawnSync(process.execPath, ['--version']);
    writeFileSync(lock, String(pid));
    const order: string[] = [];
    await withLock(lock, async () => {
      const script = `import { withLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.mjs'))}; console.log('waits'); await withLock(${JSON.stringify(lock)}, async () => console.log('has it'));`;
      const other = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      other.stdout.on('data', (data: Buffer) => order.push(...data.toString().trim().split('\n')));
      other.once('close', () => order.push('closed'));
      while (order.length === 0) await new Promise(resolve => setTimeout(resolve, 20));
      order.push('done');
    });
    while (!order.includes('closed')) await new Promise(resolve => setTimeout(resolve, 20));
    assert.deepEqual(order, ['waits', 'done', 'has it', 'closed']);
    assert.equal(existsSync(lock), false);
  });

  it('says once whom it waits for, and why', async () => {
    const lock = join(work, 'turn');
    const told: string[] = [];
    const order: string[] = [];
    const tell = (line: string): void => void told.push(line);
    let second: Promise<void> | undefined;
    await withLock(lock, async () => {
      second = withLock(lock, async () => void order.push('second'), { waitsFor: 'another demo', tell });
      while (told.length === 0) await new Promise(resolve => setTimeout(resolve, 20));
      await new Promise(resolve => setTimeout(resolve, 500));
      order.push('first');
    });
    await second;
    assert.deepEqual([told, order], [[`waiting for another demo (process ${process.pid})`], ['first', 'second']]);
  });

  it('runs the program on Node 24 with its arguments and exit code, and leaves standard output to it', () => {
    writeFileSync(
      program,
      'console.log(JSON.stringify([process.versions.node.split(".")[0], ...process.argv.slice(2)])); process.exitCode = 7;',
    );
    const { status, stdout } = spawnSync(process.execPath, [setup, '--then', program, '--json', 'x y'], { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [7, '["24","--json","x y"]\n']);
  });

  it('gets packages alone where that is enough, and stands before every script that an old Node could not read', () => {
    writeFileSync(program, 'console.log(process.argv.slice(2).join(" "));');
    // Where there is no command and no cache, neither system packages nor servers can be made ready.
    const env = { PATH: work, SCANTLING_CACHE: join(work, 'none'), SCANTLING_SERVERS: 'neither' };
    const args = [setup, '--packages-only', '--then', program, '--push', 'x'];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    assert.deepEqual([status, stdout], [0, '--push x\n']);
    const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    assert.deepEqual(
      Object.entries(scripts).filter(([, script]) => /\bnode (?!test\/tools\/setup\.mjs )/.test(script)),
      [],
    );
  });

  it('passes signals on and waits for the program to end', async () => {
    writeFileSync(
      program,
      'process.on("SIGTERM", () => { console.log("ending"); process.exit(3); }); console.log("ready"); setInterval(() => {}, 1000);',
    );
    const child = spawn(process.execPath, [setup, '--then', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output === 'ready\n') child.kill('SIGTERM');
    });
    const code = await new Promise(resolve => child.once('close', resolve));
    assert.deepEqual([code, output], [3, 'ready\nending\n']);
  });

  it('says how it is used', () => {
    const { status, stderr } = spawnSync(process.execPath, [setup, '--now'], { encoding: 'utf8' });
    assert.deepEqual(
      [status, stderr],
      [1, 'set-up: usage: setup.mjs [--packages-only] [--kubernetes VERSION] [--then FILE ARGUMENT…]\n'],
    );
  });
});
