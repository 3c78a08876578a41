/** `scantling completion SHELL`: a completion script, made from the table of commands. Pure but for the writing. */
import { UsageError, flagsOf } from '../command-line.ts';
import { commands, groupOf, isCommand, splitWords, takesKindAndName, type Command } from '../commands.ts';
import type { Invocation } from '../running.ts';

const shells = { bash, zsh, fish } as const;

export async function completion({ positionals, stdout }: Invocation): Promise<number> {
  const [shell = ''] = positionals;
  if (!isShell(shell)) throw new UsageError(`SHELL is ${Object.keys(shells).join(', ')}, not "${shell}"`);
  stdout.write(shells[shell]());
  return Promise.resolve(0);
}

function isShell(name: string): name is keyof typeof shells {
  return Object.hasOwn(shells, name);
}

/** Values that a flag may have, where these are few. */
const values: Readonly<Record<string, readonly string[]>> = {
  'output-format': ['table', 'wide', 'json', 'yaml'],
  'policy-mode': ['Enforce', 'Warn'],
  subject: ['Image', 'Git'],
  'verify-mode': ['Head', 'Tag', 'Ancestry'],
  'log-level': ['debug', 'info', 'warn', 'error', 'silent'],
  'leader-elect': ['true', 'false'],
  'host-exec': ['nsenter', 'direct'],
  lint: ['Error', 'Warn', 'Off'],
};
const kindWords = ['source/', 'definition/', 'build/', 'pool/', 'addon/', 'node/', 'policy/'];

/** Commands that a file stands behind. */
function takesFile(name: Command): boolean {
  return name === 'trust add' || name === 'addon import' || name === 'addon build';
}

interface Described {
  name: Command;
  summary: string;
  flags: { name: string; short?: string; help: string; takesValue: boolean; values: readonly string[] }[];
  words: readonly string[];
}

function described(): Described[] {
  return Object.keys(commands)
    .filter(isCommand)
    .map(name => ({
      name,
      summary: commands[name].summary,
      flags: flagsOf(name).map(({ key, name: written, flag }) => ({
        name: written,
        ...(flag.short === undefined ? {} : { short: flag.short }),
        help: flag.help,
        takesValue: flag.kind !== 'switch',
        values: values[key] ?? [],
      })),
      words: name === 'completion' ? Object.keys(shells) : takesKindAndName(name) ? kindWords : [],
    }));
}

/** What may stand first: the commands, of two words the first. */
function firstWords(): string[] {
  return [...new Set(Object.keys(commands).map(name => name.split(' ')[0] ?? ''))];
}

/** Words that another one belongs behind, with these. */
function groups(): { word: string; seconds: string[] }[] {
  return firstWords().flatMap(word => {
    const seconds = groupOf(word).map(name => name.slice(word.length + 1));
    return seconds.length > 0 ? [{ word, seconds }] : [];
  });
}

/** Of cobra, which kubectl completes with (ShellCompDirective): complete files too, no files, and no space behind a word either. */
const directives = { files: 0, noFiles: 4, noSpace: 6 } as const;

/** What kubectl asks of `kubectl_complete-scantling`: the words behind `kubectl scantling`, the last one unfinished. Pure. */
export function kubectlCompletion(words: readonly string[]): string {
  const current = words.at(-1) ?? '';
  const answer = (offered: readonly string[], directive: number): string =>
    [...offered.filter(word => word.startsWith(current)), `:${directive}`, ''].join('\n');
  const names = namesBehind(words);
  if (names) return answer(names, directives.noFiles);
  const previous = words.at(-2);
  const name = splitWords(words).command;
  const command = described().find(d => d.name === name);
  const flag = command?.flags.find(f => previous === `--${f.name}` || previous === `-${f.short}`);
  if (flag?.takesValue) return answer(flag.values, flag.values.length > 0 ? directives.noFiles : directives.files);
  if (current.startsWith('-')) return answer([...(command?.flags ?? []).map(f => `--${f.name}`), '--help'], directives.noFiles);
  if (command && takesFile(command.name)) return answer([], directives.files);
  const kinds = command?.words.some(word => word.endsWith('/')) ?? false;
  return answer(command?.words ?? [], kinds ? directives.noSpace : directives.noFiles);
}

/** What may stand there where a command is named, as a whole or its second word; undefined behind a command. */
function namesBehind([first = '', ...more]: readonly string[]): string[] | undefined {
  if (more.length === 0) return [...firstWords(), 'help'];
  const [asked, behind] = first === 'help' ? [more[0], more.slice(1)] : [first, more];
  if (first === 'help' && more.length === 1) return firstWords();
  const group = groups().find(({ word }) => word === asked);
  if (group && behind.length === 1) return group.seconds;
  return first === 'help' ? [] : undefined;
}

