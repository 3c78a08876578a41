/** Keys, repositories and what makes commits of the corpus. Everything is made anew by each run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ObjectFormat, SigningTools } from './signing-tools.ts';
import { type CraftedKey, ed25519Key, p256Key, publicLine, rsaKey } from './sshsig.ts';

/** Seconds since 1970 of commits, where nothing else is said: 2026-03-01. */
export const usualDate = 1_772_323_200;
/** When the corpus is judged. */
export const judgedAt = usualDate * 1000 + 86_400_000;

export interface CommitParts {
  tree: string;
  parents: readonly string[];
  author: string;
  committer: string;
  /** After committer, each with its end of line. */
  others: string;
  message: string | Uint8Array;
}

export type Sign = (payload: Buffer) => Buffer;

/** Names of keys that ssh-keygen makes. */
const sshTypes = {
  alice: ['ed25519'],
  mallory: ['ed25519'],
  p256: ['ecdsa', 256],
  p384: ['ecdsa', 384],
  p521: ['ecdsa', 521],
  rsa: ['rsa', 2048],
  rsa1024: ['rsa', 1024],
  expired: ['ed25519'],
  early: ['ed25519'],
  files: ['ed25519'],
  either: ['ed25519'],
  revoked: ['ed25519'],
  authority: ['ed25519'],
} as const satisfies Record<string, readonly [string, number?]>;

type SSHName = keyof typeof sshTypes;

