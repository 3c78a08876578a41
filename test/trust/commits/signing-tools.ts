/** git, ssh-keygen and gpg of this machine, in a directory of their own: what makes the objects of the corpus, and what they are compared with. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Ran {
  code: number;
  stdout: Buffer;
  stderr: string;
}

export type ObjectFormat = 'sha1' | 'sha256';

/** Seconds since 1970. */
type Seconds = number;

export class SigningTools {
  readonly directory: string;
  readonly #environment: NodeJS.ProcessEnv;

  /** The directory is short, because gpg-agent's socket is in it. `now` is what gpg takes for the time when it verifies. */
  constructor(directory: string, now: Seconds) {
    this.directory = directory;
    const home = join(directory, 'gpg');
    mkdirSync(home);
    chmodSync(home, 0o700);
    writeFileSync(join(home, 'gpg.conf'), 'batch\nno-tty\npinentry-mode loopback\nallow-weak-key-signatures\n');
    writeFileSync(join(directory, 'gpg-then'), `#!/bin/sh\nexec gpg --faked-system-time ${now} "$@"\n`, { mode: 0o755 });
    this.#environment = {
      PATH: process.env['PATH'],
      HOME: directory,
      GNUPGHOME: home,
      LC_ALL: 'C',
      TZ: 'UTC',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
    };
    for (const format of ['sha1', 'sha256'] as const)
      this.must('git', ['init', '-q', '--bare', `--object-format=${format}`, this.repository(format)]);
  }

  repository(format: ObjectFormat): string {
    return join(this.directory, `${format}.git`);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  run(command: string, args: readonly string[], input: string | Uint8Array = '', environment: NodeJS.ProcessEnv = {}): Ran {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      input,
      env: { ...this.#environment, ...environment },
      maxBuffer: 16 * 1024 * 1024,
    });
    if (error) throw error;
    return { code: status ?? -1, stdout, stderr: stderr.toString() };
  }

  must(command: string, args: readonly string[], input: string | Uint8Array = ''): Buffer {
    const { code, stdout, stderr } = this.run(command, args, input);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${code}: ${stderr}`);
    return stdout;
  }

  /** Writes an object as it is, however broken. */
  write(type: 'commit' | 'tag' | 'tree' | 'blob', data: Uint8Array, format: ObjectFormat): string {
    return this.must('git', ['-C', this.repository(format), 'hash-object', '-w', '-t', type, '--literally', '--stdin'], data)
      .toString()
      .trim();
  }

  read(type: string, oid: string, format: ObjectFormat): Buffer {
    return this.must('git', ['-C', this.repository(format), 'cat-file', type, oid]);
  }

  /** Whether git verify-commit or verify-tag finds the signature good, with these signers and the keys of gpg. */
  isGood(type: 'commit' | 'tag', oid: string, o: { format: ObjectFormat; allowedSigners: string }): boolean {
    const file = this.path('allowed');
    writeFileSync(file, o.allowedSigners);
    const arguments_ = [
      '-C',
      this.repository(o.format),
      '-c',
      `gpg.ssh.allowedSignersFile=${file}`,
      '-c',
      `gpg.program=${this.path('gpg-then')}`,
      `verify-${type}`,
      '--raw',
      oid,
    ];
    return this.run('git', arguments_).code === 0;
  }

  /** A new pair of keys; returns its file. */
  sshKey(name: string, type: string, bits?: number): string {
    const file = this.path(name);
    this.must('ssh-keygen', [
      '-q',
      '-t',
      type,
      ...(bits === undefined ? [] : ['-b', String(bits)]),
      '-N',
      '',
      '-C',
      name,
      '-f',
      file,
    ]);
    return file;
  }

  /** `type base64` of a key. */
  publicKey(file: string): string {
    return readFileSync(`${file}.pub`, 'utf8').trim().split(' ').slice(0, 2).join(' ');
  }

  sshSign(file: string, payload: Uint8Array, { namespace = 'git', hash = 'sha512' } = {}): Buffer {
    return this.must('ssh-keygen', ['-q', '-Y', 'sign', '-n', namespace, '-f', file, '-O', `hashalg=${hash}`], payload);
  }

  gpg(args: readonly string[], input: string | Uint8Array = ''): Buffer {
    return this.must('gpg', args, input);
  }

  /** A new key; returns the fingerprint of the primary key. */
  gpgKey(name: string, algorithm: string, o: { usage?: string; expires?: string; at?: string } = {}): string {
    const { usage = 'sign', expires = 'never', at } = o;
    const faked = at === undefined ? [] : ['--faked-system-time', at];
    this.gpg([...faked, '--passphrase', '', '--quick-generate-key', `${name} <${name}@example.com>`, algorithm, usage, expires]);
    const listed = this.gpg(['--with-colons', '--list-keys', `${name}@example.com`]).toString();
    return /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? '';
  }

  exportKey(fingerprint: string): string {
    return this.gpg(['--armor', '--export', fingerprint]).toString();
  }

  /** Ends the agent that gpg has started. */
  stop(): void {
    this.run('gpgconf', ['--kill', 'all']);
  }
}
