/**
 * Commands that change the host run as transient units of its service manager: they outlive the agent, which finds them again, and two
 * of a name cannot run at once. Their output goes to files, as a pipe would break, and bootc with it, when the agent ends.
 */
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../api/errors.ts';
import { requestOf, unitOf } from './bootc-command.ts';
import { CommandTimeoutError } from './host-command.ts';
import { wordsOf } from './host-failure.ts';
import { HostError } from './host.ts';
import type { Operation, Outcome, Request } from './host.ts';
import { removalAfterPull } from './pull-secret.ts';

type Run = (command: readonly string[], timeoutMs?: number) => Promise<Outcome>;

export interface UnitOptions {
  run: Run;
  /** Where the host's file system is seen. */
  root: string;
  /** PATH inside the unit. */
  path: string;
  /** The service manager ends a unit that runs longer, seconds. */
  maxSeconds: number;
  pollMs: number;
}

/** Below the host's /run: gone with the boot. */
const outputDirectory = '/run/scantling';
const queryMs = 30_000;
/** A service manager that is only loaded anew answers before so many questions. */
const silentPolls = 5;

/** Questions in a row that the service manager did not answer, and what was said instead of the last answer. */
interface Silence {
  polls: number;
  words: string;
}

/** Starts a command as the unit named after its request. Rejects when the host's directory cannot be written. */
export async function startUnit(request: Request, command: readonly string[], o: UnitOptions): Promise<Operation> {
  const unit = unitOf(request);
  await mkdir(join(o.root, outputDirectory), { recursive: true, mode: 0o700 });
  const started = o.run([
    'systemd-run',
    `--unit=${unit}`,
    '--wait',
    '--quiet',
    '--service-type=exec',
    // Not truncate: each command of a unit opens them anew, and the one after the pull would empty them.
    `--property=StandardOutput=append:${outputDirectory}/${unit}.out`,
    `--property=StandardError=append:${outputDirectory}/${unit}.err`,
    ...(request.kind === 'Stage' ? [`--property=ExecStopPost=${removalAfterPull}`] : []),
    `--property=RuntimeMaxSec=${o.maxSeconds}`,
    `--setenv=PATH=${o.path}`,
    '--setenv=HOME=/root',
    '--',
    ...command,
  ]);
  return operation(unit, request, silence => finished(unit, started, silence, o), o);
}

/** The unit of an earlier life of the agent that still runs, or ended unread. Where none was started since the boot, nothing is asked. */
export async function findUnit(o: UnitOptions): Promise<Operation | undefined> {
  const unread = await unreadUnits(o.root);
  if (!unread) return undefined;
  const list = ['systemctl', 'list-units', '--all', '--plain', '--no-legend', '--full', 'scantling-*'];
  const outcome = await answered(o.run(list, queryMs));
  if (outcome.code !== 0) throw new HostError('Failed', `systemctl list-units: ${wordsOf(outcome)}`);
  const { stdout } = outcome;
  const loaded = stdout.split('\n').map(line => line.trim().split(/\s+/)[0] ?? '');
  for (const unit of new Set([...loaded, ...unread])) {
    const request = requestOf(unit);
    if (request) return operation(unit, request, silence => finished(unit, undefined, silence, o), o);
  }
  return undefined;
}

function operation(
  unit: string,
  request: Pick<Request, 'kind' | 'digest'>,
  end: (silence: Silence) => Promise<Outcome>,
  o: UnitOptions,
): Operation {
  const silence: Silence = { polls: 0, words: '' };
  const done = end(silence).catch((error: unknown): Outcome => ({ stdout: '', stderr: `error: ${messageOf(error)}` }));
  return {
    kind: request.kind,
    digest: request.digest,
    done,
    async cancel() {
      await o.run(['systemctl', 'stop', unit]);
    },
    trouble() {
      return silence.polls < silentPolls ? undefined : `systemd does not say whether ${unit} still runs: ${silence.words}`;
    },
    async forget() {
      // A failed unit stays loaded until this, and would keep the next of its name from starting.
      if ((await done).code !== 0) await o.run(['systemctl', 'reset-failed', unit], queryMs);
      await Promise.all((['out', 'err'] as const).map(stream => rm(outputFile(o.root, unit, stream), { force: true })));
    },
  };
}

/** Waits for the unit's end and reads its words. */
async function finished(unit: string, started: Promise<Outcome> | undefined, silence: Silence, o: UnitOptions): Promise<Outcome> {
  const client = await started;
  const code = client?.code === 0 ? 0 : await endOf(unit, client?.code, silence, o);
  const [stdout, stderr] = await Promise.all([output(o.root, unit, 'out'), output(o.root, unit, 'err')]);
  // systemd-run's own words come last, as the unit's are the ones that tell.
  const words = stderr.trim() === '' ? (client?.stderr ?? '') : stderr;
  return { stdout, stderr: words, ...(code === undefined ? {} : { code }) };
}

/**
 * The exit code of a unit once it runs no more. A unit that succeeded is unloaded by the service manager, so one that is not found
 * succeeded, unless systemd-run itself (`clientCode`) said otherwise.
 */
async function endOf(
  unit: string,
  clientCode: number | undefined,
  silence: Silence,
  o: UnitOptions,
): Promise<number | undefined> {
  for (;;) {
    const answer = await ask(unit, o);
    if ('silent' in answer) {
      silence.polls++;
      silence.words = answer.silent;
    } else {
      silence.polls = 0;
      const { properties } = answer;
      const state = properties.get('ActiveState') ?? '';
      if (state === 'failed') return Number(properties.get('ExecMainStatus')) || 1;
      if (!['active', 'activating', 'deactivating', 'reloading'].includes(state)) return clientCode ?? 0;
    }
    await sleep(o.pollMs);
  }
}

/** What the service manager says of a unit. No answer says nothing of the unit. */
async function ask(unit: string, o: UnitOptions): Promise<{ properties: Map<string, string> } | { silent: string }> {
  try {
    const outcome = await o.run(['systemctl', 'show', '--property=LoadState,ActiveState,Result,ExecMainStatus', unit], queryMs);
    const { code, stdout } = outcome;
    if (code !== 0 || !stdout.includes('ActiveState=')) return { silent: wordsOf(outcome) };
    const lines = stdout.split('\n');
    return { properties: new Map(lines.map(line => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)])) };
  } catch (error) {
    if (error instanceof CommandTimeoutError) return { silent: error.message };
    throw error;
  }
}

async function answered(outcome: Promise<Outcome>): Promise<Outcome> {
  try {
    return await outcome;
  } catch (error) {
    if (error instanceof CommandTimeoutError) throw new HostError('Failed', error.message, { cause: error });
    throw error;
  }
}

/** Undefined where there is no directory for output, which is made before a unit is. */
async function unreadUnits(root: string): Promise<string[] | undefined> {
  try {
    const files = await readdir(join(root, outputDirectory));
    return files.filter(f => f.endsWith('.err')).map(f => f.slice(0, -'.err'.length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function output(root: string, unit: string, stream: 'out' | 'err'): Promise<string> {
  try {
    return (await readFile(outputFile(root, unit, stream), 'utf8')).slice(-16_384);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function outputFile(root: string, unit: string, stream: 'out' | 'err'): string {
  return join(root, outputDirectory, `${unit}.${stream}`);
}
