/** The commands, and how a command line becomes a configuration. The flags themselves are in config.ts. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { parseDuration } from './api/duration.ts';
import { flags, type Config, type Flag } from './config.ts';

interface CommandEntry {
  summary: string;
  /** What must stand behind the command, in order. */
  positionals: readonly string[];
}

/** Every command that takes flags, as --help lists them. What each runs is in main.ts. */
export const commands = {
  controller: { summary: 'watch Git, build images, roll them out (in the cluster)', positionals: [] },
  agent: { summary: 'keep one node on its target (on each node)', positionals: [] },
  build: { summary: 'build a foundation and push it (in the pods of builds)', positionals: [] },
  context: { summary: 'fetch the exact input of an image, to look at or to build again', positionals: ['IMAGE'] },
  logs: { summary: 'show the output of a build, or of the latest build of a definition', positionals: ['BUILD'] },
} as const satisfies Record<string, CommandEntry>;

export type Command = keyof typeof commands;

/** What a command line says. */
export interface CommandLine {
  config: Config;
  /** As many as the command has positionals. */
  positionals: readonly string[];
}

/** A command line that cannot be used; the message says what is wrong and how to see the flags. */
export class UsageError extends Error {}

export function isCommand(name: string): name is Command {
  return Object.hasOwn(commands, name);
}

/** Parses the arguments behind a command. Throws UsageError. */
export function parseCommandLine(command: Command, args: readonly string[]): CommandLine {
  const { values, positionals } = parse(command, args);
  const config = Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, parseFlag(name, flag, values[name])]));
  const parsed = Object.freeze(config) as Config;
  if (command === 'agent' && parsed['node-name'] === '') throw new UsageError('--node-name is required');
  if (!['nsenter', 'direct'].includes(parsed['host-exec']))
    throw new UsageError(`--host-exec is nsenter or direct, not "${parsed['host-exec']}"`);
  return { config: parsed, positionals };
}

type Given = string | boolean | readonly (string | boolean)[] | undefined;

function parse(command: Command, args: readonly string[]): { values: Record<string, Given>; positionals: readonly string[] } {
  const hint = `(see scantling ${command} --help)`;
  const wanted: readonly string[] = commands[command].positionals;
  let parsed: { values: Record<string, Given>; positionals: readonly string[] };
  try {
    parsed = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: wanted.length > 0,
      options: Object.fromEntries(flagsOf(command).map(([name, flag]) => [name, optionOf(flag)])),
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)} ${hint}`, { cause: error });
  }
  const { positionals } = parsed;
  if (positionals.length < wanted.length) throw new UsageError(`${wanted[positionals.length]} is missing ${hint}`);
  if (positionals.length > wanted.length) throw new UsageError(`"${positionals[wanted.length]}" is one too many ${hint}`);
  return parsed;
}

function optionOf({ kind, short }: Flag): NonNullable<ParseArgsConfig['options']>[string] {
  return {
    type: kind === 'switch' ? 'boolean' : 'string',
    multiple: kind === 'list',
    ...(short === undefined ? {} : { short }),
  };
}

function parseFlag(name: string, flag: Flag, given: Given): string | boolean | number | readonly string[] {
  const text = Array.isArray(given) ? given.join(',') : String(given ?? flag.default);
  switch (flag.kind) {
    case 'string':
      return text;
    case 'switch':
      return given === true;
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw new UsageError(`--${name} is true or false, not "${text}"`);
      return text === 'true';
    case 'integer':
      if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new UsageError(`--${name} is a whole number from 1, not "${text}"`);
      return Number(text);
    case 'duration':
      try {
        return parseDuration(text);
      } catch (error) {
        throw new UsageError(`--${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    case 'list':
      return text
        .split(',')
        .map(s => s.trim())
        .filter(Boolean);
  }
}

/** The flags of a command, by name, in the table's order. */
export function flagsOf(command: Command): [string, Flag][] {
  return Object.entries<Flag>(flags).filter(([, flag]) => flag.commands.includes(command));
}

/** How a command is written. */
export function synopsisOf(command: Command): string {
  return ['scantling', command, ...commands[command].positionals, '[flags]'].join(' ');
}

/** The flags of a command as `--help` shows them. */
export function helpFor(command: Command): string {
  const lines = flagsOf(command).map(([name, flag]) => {
    const value = flag.kind === 'switch' ? '' : ` ${flag.kind.toUpperCase()}`;
    const short = flag.short === undefined ? '' : `-${flag.short}, `;
    return `  ${short}--${name}${value}\n        ${flag.help}${flag.default ? ` (default ${flag.default})` : ''}`;
  });
  return `Usage: ${synopsisOf(command)}\n\n${lines.join('\n')}\n`;
}

/** All commands as `scantling --help` shows them. */
export function usage(): string {
  const lines = Object.entries({ ...commands, version: { summary: 'print the version' } }).map(
    ([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`,
  );
  return `Usage: scantling COMMAND [flags]\n\nCommands:\n${lines.join('\n')}\n\nscantling COMMAND --help lists the flags.\n`;
}
