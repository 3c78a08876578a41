import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { FoundationTask } from '../../controller/build/foundation-task.ts';
import { parseTermination } from '../../controller/build/termination.ts';
import type { FoundationFailure, FoundationOutcome } from '../../controller/build/termination.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { pushBase, shellLayer, withoutBuildah } from '../build/build-fixture.ts';
import type { PushedBase } from '../build/build-fixture.ts';
import { platform, taskFor } from '../build/foundation-fixture.ts';
import type { Steps } from '../build/foundation-fixture.ts';
import { temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { until } from '../kube/until.ts';

const main = resolve(import.meta.dirname, '../../controller/main.ts');

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  outcome: FoundationOutcome | undefined;
}

describe('scantling build', { skip: withoutBuildah() }, () => {
  let server: RegistryServer;
  let registry: Registry;
  let base: PushedBase;
  let directory: string;
  let runs = 0;

  before(async () => {
    server = await startRegistry();
    registry = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test' });
    base = await pushBase(registry, `${server.host}/base/shell`, {
      layers: [shellLayer()],
      architecture: platform.slice('linux/'.length),
    });
    directory = temporaryDirectory('cli-build');
  });
  after(async () => {
    await registry.close();
    await server.stop();
  });

  async function flagsFor(steps: Steps, change: Partial<FoundationTask> = {}): Promise<string[]> {
    const repository = `${server.host}/built/cli`;
    const { context, tag, key, lint } = await taskFor(registry, { base: base.image, repository, steps }, change);
    const flags = { context, base: base.image, platform, repository, tag, key, lint, 'insecure-registries': server.host };
    return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  }

  function start(
    args: readonly string[],
    o: { as?: readonly string[]; place?: string } = {},
  ): { pid: number; ended: Promise<Ended> } {
    const result = join(o.place ?? directory, `result-${runs++}`);
    const own = [process.execPath, main, 'build', `--directory=${o.place ?? directory}`, `--result=${result}`, ...args];
    const [command = '', ...rest] = [...(o.as ?? []), ...own];
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    const ended = new Promise<Ended>((resolveEnd, reject) => {
      child.once('error', reject);
      child.once('close', code => {
        const [stdout, stderr] = [Buffer.concat(out).toString(), Buffer.concat(err).toString()];
        void readFile(result, 'utf8').then(
          text => resolveEnd({ code, stdout, stderr, outcome: parseTermination(text) }),
          () => resolveEnd({ code, stdout, stderr, outcome: undefined }),
        );
      });
    });
    return { pid: child.pid ?? 0, ended };
  }

  const leftovers = async (place = directory): Promise<string[]> => {
    const owners = await readdir(join(place, 'scantling-build'));
    return (await Promise.all(owners.map(owner => readdir(join(place, 'scantling-build', owner))))).flat();
  };

  test('pushes what it is told to, shows the steps, and leaves the digest in the result', async () => {
    const args = await flagsFor({ containerfile: 'RUN echo hello from the step\n' });
    const ended = await start(args).ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ended.outcome && 'result' in ended.outcome);
    const { digest } = ended.outcome.result;
    assert.equal((await registry.resolve(`${server.host}/built/cli:foundation-test`)).digest, digest);
    assert.match(ended.stdout, /^STEP 2\/2: RUN echo hello/m);
    assert.match(ended.stdout, /^hello from the step$/m);
    assert.ok(ended.stdout.includes(digest));
    assert.deepEqual(await leftovers(), []);
  });

  test('secrets reach the step that mounts them and nothing else', async () => {
    const secrets = join(directory, 'secrets');
    // As the kubelet mounts them: links into a directory that is swapped as a whole.
    mkdirSync(join(secrets, '..2026'), { recursive: true });
    writeFileSync(join(secrets, 'token'), 'a-very-secret-token\nsecond-secret-line\n');
    const containerfile =
      'RUN --mount=type=secret,id=token cat /run/secrets/token > /dev/null && cat /run/secrets/token && echo a-very-secret-token\n' +
      'RUN ! cat /run/secrets/token; env; exit 9\n';
    const args = await flagsFor({ containerfile, secrets: ['token'] });
    const ended = await start([...args, `--secrets-directory=${secrets}`]).ended;
    const failure = failureOf(ended);
    assert.equal(ended.code, 1);
    assert.deepEqual([failure.kind, failure.stepNumber, failure.exitCode], ['step', 3, 9]);
    const all = ended.stdout + ended.stderr + JSON.stringify(ended.outcome);
    assert.ok(!all.includes('very-secret') && !all.includes('second-secret'), all);
    assert.match(ended.stdout, /^\[masked\]$/m);
    const missing = failureOf(await start(args).ended);
    assert.deepEqual([missing.kind, missing.reason], ['transient', 'SecretNotFound']);
  });

  test('a step that prints a hundred megabytes fills neither memory nor the log', async () => {
    // buildah 1.28 loses what is printed right before the end of a step.
    const args = await flagsFor({
      containerfile:
        'RUN i=0; while [ $i -lt 1024 ]; do echo 0123456789abcdef; i=$((i+1)); done > /tmp/block; ' +
        'i=0; while [ $i -lt 6 ]; do cat /tmp/block /tmp/block > /tmp/next; cat /tmp/next > /tmp/block; i=$((i+1)); done; ' +
        'i=0; while [ $i -lt 96 ]; do cat /tmp/block; i=$((i+1)); done; echo the last line; sleep 1; exit 4\n',
    });
    const { pid, ended } = start(args);
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, rssOf(pid))), 50);
    const result = await ended;
    clearInterval(watch);
    const failure = failureOf(result);
    assert.equal(failure.exitCode, 4);
    assert.ok(failure.log.includes('the last line'));
    assert.ok(result.stdout.length < 17 * 1024 * 1024, `${result.stdout.length} bytes`);
    assert.match(result.stdout, /more than 16777216 bytes of output/);
    assert.match(result.stdout.slice(-2000), /lines are not shown[^]*the last line/);
    assert.ok(peak < 200 * 1024 * 1024, `${peak} bytes of memory`);
  });

  test('a step that never ends is named when the time is over', async () => {
    const args = await flagsFor({ containerfile: 'RUN echo before && sleep 100000\n' });
    const failure = failureOf(await start([...args, '--timeout=4s']).ended);
    assert.deepEqual([failure.kind, failure.stepNumber, failure.exitCode], ['step', 2, undefined]);
    assert.match(failure.step, /sleep 100000/);
    assert.match(failure.message, /not done after 4 s/);
    assert.deepEqual(failure.log, ['before']);
  });

  test('told to stop, it ends the step and says that it may be tried again', async () => {
    const { pid, ended } = start(await flagsFor({ containerfile: 'RUN echo in the step && sleep 100001\n' }));
    while (!(await commands()).some(line => line.includes('sleep\u0000100001'))) await new Promise(r => setTimeout(r, 20));
    process.kill(pid, 'SIGTERM');
    const result = await ended;
    const failure = failureOf(result);
    assert.equal(result.code, 1);
    assert.deepEqual([failure.kind, failure.reason], ['transient', 'Interrupted']);
    assert.match(failure.message, /SIGTERM/);
    assert.deepEqual(
      (await commands()).filter(line => line.includes('sleep\u0000100001')),
      [],
    );
    assert.deepEqual(await leftovers(), []);
  });

  test('killed, it leaves nothing running', async () => {
    const { pid, ended } = start(await flagsFor({ containerfile: 'RUN sleep 100002 & sleep 100002\n' }));
    const sleeping = async (): Promise<string[]> => (await commands()).filter(line => line.includes('sleep\u0000100002'));
    await until('the step runs', async () => (await sleeping()).length > 1);
    process.kill(pid, 'SIGKILL');
    await ended;
    await until('the step is gone', async () => (await sleeping()).length === 0);
    assert.deepEqual(
      (await commands()).filter(line => line.includes(directory) && line.includes('buildah')),
      [],
    );
  });

  test('where nothing can be pushed, no step is begun', async () => {
    const args = await flagsFor({ containerfile: 'RUN echo never\n' });
    const end = server.requests.fail(r => r.path.includes('/built/cli/blobs/uploads'), { status: 403 });
    const ended = await start(args).ended;
    end();
    const failure = failureOf(ended);
    assert.deepEqual([ended.code, failure.kind, failure.reason], [1, 'transient', 'RegistryAccessDenied']);
    assert.match(failure.message, /denies push on built\/cli/);
    assert.equal(ended.stdout, '');
  });

  test('a user that is not root makes the same image, and leaves nothing', { skip: withoutUserNamespaces() }, async () => {
    const place = temporaryDirectory('cli-build-user');
    chownSync(place, user, user);
    const containerfile = 'RUN echo made > /etc/made && mkdir -p /usr/share/by\n';
    const args = await flagsFor({ containerfile }, { tag: 'foundation-user' });
    const theirs = await start(args, { as: asUser(place), place }).ended;
    assert.equal(theirs.code, 0, theirs.stdout + theirs.stderr);
    assert.ok(theirs.outcome && 'result' in theirs.outcome);
    assert.deepEqual(theirs.outcome, (await start(args).ended).outcome);
    assert.deepEqual(await leftovers(place), []);
    const lint = await start([...(await flagsFor({ containerfile: 'RUN exit 6\n' })), '--lint=Error'], {
      as: asUser(place),
      place,
    }).ended;
    assert.equal(failureOf(lint).exitCode, 6);
  });

  test('a command line that cannot be used is refused with its flags named', async () => {
    const { code, stderr } = await start(['--lint=Maybe']).ended;
    assert.equal(code, 2);
    assert.match(stderr, /--context, --base, .* missing/);
  });
});

