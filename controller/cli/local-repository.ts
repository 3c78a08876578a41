/** Objects of a local repository, as `git cat-file` has them: it knows packs, alternates, work trees and both formats of ids. */
import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { messageOf } from '../api/errors.ts';
import { UsageError } from '../command-line.ts';
import type { GitObject } from '../source/git-object.ts';
import { diffTrees } from '../source/tree-diff.ts';

/**
 * Replacements would show other bytes by the same id. And what is verified is not trusted yet: its configuration may name commands, as a transport or where
 * objects that are missing come from (partial clones), and none of them is run.
 */
const environment = {
  ...process.env,
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
  SSH_ASKPASS: '',
  // No transport at all, so no program at the other end of one (remote.*.uploadpack) either. Git before 2.45 does not know the second.
  GIT_ALLOW_PROTOCOL: '',
  GIT_NO_LAZY_FETCH: '1',
  LC_ALL: 'C',
};

/** Settings that win over those of the repository, of all that Git runs. */
const settings = [
  'core.fsmonitor=false',
  'core.hooksPath=/dev/null',
  'core.sshCommand=false',
  'core.askPass=',
  'core.gitProxy=',
  'credential.helper=',
].flatMap(setting => ['-c', setting]);

/** As many as a source reads of a commit at most (spec.limits.objects). */
const mostTrees = 2_000_000;

export class LocalRepository {
  readonly #directory: string;
  readonly #objects: ObjectReader;

  constructor(directory: string) {
    this.#directory = directory;
    this.#objects = new ObjectReader(directory);
  }

  /** The id that a person means. Throws UsageError. */
  async resolve(revision: string): Promise<string> {
    try {
      return (await this.#git('rev-parse', '--verify', '--quiet', '--end-of-options', revision)).trim();
    } catch (error) {
      const said = messageOf(error).split('\n').at(1)?.trim();
      throw new UsageError(`${revision} is no commit or tag of ${this.#directory}${said ? `: ${said}` : ''}`, { cause: error });
    }
  }

  /** undefined where there is no such remote. */
  async remoteURL(name: string): Promise<string | undefined> {
    try {
      return (await this.#git('config', '--get', `remote.${name}.url`)).trim();
    } catch {
      // Exit code 1, and no words: there is none.
      return undefined;
    }
  }

  /** Throws when the object is not there, as in a shallow clone. */
  read(oid: string): Promise<{ type: string; data: Buffer }> {
    return this.#objects.read(oid);
  }

  /** Paths that differ between two trees; of undefined, all of the second. As the controller compares, which refuses trees that Git reads in spite of an fsck. */
  async diff(before: string | undefined, after: string): Promise<readonly string[]> {
    return diffTrees(before, after, { objects: oids => this.#trees(oids), mostTrees });
  }

  async #trees(oids: readonly string[]): Promise<Map<string, GitObject>> {
    const trees = new Map<string, GitObject>();
    for (const oid of oids) {
      const { type, data } = await this.read(oid);
      if (type === 'tree') trees.set(oid, { type, bytes: data });
    }
    return trees;
  }

  close(): void {
    this.#objects.close();
  }

  async #git(...args: string[]): Promise<string> {
    try {
      const { stdout } = await promisify(execFile)('git', [...settings, '-C', this.#directory, ...args], {
        env: environment,
        maxBuffer: 256 * 1024 ** 2,
      });
      return stdout;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
        throw new UsageError('git is not installed', { cause: error });
      throw error;
    }
  }
}

/** One `git cat-file --batch`, asked for one object after the other. */
class ObjectReader {
  readonly #directory: string;
  #child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #chunks: AsyncIterator<Buffer> | undefined;
  #rest = Buffer.alloc(0);
  #last: Promise<unknown> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  read(oid: string): Promise<{ type: string; data: Buffer }> {
    const reading = this.#last.then(() => this.#read(oid));
    // Whoever asks next is not told of this one's failure.
    this.#last = reading.catch(() => undefined);
    return reading;
  }

  close(): void {
    this.#child?.stdin.end();
    this.#child?.kill();
  }

  async #read(oid: string): Promise<{ type: string; data: Buffer }> {
    if (!this.#child) {
      this.#child = spawn('git', [...settings, '-C', this.#directory, 'cat-file', '--batch'], {
        stdio: ['pipe', 'pipe', 'ignore'],
        env: environment,
      });
      this.#child.on('error', () => undefined);
      this.#chunks = this.#child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    }
    this.#child.stdin.write(`${oid}\n`);
    const head = (await this.#until(b => b.indexOf(0x0a))).toString('utf8').trimEnd();
    const [, type, size] = /^[0-9a-f]+ (\w+) (\d+)$/.exec(head) ?? [];
    if (type === undefined) throw new Error(`object ${oid} is not in the repository (${head}); is it a shallow clone?`);
    const body = await this.#until(b => (b.length > Number(size) ? Number(size) : -1));
    return { type, data: Buffer.from(body.subarray(0, Number(size))) };
  }

  /** Takes what comes up to and with the byte whose index `end` finds. */
  async #until(end: (bytes: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const at = end(this.#rest);
      if (at >= 0) {
        const taken = this.#rest.subarray(0, at + 1);
        this.#rest = this.#rest.subarray(at + 1);
        return taken;
      }
      const next = await this.#chunks?.next();
      if (!next || next.done === true) throw new Error(`git cat-file has ended; is ${this.#directory} a repository?`);
      this.#rest = Buffer.concat([this.#rest, next.value]);
    }
  }
}