/** Works in bash 3.2 and without the package bash-completion. */
function bash(): string {
  const cases = described().map(({ name, flags, words }) => {
    const names = flags.flatMap(f => [`--${f.name}`, ...(f.short ? [`-${f.short}`] : [])]).join(' ');
    const valued = flags
      .filter(f => f.values.length > 0)
      .map(
        f =>
          `        --${f.name}${f.short ? ` | -${f.short}` : ''}) COMPREPLY=($(compgen -W "${f.values.join(' ')}" -- "$current")); return ;;`,
      );
    const files = flags
      .filter(f => f.takesValue && f.values.length === 0)
      .flatMap(f => [`--${f.name}`, ...(f.short ? [`-${f.short}`] : [])]);
    return `    "${name}")
      case "$previous" in
${[...valued, ...(files.length > 0 ? [`        ${files.join(' | ')}) COMPREPLY=($(compgen -f -- "$current")); return ;;`] : [])].join('\n')}
      esac
      words="${[...words, names, '--help'].filter(Boolean).join(' ')}"${takesFile(name) ? '\n      case "$current" in -*) ;; *) COMPREPLY=($(compgen -f -- "$current")); return ;; esac' : ''}
      ;;`;
  });
  const seconds = groups().map(
    ({ word, seconds }) => `    ${word})
      if [ "$COMP_CWORD" -eq 2 ]; then
        COMPREPLY=($(compgen -W "${seconds.join(' ')} --help" -- "$current"))
        return
      fi
      command="$command \${COMP_WORDS[2]}"
      ;;`,
  );
  return `# Completion of scantling for bash. Made by: scantling completion bash
_scantling() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words="" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...firstWords(), 'help'].join(' ')} --help --version" -- "$current"))
    return
  fi
  case "$command" in
${seconds.join('\n')}
  esac
  case "$command" in
${cases.join('\n')}
    help) words="${firstWords().join(' ')}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case "\${COMPREPLY[0]}" in */) compopt -o nospace 2>/dev/null ;; esac
}
complete -F _scantling scantling kubectl-scantling
`;
}

function zsh(): string {
  const list = firstWords().map(word => `    '${word}:${quoted(summaryOf(word))}'`);
  const seconds = groups().map(
    ({ word, seconds }) => `    ${word})
      local -a ${word}_commands
      ${word}_commands=(
${seconds.map(second => `        '${second}:${quoted(summaryOf(`${word} ${second}`))}'`).join('\n')}
      )
      if (( CURRENT == 2 )); then
        _describe 'command' ${word}_commands
        return
      fi
      command="$command \${words[2]}"
      shift words
      (( CURRENT-- ))
      ;;`,
  );
  const cases = described().map(({ name, flags, words }) => {
    const specs = flags.flatMap(f => {
      const value = f.takesValue ? (f.values.length > 0 ? `:value:(${f.values.join(' ')})` : ':value:_files') : '';
      const about = `[${quoted(f.help).replaceAll('[', '(').replaceAll(']', ')')}]`;
      return [
        `'--${f.name}${f.takesValue ? '=' : ''}${about}${value}'`,
        ...(f.short ? [`'-${f.short}${f.takesValue ? '+' : ''}${about}${value}'`] : []),
      ];
    });
    const positional = words.length > 0 ? [`'1:what:(${words.join(' ')})'`] : [];
    return `    "${name}") _arguments ${[...specs, ...positional, "'--help[show the flags]'"].join(' \\\n        ')} ;;`;
  });
  return `#compdef scantling kubectl-scantling
# Completion of scantling for zsh. Made by: scantling completion zsh
_scantling() {
  local -a commands
  commands=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command="\${words[2]}"
  shift words
  (( CURRENT-- ))
  case "$command" in
${seconds.join('\n')}
  esac
  case "$command" in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_scantling" ]; then _scantling "$@"; else compdef _scantling scantling kubectl-scantling; fi
`;
}

/** Of a command, or of the first word of several. */
function summaryOf(words: string): string {
  if (isCommand(words)) return commands[words].summary;
  return groupOf(words)
    .map(name => name.slice(words.length + 1))
    .join(', ');
}

/** In single quotes; a colon ends a name in zsh's descriptions. */
function quoted(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(':', '\\:');
}

function fish(): string {
  const firsts = firstWords().map(
    word => `complete -c scantling -f -n __fish_use_subcommand -a ${word} -d ${inQuotes(summaryOf(word))}`,
  );
  const seconds = groups().flatMap(({ word, seconds }) =>
    seconds.map(
      second =>
        `complete -c scantling -f -n '__fish_seen_subcommand_from ${word}; and not __fish_seen_subcommand_from ${seconds.join(' ')}' -a ${second} -d ${inQuotes(summaryOf(`${word} ${second}`))}`,
    ),
  );
  const lines = described().flatMap(({ name, flags, words }) => {
    const seen = name
      .split(' ')
      .map(word => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    return [
      ...flags.map(
        f =>
          `complete -c scantling -n '${seen}' -l ${f.name}${f.short ? ` -s ${f.short}` : ''}${f.takesValue ? ' -r' : ''}${f.values.length > 0 ? ` -f -a ${inQuotes(f.values.join(' '))}` : ''} -d ${inQuotes(f.help)}`,
      ),
      ...(words.length > 0 ? [`complete -c scantling -f -n '${seen}' -a ${inQuotes(words.join(' '))}`] : []),
    ];
  });
  return `# Completion of scantling for fish. Made by: scantling completion fish\n${[...firsts, ...seconds, ...lines].join('\n')}\n`;
}

function inQuotes(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
