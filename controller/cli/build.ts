/** `scantling build`: builds one foundation, in the pod of a Job. It knows of Kubernetes only the termination message. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TransientError, messageOf } from '../api/errors.ts';
import type { FoundationAccess, FoundationTask, Lint } from '../build/foundation-task.ts';
import { buildFoundation } from '../build/foundation-worker.ts';
import { encodeTermination, failureOf } from '../build/termination.ts';
import type { FoundationOutcome } from '../build/termination.ts';
import { Workspaces } from '../build/workspace.ts';
import { UsageError } from '../command-line.ts';
import type { Config } from '../config.ts';
import { createRegistry } from '../registry/client.ts';
import type { Invocation } from '../running.ts';
import { createLog } from '../telemetry/log.ts';
import { userAgent } from '../version.ts';
import { OutputLimit } from './output-limit.ts';
import { readCredentials, registryOptions } from './registry-access.ts';

/** What of the steps' output goes to standard output. */
const maxOutputBytes = 16 * 1024 * 1024;
const required = ['context', 'base', 'platform', 'repository', 'tag', 'key'] as const;
const lints: readonly string[] = ['Error', 'Warn', 'Off'] satisfies Lint[];

/** Exit code 0 when the foundation is pushed, 1 when it is not; --result says more. */
export async function build({ config, stdout, stderr, signal }: Invocation): Promise<number> {
  const task = taskOf(config);
  const output = new OutputLimit(text => void stdout.write(text), maxOutputBytes);
  let outcome: FoundationOutcome;
  try {
    outcome = { result: await run(config, task, { signal, onOutput: masked => output.line(masked) }) };
  } catch (error) {
    const ended = signal.aborted ? new TransientError('Interrupted', `the build was ${messageOf(signal.reason)}`) : error;
    outcome = { failure: failureOf(ended, 'build') };
  }
  output.end();
  if (config.result !== '') await writeFile(config.result, encodeTermination(outcome));
  if ('result' in outcome) {
    const { digest, warnings } = outcome.result;
    for (const warning of warnings) stdout.write(`[scantling: lint: ${warning}]\n`);
    stdout.write(`[scantling: pushed ${task.repository}@${digest}]\n`);
    return 0;
  }
  const { step, message } = outcome.failure;
  stderr.write(`scantling: ${step}: ${message}\n`);
  return 1;
}

async function run(
  config: Config,
  task: FoundationTask,
  o: Pick<FoundationAccess, 'signal' | 'onOutput'>,
): ReturnType<typeof buildFoundation> {
  const authorities = config['ca-file'] === '' ? undefined : await readFile(config['ca-file'], 'utf8');
  const { 'proxy-http': http, 'proxy-https': https, 'no-proxy': noProxy } = config;
  const proxy = http || https ? { ...(http && { http }), ...(https && { https }), ...(noProxy && { noProxy }) } : undefined;
  const registry = createRegistry({
    ...registryOptions(config),
    userAgent: userAgent('build'),
    ...(authorities === undefined ? {} : { ca: authorities }),
    ...(proxy ? { proxy: { http, https, no: noProxy } } : {}),
  });
  try {
    // One that anyone may write to, as an emptyDir is, can hold no credentials; a directory of our own in it can.
    const directory = join(config.directory || tmpdir(), 'scantling-build');
    const workspaces = new Workspaces({ directory, log: createLog('warn') });
    return await buildFoundation(
      task,
      { registry, workspaces, env: process.env, ...registryOptions(config) },
      {
        ...o,
        credentials: use => readCredentials(config['auth-file'], use),
        secrets: () => readSecrets(config['secrets-directory']),
        ...(proxy ? { proxy } : {}),
        ...(authorities === undefined ? {} : { authorities }),
      },
    );
  } finally {
    await registry.close();
  }
}

function taskOf(config: Config): FoundationTask {
  const missing = required.filter(name => config[name] === '').map(name => `--${name}`);
  if (missing.length > 0) throw new UsageError(`${missing.join(', ')} missing (see scantling build --help)`);
  const { context, base, platform, repository, tag, key, lint, timeout } = config;
  if (!isLint(lint)) throw new UsageError(`--lint is ${lints.join(', ')}, not "${lint}"`);
  return { context, base, platform, repository, tag, key, lint, timeoutMs: timeout };
}

function isLint(text: string): text is Lint {
  return lints.includes(text);
}

/** The values by id, as a projected volume has them: what begins with two dots is how the kubelet swaps them. */
async function readSecrets(directory: string): Promise<ReadonlyMap<string, Uint8Array>> {
  if (directory === '') return new Map();
  const names = (await readdir(directory)).filter(name => !name.startsWith('..'));
  return new Map(
    await Promise.all(names.map(async (name): Promise<[string, Uint8Array]> => [name, await readFile(join(directory, name))])),
  );
}
