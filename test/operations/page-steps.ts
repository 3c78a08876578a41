/** Pages that go from one command to the next, with what each prints below it. */
import assert from 'node:assert/strict';
import type { Environment } from '../cluster/environment.ts';
import { blocksOf, pages } from '../docs/markdown.ts';
import { runBlock } from './page-block.ts';

export interface PageStep {
  typed: string;
  /** '' where the page shows nothing. */
  printed: string;
}

/** Each block of `sh` of a page, with the block of `text` that follows it. */
export function stepsOf(path: string): PageStep[] {
  const blocks = pages()
    .filter(p => p.path === path)
    .flatMap(blocksOf);
  return blocks.flatMap(({ language, text }, i) => {
    const next = blocks[i + 1];
    return language === 'sh' ? [{ typed: text, printed: next?.language === 'text' ? next.text : '' }] : [];
  });
}

/** For one block, on a slow machine too; what waits longer never ends. Less than a test may take, so that how things stand is still said. */
const timeoutMs = 300_000;

/** Whoever commits. */
const author = {
  GIT_AUTHOR_NAME: 'You',
  GIT_AUTHOR_EMAIL: 'you@example.com',
  GIT_COMMITTER_NAME: 'You',
  GIT_COMMITTER_EMAIL: 'you@example.com',
};

export interface PageScene {
  environment: Environment;
  /** Where the commands are typed. */
  directory: string;
  /** What is typed before each block. */
  settings?: string;
  env?: NodeJS.ProcessEnv;
  /** The page's names in the words of this scene. */
  here?: (text: string) => string;
}

/** Types the block; what it says is what the page shows, or the test fails with that and with how everything stands. */
export async function checkStep({ typed, printed }: PageStep, scene: PageScene): Promise<void> {
  const { environment, directory: cwd, settings = 'exec 2>&1', env, here = (text: string) => text } = scene;
  const options = { cwd, kubeconfig: environment.controlPlane.adminKubeconfig };
  const block = { ...options, env: { ...author, ...env }, timeoutMs };
  const said = await runBlock(`${settings}\n${here(typed)}`, block).catch(async (error: unknown) => {
    const stand = await runBlock('scantling status -o wide || true; scantling why pool/edge || true', options).catch(String);
    throw new Error(`the block failed; this is how it stands:\n${stand}`, { cause: error });
  });
  assert.match(said, patternOf(here(printed)), said);
}

/** The page's output as a pattern: `…` stands for anything in its line, alone in a line for any lines. */
function patternOf(printed: string): RegExp {
  const lines = printed
    .trimEnd()
    .split('\n')
    .map(line => (line === '…' ? '[^]*' : line.split('…').map(quoted).join('.*')));
  return new RegExp(`^${lines.join('\\n')}\\s*$`);
}

const quoted = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
