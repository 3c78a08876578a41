/** What the controller and the agents run as: the bundle that is shipped, or the sources. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

/** Program and first arguments; a subcommand and its flags follow. The bundle is built anew. Throws with the builder's words when it does not build. */
export async function programFor(o: { source: boolean }): Promise<readonly [command: string, ...args: string[]]> {
  if (o.source) return [process.execPath, join(root, 'controller/main.ts')];
  try {
    await promisify(execFile)(process.execPath, [join(root, 'test/tools/build.ts')], { cwd: root });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? String(error);
    throw new Error(`the bundle cannot be built:\n${said}`, { cause: error });
  }
  return [process.execPath, join(root, 'dist/scantling.mjs')];
}
