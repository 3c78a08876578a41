/** Commits in memory, made and signed without any program: for rules about history, paths and numbers of signers. */
import assert from 'node:assert/strict';
import { idOf } from '../../../controller/trust/commit-object.ts';
import type { Judgement } from '../../../controller/trust/judgement.ts';
import type { GitAuthority, Governing, Rules } from '../../../controller/trust/rules.ts';
import { type CommitToVerify, verifyCommit } from '../../../controller/trust/verify-commit.ts';
import { type CraftedKey, craft, publicLine } from './sshsig.ts';
import { withSignature } from './with-signature.ts';

/** Seconds since 1970: 2026-03-01. */
export const start = 1_772_323_200;
export const now = (start + 30 * 86_400) * 1000;

export interface CommitOptions {
  parents?: readonly string[];
  key?: CraftedKey;
  /** Seconds since `start`. */
  at?: number;
  /** Files, each with its content; default: those of the first parent. */
  files?: Record<string, string>;
  message?: string;
}

export class ObjectStore {
  readonly #objects = new Map<string, { type: string; data: Buffer }>();
  readonly #files = new Map<string, Record<string, string>>();
  readonly #filesOf = new Map<string, Record<string, string>>();
  /** How often each was read. */
  readonly reads = new Map<string, number>();

  /** A commit's bytes without a signature. */
  bytes({
    parents = [],
    at = 60 * this.#objects.size,
    files,
    message = `commit ${this.#objects.size}`,
  }: CommitOptions = {}): Buffer {
    const content = files ?? this.#filesOf.get(parents[0] ?? '') ?? {};
    const tree = idOf('tree', Buffer.from(JSON.stringify(content)), 'sha1');
    this.#files.set(tree, content);
    const person = `Test <test@example.com> ${start + at} +0000`;
    const lines = [
      `tree ${tree}`,
      ...parents.map(oid => `parent ${oid}`),
      `author ${person}`,
      `committer ${person}`,
      '',
      message,
      '',
    ];
    return Buffer.from(lines.join('\n'));
  }

  /** Returns the id. */
  commit(o: CommitOptions = {}): string {
    const { parents = [], key, files } = o;
    const bytes = this.bytes(o);
    const oid = this.add('commit', key ? withSignature(bytes, craft(key, bytes)) : bytes);
    this.#filesOf.set(oid, files ?? this.#filesOf.get(parents[0] ?? '') ?? {});
    return oid;
  }

  /** A line of commits; returns their ids. */
  line(keys: readonly (CraftedKey | undefined)[], from?: string): string[] {
    const oids: string[] = [];
    for (const key of keys) {
      const parent = oids.at(-1) ?? from;
      oids.push(this.commit({ ...(key ? { key } : {}), parents: parent === undefined ? [] : [parent] }));
    }
    return oids;
  }

  tag(key: CraftedKey, object: string, name = 'v1'): string {
    const tag = Buffer.from(
      `object ${object}\ntype commit\ntag ${name}\ntagger Test <test@example.com> ${start} +0000\n\n${name}\n`,
    );
    return this.add('tag', Buffer.concat([tag, craft(key, tag)]));
  }

  add(type: string, data: Buffer): string {
    const oid = idOf(type, data, 'sha1');
    this.#objects.set(oid, { type, data });
    return oid;
  }

  /** Puts other bytes under an id. */
  corrupt(oid: string, data: Buffer): void {
    this.#objects.set(oid, { type: 'commit', data });
  }

  remove(oid: string): void {
    this.#objects.delete(oid);
  }

  verify(o: Pick<CommitToVerify, 'commit' | 'rules'> & Partial<CommitToVerify>): Promise<Judgement> {
    return verifyCommit({
      mode: 'Head',
      read: async oid => {
        this.reads.set(oid, (this.reads.get(oid) ?? 0) + 1);
        const object = this.#objects.get(oid);
        if (!object) throw new Error(`${oid} cannot be had`);
        return object;
      },
      diff: (before, after) => Promise.resolve(this.#diff(before, after)),
      now,
      ...o,
    });
  }

  #diff(before: string | undefined, after: string): string[] {
    const [was, is] = [before === undefined ? {} : this.#files.get(before), this.#files.get(after)];
    assert.ok(was && is);
    return [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(path => was[path] !== is[path]);
  }
}

export function ssh(
  name: string,
  keys: readonly CraftedKey[],
  o: { options?: string; paths?: readonly string[]; policy?: string } = {},
): GitAuthority {
  const { options = '', paths, policy = 'p' } = o;
  const allowedSigners = keys.map(key => `${name}@example.com ${options}${publicLine(key)}\n`).join('');
  return { policy, name, kind: 'ssh', allowedSigners, ...(paths ? { paths } : {}) };
}

export function rules(
  authorities: readonly GitAuthority[],
  o: Partial<Governing<GitAuthority>> & Pick<Partial<Rules>, 'revoked'> = {},
): Rules<GitAuthority> {
  const { revoked = [], ...rest } = o;
  const governing = {
    policy: 'p',
    generation: 1,
    mode: 'Enforce',
    require: 'Any',
    exclusive: false,
    attestations: [],
    unread: [],
    authorities,
    ...rest,
  } as const;
  return { subject: 'Git', name: 'git.example.com/x', configured: true, governing: [governing], revoked, basis: 'sha256:0' };
}