export class CorpusScene {
  readonly tools: SigningTools;
  readonly crafted: Readonly<Record<'plain' | 'rsa' | 'p256' | 'token' | 'tokenP256' | 'lax', CraftedKey>>;
  /** Fingerprints of primary keys by name. */
  readonly gpg: Record<string, string> = {};
  readonly tree: Record<ObjectFormat, string>;
  readonly otherTree: string;
  /** A commit without parents. */
  readonly root: Record<ObjectFormat, string>;
  readonly #directory: string;

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), 'gc-'));
    this.tools = new SigningTools(this.#directory, judgedAt / 1000);
    for (const [name, [type, bits]] of Object.entries(sshTypes)) this.tools.sshKey(name, type, bits);
    this.crafted = {
      plain: ed25519Key(),
      rsa: rsaKey(2048),
      p256: p256Key(),
      token: ed25519Key('ssh:'),
      tokenP256: p256Key('ssh:'),
      lax: ed25519Key('ssh:'),
    };
    this.#makeGPGKeys();
    this.tree = { sha1: this.#tree('one', 'sha1'), sha256: this.#tree('one', 'sha256') };
    this.otherTree = this.#tree('two', 'sha1');
    this.root = { sha1: this.#root('sha1'), sha256: this.#root('sha256') };
  }

  stop(): void {
    this.tools.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  ssh(name: SSHName): string {
    return this.tools.path(name);
  }

  /** The file as it is. `noTouch` is the option that ssh-keygen does not know. */
  allowedSigners({ noTouch }: { noTouch: boolean }): string {
    const line = (principals: string, name: SSHName, options = ''): string =>
      `${principals} ${options}${options === '' ? '' : ' '}${this.tools.publicKey(this.ssh(name))}`;
    const crafted = Object.entries(this.crafted).map(([name, key]) => {
      const options = name === 'lax' && noTouch ? 'no-touch-required ' : '';
      return `${name}@example.com ${options}${publicLine(key)}`;
    });
    return [
      '# who may sign',
      '',
      line('alice@example.com', 'alice', 'namespaces="git"'),
      line('"p256@example.com"', 'p256'),
      line('*@example.com,!root@example.com', 'p384', 'namespaces="file,git"'),
      line('p521@example.com', 'p521', 'valid-after="20250101Z",valid-before="20300101Z"'),
      line('rsa@example.com', 'rsa'),
      line('expired@example.com', 'expired', 'valid-before="20260101Z"'),
      line('early@example.com', 'early', 'valid-after="20270101000000Z"'),
      line('files@example.com', 'files', 'namespaces="file"'),
      line('either@example.com', 'either', 'namespaces="g*,!github"'),
      line('revoked@example.com', 'revoked'),
      line('*@example.com', 'authority', 'cert-authority'),
      ...crafted,
      '',
    ].join('\n');
  }

  /** The OpenPGP keys that count: all but mallory's. */
  openPGPKeys(): string[] {
    return Object.entries(this.gpg).flatMap(([name, fingerprint]) =>
      name === 'mallory' ? [] : [this.tools.exportKey(fingerprint)],
    );
  }

  /** A certificate for a new key, and the key's file. */
  certificate(name: string, args: readonly string[]): string {
    const file = this.tools.sshKey(name, 'ed25519');
    this.tools.must('ssh-keygen', ['-q', '-s', this.ssh('authority'), '-I', name, ...args, `${file}.pub`]);
    return file;
  }

  signSSH(name: SSHName, o: { namespace?: string; hash?: string } = {}): Sign {
    return payload => this.tools.sshSign(this.ssh(name), payload, o);
  }

  signGPG(name: string, args: readonly string[] = []): Sign {
    const key = this.gpg[name] ?? name;
    return payload =>
      this.tools.gpg(
        ['--armor', '--passphrase', '', '--faked-system-time', String(usualDate), ...args, '--local-user', key, '--detach-sign'],
        payload,
      );
  }

  parts(given: Partial<CommitParts> = {}, format: ObjectFormat = 'sha1'): CommitParts {
    const person = `Test <test@example.com> ${usualDate} +0100`;
    return {
      tree: this.tree[format],
      parents: given.parents ?? [this.root[format]],
      author: person,
      committer: person,
      others: '',
      message: 'A commit\n\nof two parts\n',
      ...given,
    };
  }

  /** A commit's bytes without a signature. */
  commit(given: Partial<CommitParts> = {}, format: ObjectFormat = 'sha1'): Buffer {
    const { tree, parents, author, committer, others, message } = this.parts(given, format);
    const head = [`tree ${tree}`, ...parents.map(oid => `parent ${oid}`), `author ${author}`, `committer ${committer}`].join(
      '\n',
    );
    return Buffer.concat([Buffer.from(`${head}\n${others}\n`, 'latin1'), Buffer.from(message)]);
  }

  /** A tag's bytes without a signature. */
  tag(
    given: { object?: string; type?: string; name?: string; tagger?: string; message?: string } = {},
    format: ObjectFormat = 'sha1',
  ): Buffer {
    const { object = this.root[format], type = 'commit', name = 'v1', message = 'Version 1\n' } = given;
    const tagger = given.tagger ?? `tagger Test <test@example.com> ${usualDate} +0000\n`;
    return Buffer.from(`object ${object}\ntype ${type}\ntag ${name}\n${tagger}\n${message}`, 'latin1');
  }

  #makeGPGKeys(): void {
    const at = '20250101T000000';
    const make = (name: string, algorithm: string, o: { usage?: string; expires?: string } = {}): void => {
      this.gpg[name] = this.tools.gpgKey(name, algorithm, { at, ...o });
    };
    make('ed', 'ed25519');
    make('rsa', 'rsa3072');
    make('p256', 'nistp256');
    make('mallory', 'ed25519');
    make('expired', 'ed25519', { expires: '2026-01-15' });
    make('weak', 'rsa1024');
    make('dsa', 'dsa2048');
    make('subkey', 'ed25519', { usage: 'cert' });
    make('revoked', 'ed25519');
    const passphrase = ['--faked-system-time', at, '--passphrase', ''];
    this.tools.gpg([...passphrase, '--quick-add-key', this.gpg['subkey'] ?? '', 'ed25519', 'sign', 'never']);
  }

  /** Revokes a key as its owner does: with the certificate that gpg made with it. */
  revokeGPG(name: string): void {
    const fingerprint = this.gpg[name] ?? '';
    const certificate = this.tools.must('cat', [this.tools.path(`gpg/openpgp-revocs.d/${fingerprint}.rev`)]).toString();
    this.tools.gpg(['--import'], certificate.replace(':-----BEGIN', '-----BEGIN'));
  }

  #tree(content: string, format: ObjectFormat): string {
    const blob = this.tools.write('blob', Buffer.from(content), format);
    const entry = Buffer.concat([Buffer.from('100644 file\0'), Buffer.from(blob, 'hex')]);
    return this.tools.write('tree', entry, format);
  }

  #root(format: ObjectFormat): string {
    return this.tools.write('commit', this.commit({ tree: this.tree[format], parents: [], message: 'root\n' }, format), format);
  }
}

/** The bytes, with the first occurrence of a text replaced. */
export function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const at = bytes.indexOf(from);
  if (at < 0) throw new Error(`there is no ${from}`);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(to, 'latin1'), bytes.subarray(at + from.length)]);
}
