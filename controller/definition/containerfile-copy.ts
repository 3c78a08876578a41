/** COPY and ADD: flags, sources, and where they write. */
import { posix } from 'node:path';
import type { Instruction } from './containerfile-parse.ts';
import type { Scope } from './containerfile-scope.ts';
import { expand, spacedWords, quoteWord } from './containerfile-words.ts';
import { lintDestination } from './lint-paths.ts';

const flagsOf: Readonly<Record<string, readonly string[]>> = {
  COPY: ['chown', 'chmod', 'from', 'link', 'parents', 'exclude'],
  ADD: ['chown', 'chmod', 'checksum', 'link', 'keep-git-dir', 'exclude'],
};
const switches = new Set(['link', 'parents', 'keep-git-dir']);
const url = /^(https?|ftp):\/\//i;
const git = /^(git|ssh):\/\/|^git@|\.git(#.*)?$/i;

export function checkCopy({ line, keyword, flags, rest, json, documents }: Instruction, scope: Scope): void {
  const problem = (message: string): void => scope.problem(line, `${keyword} ${message}`);
  if (documents.length > 0) {
    problem('takes no here-document here: write the file by spec.files, or by RUN cat > FILE <<EOF');
    return;
  }
  const words = (json ?? spacedWords(rest)).map(word => ({ word, ...expand(word, scope.stages.lookup) }));
  for (const { word, problem: unreadable } of words) if (unreadable !== undefined) problem(`${quoteWord(word)}: ${unreadable}`);
  const options = checkFlags();
  if (words.length < 2) {
    problem('takes at least a source and a destination');
    return;
  }
  const from = options.get('from');
  if (from !== undefined) scope.stages.checkFrom(line, `${keyword} --from`, from);
  for (const source of words.slice(0, -1)) checkSource(source);
  const destination = words.at(-1)?.value;
  if (destination?.startsWith('/')) lintDestination(posix.resolve(destination), { line, keyword }, scope.review);

  function checkSource({ word, value }: { word: string; value?: string | undefined }): void {
    const remote = keyword === 'ADD' && value !== undefined && from === undefined;
    if (remote && url.test(value) && !git.test(value)) {
      if (!/^sha256:[0-9a-f]{64}$/.test(options.get('checksum') ?? ''))
        problem(`${quoteWord(word)}: what a URL gives is no input of the build; say what it must be by --checksum=sha256:…`);
    } else if (remote && git.test(value)) {
      problem(`${quoteWord(word)}: a Git repository is no input of the build; put what it needs into the build context`);
    } else if (from === undefined) scope.read(line, keyword, value);
  }

  function checkFlags(): Map<string, string> {
    const known = flagsOf[keyword] ?? [];
    const options = new Map<string, string>();
    for (const flag of flags) {
      const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(flag) ?? [];
      if (!known.includes(name)) problem(`takes no ${quoteWord(flag)}; only ${known.map(name => `--${name}`).join(', ')}`);
      else if (!value && !switches.has(name)) problem(`--${name} needs a value`);
      else if (name === 'chmod' && !/^[0-7]+$|\$/.test(value ?? '')) problem(`--chmod=${value}: the mode is octal, as 0755`);
      else options.set(name, value ?? '');
    }
    return options;
  }
}
