/** Commands of addons as they are called. */
import { parseCommandLine } from '../../controller/command-line.ts';
import { isCommand, splitWords } from '../../controller/commands.ts';
import { addonBuild } from '../../controller/cli/addon-build.ts';
import { addonCheck } from '../../controller/cli/addon-check.ts';
import { addonImport } from '../../controller/cli/addon-import.ts';
import { addonList, addonShow } from '../../controller/cli/addon-list.ts';
import { failureOf } from '../../controller/cli/failure.ts';
import { profileShow } from '../../controller/cli/profile-show.ts';
import type { OneShot } from '../../controller/running.ts';
import { sink } from './sink.ts';

const oneShots: Record<string, OneShot> = {
  'addon build': addonBuild,
  'addon check': addonCheck,
  'addon import': addonImport,
  'addon list': addonList,
  'addon show': addonShow,
  'profile show': profileShow,
};

export interface Ran {
  code: number;
  out: string;
  said: string;
}

export async function run(words: readonly string[]): Promise<Ran> {
  const [stdout, stderr] = [sink(), sink()];
  const { command = '', args } = splitWords(words);
  try {
    const oneShot = oneShots[command];
    if (!isCommand(command) || !oneShot) throw new Error(`${command} is not among the commands of this test`);
    const line = parseCommandLine(command, args);
    const code = await oneShot({
      ...line,
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
