#!/usr/bin/env node
/** The command line: which command, and how it ends. What each is made of is loaded only when asked for. */
import { UsageError, helpFor, parseCommandLine, usage, type CommandLine } from './command-line.ts';
import { commands, groupOf, isCommand, splitWords, type Command } from './commands.ts';
import { saveMemory } from './engine.ts';
import { meant } from './nearest-word.ts';
import { basename } from 'node:path';
import type { OneShot } from './running.ts';
import type { Log } from './telemetry/log.ts';
import { version } from './version.ts';

/** The commands that end by themselves. */
const oneShots: Readonly<Record<Exclude<Command, 'controller' | 'agent'>, () => Promise<OneShot>>> = {
  'addon build': async () => (await import('./cli/addon-build.ts')).addonBuild,
  'addon check': async () => (await import('./cli/addon-check.ts')).addonCheck,
  'addon import': async () => (await import('./cli/addon-import.ts')).addonImport,
  'addon list': async () => (await import('./cli/addon-list.ts')).addonList,
  'addon show': async () => (await import('./cli/addon-list.ts')).addonShow,
  build: async () => (await import('./cli/build.ts')).build,
  completion: async () => (await import('./cli/completion.ts')).completion,
  context: async () => (await import('./cli/context.ts')).context,
  logs: async () => (await import('./cli/logs.ts')).logs,
  'profile show': async () => (await import('./cli/profile-show.ts')).profileShow,
  'self-test': async () => (await import('./cli/self-test.ts')).selfTest,
  status: async () => (await import('./cli/status.ts')).status,
  'trust add': async () => (await import('./cli/trust-add.ts')).trustAdd,
  'trust approve': async () => (await import('./cli/trust-approve.ts')).trustApprove,
  'trust list': async () => (await import('./cli/trust-list.ts')).trustList,
  'trust remove': async () => (await import('./cli/trust-remove.ts')).trustRemove,
  'trust revoke': async () => (await import('./cli/trust-revoke.ts')).trustRevoke,
  'trust show': async () => (await import('./cli/trust-show.ts')).trustShow,
  'verify commit': async () => (await import('./cli/verify-commit.ts')).verifyCommitCommand,
  'verify image': async () => (await import('./cli/verify-image.ts')).verifyImageCommand,
  why: async () => (await import('./cli/why.ts')).why,
  uninstall: async () => (await import('./cli/uninstall.ts')).uninstall,
  version: async () => (await import('./cli/version.ts')).version,
};

async function main(words: readonly string[]): Promise<void> {
  const { command, args } = splitWords(words);
  if (basename(process.argv[1] ?? '') === 'kubectl_complete-scantling') {
    const { kubectlCompletion } = await import('./cli/completion.ts');
    process.stdout.write(kubectlCompletion(words.length === 0 ? [''] : words));
  } else if (command === '--version') {
    process.stdout.write(`${version}\n`);
  } else if (command === undefined || command === 'help' || args.concat(command).some(isHelpFlag)) {
    help(command, args);
  } else if (!isCommand(command)) {
    if (groupOf(command).length === 0)
      throw new UsageError(`"${command}" is no command${meant(command, Object.keys(commands))} (see scantling --help)`);
    process.stdout.write(usage(command));
    process.exitCode = 2;
  } else {
    const line = parseCommandLine(command, args);
    if (command === 'controller' || command === 'agent') await serve(command, line);
    else process.exitCode = await once(await oneShots[command](), line);
  }
}

function isHelpFlag(word: string): boolean {
  return word === '--help' || word === '-h';
}

/** Of the command that is asked about, of a group, or of all. */
function help(command: string | undefined, args: readonly string[]): void {
  const about = command === 'help' ? splitWords(args).command : command;
  if (about !== undefined && isCommand(about)) process.stdout.write(helpFor(about));
  else if (about !== undefined && groupOf(about).length > 0) process.stdout.write(usage(about));
  else if (command === undefined || command === 'help' || isHelpFlag(command)) process.stdout.write(usage());
  else throw new UsageError(`"${command}" is no command${meant(command, Object.keys(commands))} (see scantling --help)`);
  if (command === undefined) process.exitCode = 2;
}

/** Runs until a signal comes. */
async function serve(command: 'controller' | 'agent', { config }: CommandLine): Promise<void> {
  const log = (await import('./telemetry/log.ts')).createLog(config['log-level']);
  process.on('unhandledRejection', error => {
    log.error({ error }, 'a promise was rejected and nobody looked; ending');
    process.exit(1);
  });
  /** What must not go on, such as a lost lease: no orderly stop, because that would write. */
  const fail = (reason: string): never => {
    log.error({ reason }, 'ending at once');
    process.exit(1);
  };
  const stopping = stopSignal(log);
  saveMemory(command);
  const running =
    command === 'controller'
      ? await (await import('./compose-controller.ts')).startController(config, { log, fail, stopping: stopping.signal })
      : await (await import('./compose-agent.ts')).startAgent(config, { log });
  await stopping.asked;
  await running.stop();
  log.info({}, 'stopped');
  process.exit(0);
}

/** Runs to the end, which a signal brings on. */
async function once(command: OneShot, line: CommandLine): Promise<number> {
  const { signal } = stopSignal();
  return command({ ...line, stdout: process.stdout, stderr: process.stderr, signal });
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function stopSignal(log?: Log): { asked: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController();
  const asked = new Promise<void>(resolve => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (controller.signal.aborted) process.exit(130);
        log?.info({ signal: name }, 'stopping');
        controller.abort(new Error(`stopped by ${name}`));
        resolve();
      });
    }
  });
  return { asked, signal: controller.signal };
}

main(process.argv.slice(2)).catch(async (error: unknown) => {
  const { failureOf } = await import('./cli/failure.ts');
  const { code, message } = failureOf(error);
  process.stderr.write(`scantling: ${message}\n`);
  process.exit(code);
});
