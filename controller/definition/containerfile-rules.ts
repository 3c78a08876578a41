/** What each instruction of a Containerfile takes, by the rules of buildah (openshift/imagebuilder, dispatchers.go) and our own. */
import { checkCopy } from './containerfile-copy.ts';
import { checkRunFlags } from './containerfile-mount.ts';
import type { Instruction } from './containerfile-parse.ts';
import type { Scope } from './containerfile-scope.ts';
import { expand, jsonForm, quotedWords, spacedWords, quoteWord } from './containerfile-words.ts';
import { isReservedLabel, reservedLabel } from './labels.ts';

type Rule = (instruction: Instruction, scope: Scope) => void;

const rules: Readonly<Record<string, Rule>> = {
  ADD: checkCopy,
  ARG: (instruction, scope) => checkArg(instruction, scope),
  CMD: () => undefined,
  COPY: checkCopy,
  ENTRYPOINT: () => undefined,
  ENV: checkEnv,
  EXPOSE: checkWords,
  FROM: (instruction, { stages }) => stages.open(instruction),
  HEALTHCHECK: checkHealth,
  LABEL: checkLabel,
  MAINTAINER: checkMaintainer,
  ONBUILD: ({ line }, { problem }) => problem(line, 'ONBUILD has no effect in an OCI image; write the instruction itself'),
  RUN: checkRun,
  SHELL: checkShell,
  STOPSIGNAL: checkText,
  USER: checkUser,
  VOLUME: checkWords,
  WORKDIR: checkText,
};
const withFlags = new Set(['ADD', 'COPY', 'FROM', 'HEALTHCHECK', 'RUN']);

export function checkInstruction(instruction: Instruction, scope: Scope): void {
  const { line, keyword, flags } = instruction;
  const rule = Object.hasOwn(rules, keyword) ? rules[keyword] : undefined;
  if (!rule) {
    const advice = 'a line that goes on needs "\\" at the end of the line before';
    scope.problem(line, `there is no instruction ${quoteWord(keyword.slice(0, 40))}; ${advice}`);
    return;
  }
  const [flag] = flags;
  if (flag !== undefined && !withFlags.has(keyword)) scope.problem(line, `${keyword} takes no flags, such as ${quoteWord(flag)}`);
  rule(instruction, scope);
}

/** `heading` is before the first FROM. */
export function checkArg({ line, rest }: Instruction, scope: Scope, heading = false): void {
  const { stages } = scope;
  const words = quotedWords(rest, scope.escape);
  if (words.length === 0) scope.problem(line, 'ARG takes a name, or NAME=VALUE');
  for (const word of words) {
    const { value, problem } = expand(word, heading ? name => stages.heading.get(name) : stages.lookup);
    const [, name = '', given] = /^([^=]*)(?:=(.*))?$/s.exec(value ?? word) ?? [];
    if (problem !== undefined) scope.problem(line, `ARG ${quoteWord(word)}: ${problem}`);
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) scope.problem(line, `ARG ${quoteWord(word)}: ${quoteWord(name)} is no name`);
    else stages.declare({ line, name, value: value === undefined ? undefined : given, heading });
  }
}

function checkEnv(instruction: Instruction, scope: Scope): void {
  for (const [name, value] of pairs(instruction, scope)) scope.stages.setVariable(name, value);
}

function checkLabel(instruction: Instruction, scope: Scope): void {
  for (const [name] of pairs(instruction, scope)) {
    if (isReservedLabel(name)) scope.problem(instruction.line, `LABEL ${quoteWord(name)} ${reservedLabel}`);
  }
}

/** NAME=VALUE of ENV and LABEL, or one pair separated by spaces. Values are undefined when only the build knows them. */
function pairs({ line, keyword, rest }: Instruction, scope: Scope): [name: string, value: string | undefined][] {
  const words = quotedWords(rest, scope.escape);
  const refuse = (why: string): void => scope.problem(line, `${keyword} takes NAME=VALUE${why}`);
  let raw: [string, string][];
  if (words[0] !== undefined && !words[0].includes('=')) {
    const [, name, value] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    if (name === undefined || value === undefined) refuse(`; ${quoteWord(words[0])} has no value`);
    raw = name === undefined || value === undefined ? [] : [[name, value]];
  } else {
    const odd = words.find(word => !word.includes('='));
    if (words.length === 0) refuse('');
    if (odd !== undefined) refuse(`; ${quoteWord(odd)} has no "=", or the value before it needs quotes`);
    raw = words
      .filter(word => word.includes('='))
      .map(word => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]);
  }
  return raw.flatMap(([left, right]): [string, string | undefined][] => {
    const [name, value] = [expand(left, scope.stages.lookup), expand(right, scope.stages.lookup)];
    const problem = name.problem ?? value.problem ?? (name.value === '' ? 'there is no name' : undefined);
    if (problem !== undefined) scope.problem(line, `${keyword} ${quoteWord(`${left}=${right}`)}: ${problem}`);
    return problem !== undefined || name.value === undefined ? [] : [[name.value, value.value]];
  });
}

function checkRun(instruction: Instruction, scope: Scope): void {
  const { line, json, rest } = instruction;
  if (json ? json.length === 0 : rest === '') scope.problem(line, 'RUN takes a command');
  checkRunFlags(instruction, scope);
}

function checkUser(instruction: Instruction, scope: Scope): void {
  checkText(instruction, scope);
  const { line, rest } = instruction;
  scope.stages.current.user = { name: expand(rest, scope.stages.lookup).value ?? rest, line };
}

/** EXPOSE and VOLUME: words, or the JSON form. */
function checkWords({ line, keyword, rest, json }: Instruction, scope: Scope): void {
  const words = json ?? spacedWords(rest);
  if (words.length === 0) scope.problem(line, `${keyword} takes a value`);
  for (const word of words) checkWord(line, keyword, word, scope);
}

/** STOPSIGNAL, USER and WORKDIR: all of the line is one value. */
function checkText({ line, keyword, rest }: Instruction, scope: Scope): void {
  if (rest === '') scope.problem(line, `${keyword} takes a value`);
  checkWord(line, keyword, rest, scope);
}

function checkWord(line: number, keyword: string, word: string, scope: Scope): void {
  const { problem } = expand(word, scope.stages.lookup);
  if (problem !== undefined) scope.problem(line, `${keyword} ${quoteWord(word)}: ${problem}`);
}

function checkShell({ line, json }: Instruction, { problem, warning }: Scope): void {
  if (!json?.length) problem(line, 'SHELL takes the JSON form, as ["/bin/bash", "-c"]');
  else warning(line, 'SHELL has no effect in an OCI image; name the shell in RUN, as RUN ["/bin/bash", "-c", "…"]');
}

function checkHealth({ line, rest }: Instruction, { problem }: Scope): void {
  const [, type = '', command = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  const form = jsonForm(command);
  const isNone = type.toUpperCase() === 'NONE' && command === '';
  const isCommand = type.toUpperCase() === 'CMD' && command !== '' && !(form && 'problem' in form);
  if (!isNone && !isCommand) problem(line, 'HEALTHCHECK takes CMD with a command, or NONE');
}

function checkMaintainer({ line, rest }: Instruction, { problem, warning }: Scope): void {
  if (rest === '') problem(line, 'MAINTAINER takes a name');
  else warning(line, 'MAINTAINER is deprecated; use LABEL org.opencontainers.image.authors');
}
