/** A bare Git repository that tests write to without a work tree; equal commits get equal object ids on any machine and day. */
import { spawn } from 'node:child_process';

/** Content of a regular file; with a mode for an executable (`100755`), a link (`120000`) or a submodule (`160000`, content: the oid). */
export type FileContent = string | Uint8Array | { mode: '100644' | '100755' | '120000' | '160000'; content: string | Uint8Array };

export interface CommitOptions {
  /** Default `main`. */
  branch?: string;
  /** The parent; default: the branch's head. null for a root commit. Another than the head rewrites the branch's history. */
  parent?: string | null;
  /** Seconds since 1970; default: one minute after the last commit that this object made. */
  date?: number;
}

/** Seconds since 1970 of the first commit: 2026-01-01T00:00:00Z. */
const firstCommit = 1_767_225_600;

const person = 'Test <test@example.com>';

/** The environment of git commands that no setting of this machine may change. */
export const gitEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_AUTHOR_DATE: `${firstCommit} +0000`,
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
  GIT_COMMITTER_DATE: `${firstCommit} +0000`,
};

/**
 * Runs git and returns its standard output.
 * @throws Error with its standard error when it fails.
 */
export async function git(directory: string, args: readonly string[], input: string | Uint8Array = ''): Promise<string> {
  const child = spawn('git', args, { cwd: directory, env: gitEnvironment, stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  child.stdin.on('error', () => {
    // It ended without reading all of it; the exit code tells.
  });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`git ${args.join(' ')}: exit code ${code}: ${Buffer.concat(errors).toString().trim()}`);
  return Buffer.concat(out).toString().trim();
}

const data = (content: string | Uint8Array) => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')]);
};

function fileCommand(path: string, file: FileContent | null): Buffer {
  const name = JSON.stringify(path);
  if (file === null) return Buffer.from(`D ${name}\n`);
  const { mode, content } = typeof file === 'object' && 'mode' in file ? file : { mode: '100644', content: file };
  if (mode === '160000') return Buffer.from(`M ${mode} ${content.toString()} ${name}\n`);
  return Buffer.concat([Buffer.from(`M ${mode} inline ${name}\n`), data(content)]);
}

/** One bare repository. */
export class GitRepository {
  /** The bare repository's directory. */
  readonly path: string;
  /** What to clone and to push to. */
  readonly url: string;
  #commits = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string, url: string) {
    this.path = path;
    this.url = url;
  }

  /** Any git command in the repository. */
  git(...args: string[]): Promise<string> {
    return git(this.path, args);
  }

  /** Commits changes of files (null removes one, or a whole directory) to a branch. Returns the commit's oid. */
  commit(files: Readonly<Record<string, FileContent | null>>, message: string, options: CommitOptions = {}): Promise<string> {
    // One after the other: two on one head would leave one of them out, as a rewritten branch does.
    const commit = this.#last.then(() => this.#commit(files, message, options));
    this.#last = commit.catch(() => undefined);
    return commit;
  }

  async #commit(files: Readonly<Record<string, FileContent | null>>, message: string, options: CommitOptions): Promise<string> {
    const { branch = 'main', date = firstCommit + 60 * this.#commits } = options;
    const head = options.parent === undefined ? await this.head(branch) : (options.parent ?? undefined);
    this.#commits++;
    const when = `${person} ${date} +0000`;
    const stream = [
      Buffer.from(`feature done\ncommit refs/heads/${branch}\nmark :1\nauthor ${when}\ncommitter ${when}\n`),
      data(message),
      ...(head === undefined ? [] : [Buffer.from(`from ${head}\n`)]),
      ...Object.entries(files).map(([path, file]) => fileCommand(path, file)),
      Buffer.from('\nget-mark :1\ndone\n'),
    ];
    // A root commit on a branch that exists replaces it, which fast-import does only to a branch that it does not know.
    if (head === undefined) await this.git('update-ref', '-d', `refs/heads/${branch}`);
    return git(this.path, ['fast-import', '--quiet', '--force', '--date-format=raw'], Buffer.concat(stream));
  }

  /** The oid of a branch's newest commit; undefined for a branch without one. */
  async head(branch = 'main'): Promise<string | undefined> {
    return (await this.git('for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`)) || undefined;
  }

  /** Points a branch at a commit, whatever it pointed at before. */
  async reset(branch: string, oid: string): Promise<void> {
    await this.git('update-ref', `refs/heads/${branch}`, oid);
  }

  /** Adds lightweight tags, thousands in a second; they are packed. */
  async tag(names: readonly string[], oid: string): Promise<void> {
    await git(this.path, ['update-ref', '--stdin'], names.map(name => `create refs/tags/${name} ${oid}\n`).join(''));
    await this.git('pack-refs', '--all');
  }

  /** Adds an annotated tag. Returns the tag object's oid. */
  async annotatedTag(name: string, oid: string, message = name): Promise<string> {
    await this.git('tag', '--annotate', '--message', message, name, oid);
    return this.git('rev-parse', `refs/tags/${name}`);
  }
}
