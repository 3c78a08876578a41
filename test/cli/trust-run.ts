/** Commands of trust as they are called, with a person at a terminal or without one. */
import { PassThrough } from 'node:stream';
import { parseCommandLine } from '../../controller/command-line.ts';
import { isCommand, splitWords } from '../../controller/commands.ts';
import { failureOf } from '../../controller/cli/failure.ts';
import { trustAdd } from '../../controller/cli/trust-add.ts';
import { trustApprove } from '../../controller/cli/trust-approve.ts';
import { trustList } from '../../controller/cli/trust-list.ts';
import { trustRemove } from '../../controller/cli/trust-remove.ts';
import { trustRevoke } from '../../controller/cli/trust-revoke.ts';
import { trustShow } from '../../controller/cli/trust-show.ts';
import { verifyCommitCommand } from '../../controller/cli/verify-commit.ts';
import { verifyImageCommand } from '../../controller/cli/verify-image.ts';
import type { Invocation, OneShot } from '../../controller/running.ts';
import { sink } from './sink.ts';

const oneShots: Record<string, OneShot> = {
  'trust add': trustAdd,
  'trust approve': trustApprove,
  'trust list': trustList,
  'trust remove': trustRemove,
  'trust revoke': trustRevoke,
  'trust show': trustShow,
  'verify commit': verifyCommitCommand,
  'verify image': verifyImageCommand,
};

export interface Ran {
  code: number;
  out: string;
  said: string;
}

export interface Surroundings extends Pick<Invocation, 'discover'> {
  /** What a person at the terminal types, a line each; without it there is no terminal. */
  answers?: readonly string[];
  /** What a pipe holds. */
  input?: string;
}

export async function run(words: readonly string[], o: Surroundings = {}): Promise<Ran> {
  const [stdout, stderr] = [sink(), sink()];
  const stdin = Object.assign(new PassThrough(), { isTTY: o.answers !== undefined });
  stdin.end((o.answers ?? []).map(line => `${line}\n`).join('') + (o.input ?? ''));
  const { command = '', args } = splitWords(words);
  try {
    const oneShot = oneShots[command];
    if (!isCommand(command) || !oneShot) throw new Error(`${command} is not among the commands of this test`);
    const line = parseCommandLine(command, args);
    const code = await oneShot({
      ...line,
      stdin,
      ...(o.discover ? { discover: o.discover } : {}),
      stdout: stdout.stream,
      stderr: stderr.stream,
      signal: new AbortController().signal,
    });
    return { code, out: stdout.text(), said: stderr.text() };
  } catch (error) {
    const { code, message } = failureOf(error);
    return { code, out: stdout.text(), said: `${stderr.text()}scantling: ${message}\n` };
  }
}
