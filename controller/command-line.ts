/** How a command line becomes a configuration, and what --help says. The commands are in commands.ts, the flags in config.ts. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { parseDuration, parseTimeout } from './api/duration.ts';
import { shardLabel } from './api/names.ts';
import { messageOf } from './api/errors.ts';
import { meant } from './nearest-word.ts';
import { requiresLabel } from './kube/label-selector.ts';
import { resourcesOf } from './build/default-resources.ts';
import { type Command, type CommandEntry, commands, examplesOf, groupOf, isCommand, synopsisOf } from './commands.ts';
import { flags, type Config, type Flag } from './config.ts';

/** What a command line says. */
export interface CommandLine {
  config: Config;
  /** As many as the command has positionals. */
  positionals: readonly string[];
}

/** A command line that cannot be used; the message says what is wrong and how to see the flags. */
export class UsageError extends Error {}

/** Parses the arguments behind a command. Throws UsageError. */
export function parseCommandLine(command: Command, args: readonly string[]): CommandLine {
  const { values, positionals } = parse(command, args);
  const given = new Map(flagsOf(command).map(({ key, name }) => [key, values[name]]));
  const config = Object.fromEntries(
    Object.entries<Flag>(flags).map(([key, flag]) => [key, parseFlag(flag.name ?? key, flag, given.get(key))]),
  );
  const parsed = Object.freeze(config) as Config;
  if (command === 'agent' && parsed['node-name'] === '') throw new UsageError('--node-name is required');
  if (!['nsenter', 'direct'].includes(parsed['host-exec']))
    throw new UsageError(`--host-exec is nsenter or direct, not "${parsed['host-exec']}"`);
  checkValue('--shard-selector', () => checkShard(parsed['shard-selector']));
  checkValue('--builder-requests', () => resourcesOf(parsed['builder-requests'], []));
  checkValue('--builder-limits', () => resourcesOf([], parsed['builder-limits']));
  return { config: parsed, positionals };
}

/** What another selector selects the controller without one may select too: both would act on it, or the one would wait for the other for ever. */
function checkShard(selector: string): void {
  if (requiresLabel(selector, shardLabel) || selector === flags['shard-selector'].default) return;
  throw new Error(
    `"${selector}" also selects objects without the label ${shardLabel}, which are for the controller without a selector: begin it with ${shardLabel}=NAME`,
  );
}

function checkValue(flag: string, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    throw new UsageError(`${flag}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

type Given = string | boolean | readonly (string | boolean)[] | undefined;

function parse(command: Command, args: readonly string[]): { values: Record<string, Given>; positionals: readonly string[] } {
  const hint = `(see scantling ${command} --help)`;
  const { positionals: wanted, optional = [] }: CommandEntry = commands[command];
  let parsed: { values: Record<string, Given>; positionals: readonly string[] };
  try {
    parsed = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: wanted.length + optional.length > 0,
      options: Object.fromEntries(flagsOf(command).map(({ name, flag }) => [name, optionOf(flag)])),
    });
  } catch (error) {
    throw new UsageError(`${whatIsWrong(command, error)} ${hint}`, { cause: error });
  }
  const { positionals } = parsed;
  if (positionals.length < wanted.length) throw new UsageError(`${wanted[positionals.length]} is missing ${hint}`);
  const most = wanted.length + optional.length;
  if (positionals.length > most) throw new UsageError(`"${positionals[most]}" is one too many ${hint}`);
  return parsed;
}

/** The first sentence of Node: what follows is about positionals, which no command of ours takes with a dash. */
function whatIsWrong(command: Command, error: unknown): string {
  const said = messageOf(error).split('\n')[0] ?? '';
  const unknown = /^Unknown option '([^']*)'/.exec(said);
  if (!unknown) return said;
  const [start, flag = ''] = unknown;
  return (
    start +
    meant(
      flag,
      flagsOf(command).map(({ name }) => `--${name}`),
    )
  );
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
    case 'timeout':
      try {
        return flag.kind === 'timeout' ? parseTimeout(text) : parseDuration(text);
      } catch (error) {
        throw new UsageError(`--${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    case 'list':
      return (flag.whole && Array.isArray(given) ? given.map(String) : text.split(',')).map(s => s.trim()).filter(Boolean);
  }
}

/** The flags of a command as they are written there, in the table's order; `key` is the name in Config. */
export function flagsOf(command: Command): { key: string; name: string; flag: Flag }[] {
  return Object.entries<Flag>(flags)
    .filter(([, flag]) => flag.commands.includes(command))
    .map(([key, flag]) => ({ key, name: flag.name ?? key, flag }));
}

/** A command as `--help` shows it. */
export function helpFor(command: Command): string {
  const lines = flagsOf(command).map(({ name, flag }) => {
    const value = flag.kind === 'switch' ? '' : ` ${flag.kind.toUpperCase()}`;
    const short = flag.short === undefined ? '' : `-${flag.short}, `;
    return `  ${short}--${name}${value}\n        ${flag.help}${flag.default ? ` (default ${flag.default})` : ''}`;
  });
  const examples = examplesOf(command).map(([line, what]) => `  ${line}\n        ${what}`);
  const shown = examples.length > 0 ? `\nExamples:\n${examples.join('\n')}\n` : '';
  const flagLines = lines.length > 0 ? `\nFlags:\n${lines.join('\n')}\n` : '';
  return `Usage: ${synopsisOf(command)}\n\n${commands[command].summary}\n${flagLines}${shown}`;
}

/** All commands as `scantling --help` shows them, or those of a group. */
export function usage(group?: string): string {
  const names = group === undefined ? Object.keys(commands).filter(isCommand) : groupOf(group);
  const lines = names.map(name => `  ${name.padEnd(14)} ${commands[name].summary}`);
  const written = group === undefined ? 'COMMAND' : `${group} COMMAND`;
  return `Usage: scantling ${written} [flags]\n\nCommands:\n${lines.join('\n')}\n\nscantling help ${written} lists its flags, with examples.\n`;
}