test('the command loads nothing of Kubernetes', () => {
  const seen = new Set<string>();
  const walk = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)(?! type)[^;]*? from '([^']+)';$/gms)) {
      if (from.startsWith('.') && from.endsWith('.ts')) walk(resolve(dirname(file), from));
      else seen.add(from);
    }
  };
  walk(resolve(import.meta.dirname, '../../controller/cli/build.ts'));
  assert.ok(seen.size > 20);
  assert.deepEqual(
    // The command line looks at flags of all commands, and one of them is a label selector: a parser of a few lines.
    [...seen].filter(name => /\/kube\/(?!label-selector\.ts$)|@kubernetes|isomorphic-git/.test(name)),
    [],
  );
});

function rssOf(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0; // It has just ended.
  }
}

const user = 65_532;

/** What starts a program as a user with ids of its own, as the builder's image has one. */
function asUser(directory: string): string[] {
  writeFileSync(join(directory, 'subids'), 'builder:100000:65536\n');
  writeFileSync(join(directory, 'passwd'), `root:x:0:0::/root:/bin/sh\nbuilder:x:${user}:${user}::${directory}:/bin/sh\n`);
  const mounts = ['subids:subuid', 'subids:subgid', 'passwd:passwd'].map(pair => {
    const [from, to] = pair.split(':');
    return `mount --bind ${directory}/${from} /etc/${to}`;
  });
  const ids = `--reuid ${user} --regid ${user} --clear-groups`;
  return ['unshare', '--mount', 'sh', '-c', `${mounts.join(' && ')} && HOME=${directory} exec setpriv ${ids} "$@"`, 'sh'];
}

function withoutUserNamespaces(): string | false {
  const missing = ['newuidmap', 'setpriv', 'unshare'].filter(
    name => !['/usr/bin', '/bin'].some(at => existsSync(join(at, name))),
  );
  return missing.length > 0 ? `${missing.join(', ')} not installed` : false;
}

async function commands(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  return Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}

function failureOf({ outcome, stdout, stderr }: Ended): FoundationFailure {
  assert.ok(outcome && 'failure' in outcome, `${JSON.stringify(outcome)} ${stdout} ${stderr}`);
  return outcome.failure;
}
