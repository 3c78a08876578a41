#!/usr/bin/env node
/** The command line: which subcommand, its flags, how it ends. What each is made of is in compose-controller.ts and compose-agent.ts, loaded only when asked for. */
import { messageOf } from './api/errors.ts';
import { UsageError, helpFor, parseConfig, type Command } from './config.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { version } from './version.ts';

const usage = `Usage: scantling COMMAND [flags]

Commands:
  controller   watch Git, build images, roll them out (in the cluster)
  agent        keep one node on its target (on each node)
  version      print the version

scantling COMMAND --help lists the flags.
`;

async function main([command, ...args]: readonly string[]): Promise<void> {
  if (command === 'version' || command === '--version') {
    process.stdout.write(`${version}\n`);
  } else if (command === undefined || command === 'help' || command === '--help') {
    process.stdout.write(usage);
    if (command === undefined) process.exitCode = 2;
  } else if (command === 'controller' || command === 'agent') {
    if (args.includes('--help')) process.stdout.write(helpFor(command));
    else await run(command, args);
  } else {
    throw new UsageError(`"${command}" is no command (see scantling --help)`);
  }
}

async function run(command: Command, args: readonly string[]): Promise<void> {
  const config = parseConfig(command, args);
  const log = createLog(config['log-level']);
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
  const running =
    command === 'controller'
      ? await (await import('./compose-controller.ts')).startController(config, { log, fail, stopping: stopping.signal })
      : await (await import('./compose-agent.ts')).startAgent(config, { log });
  await stopping.asked;
  await running.stop();
  log.info({}, 'stopped');
  process.exit(0);
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function stopSignal(log: Log): { asked: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController();
  const asked = new Promise<void>(resolve => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (controller.signal.aborted) process.exit(130);
        log.info({ signal: name }, 'stopping');
        controller.abort();
        resolve();
      });
    }
  });
  return { asked, signal: controller.signal };
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`scantling: ${messageOf(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
});
