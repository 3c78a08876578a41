/** Blocks of shell commands of a page, run as a person at a terminal runs them: word for word. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { blocksOf, pages, root } from '../docs/markdown.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { serverBinary } from '../tools/servers.ts';

export interface BlockOptions {
  /** Default: no cluster. */
  kubeconfig?: string;
  /** Default: the repository's root. */
  cwd?: string;
  /** Added to the environment. */
  env?: NodeJS.ProcessEnv;
  /** After it the block is ended, and what it has said is in the error. Default: none. */
  timeoutMs?: number;
}

/** Why a test of commands cannot be run here: a program of theirs is not on this machine. Where CI is set it must be. */
export function lacking(program: string): string | false {
  const lacks = spawnSync(program, ['--version']).error !== undefined && !process.env['CI'];
  return lacks && `${program} is not on this machine`;
}

/** The one block of `sh` on a page that holds these words. Throws when there is none, or more than one. */
export function shellBlock(page: string, holds: string): string {
  const found = pages()
    .filter(({ path }) => path === page)
    .flatMap(blocksOf)
    .filter(({ language, text }) => language === 'sh' && text.includes(holds));
  const [block] = found;
  if (!block || found.length > 1) throw new Error(`${page} has ${found.length} blocks of sh with "${holds}"`);
  return block.text;
}

/**
 * Runs a block with the pinned kubectl and Helm, and our own command line. As at a terminal, a command that fails does not keep the next one from
 * running, and of a pipe only the last command counts. Rejects with all that was said when a command failed.
 */
export async function runBlock(
  text: string,
  { kubeconfig = '/nonexistent', cwd = root, env: more, timeoutMs = 0 }: BlockOptions,
): Promise<string> {
  const program = await programFor({ source: true });
  const script = [
    `trap 'failed=$?; echo "exit code $failed: $BASH_COMMAND" >&2' ERR`,
    `kubectl() { ${quoted([serverBinary('kubectl')])} "$@"; }`,
    `helm() { ${quoted([serverBinary('helm')])} "$@"; }`,
    `scantling() { ${quoted(program)} "$@"; }`,
    text,
    // The trap is not for the first part of `a && b`.
    'last=$?; exit "${failed:-$last}"',
  ].join('\n');
  // Of this run alone: kubectl and Helm keep caches there.
  const home = temporaryDirectory('home');
  const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: kubeconfig, NO_COLOR: '1', ...more };
  try {
    const options = { cwd, env, maxBuffer: 64 * 1024 ** 2, timeout: timeoutMs };
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], options);
    return stdout + stderr;
  } finally {
    removeDirectory(home);
  }
}

const quoted = (words: readonly string[]): string => words.map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
