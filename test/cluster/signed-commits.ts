/** Commits and tags in a repository of the tests, signed after they were made: by keys of node:crypto, without ssh-keygen. */
import { type CraftedKey, craft } from '../trust/commits/sshsig.ts';
import { withSignature } from '../trust/commits/with-signature.ts';
import { type GitRepository, git } from './git-repository.ts';

/** Signs what the branch's head is and points the branch at the signed commit, which it returns. */
export async function signHead(repository: GitRepository, key: CraftedKey, branch = 'main'): Promise<string> {
  const bytes = await rawCommit(repository, branch);
  const oid = await writeObject(repository, 'commit', withSignature(bytes, craft(key, bytes)));
  await repository.reset(branch, oid);
  return oid;
}

/** A merge of a branch into another, with the tree of the merged one, signed. */
export async function signedMerge(repository: GitRepository, key: CraftedKey, merged: string, branch = 'main'): Promise<string> {
  const [head, other] = await Promise.all([branch, merged].map(name => repository.git('rev-parse', `refs/heads/${name}`)));
  const tree = await repository.git('rev-parse', `${other}^{tree}`);
  const time = await repository.git('log', '-1', '--format=%ct', other ?? '');
  const person = `Test <test@example.com> ${Number(time) + 60} +0000`;
  const lines = [`tree ${tree}`, `parent ${head}`, `parent ${other}`, `author ${person}`, `committer ${person}`, '', 'Merge', ''];
  const bytes = Buffer.from(lines.join('\n'));
  const oid = await writeObject(repository, 'commit', withSignature(bytes, craft(key, bytes)));
  await repository.reset(branch, oid);
  return oid;
}

/** A signed tag of a commit, under a name that may be another than it calls itself. */
export async function signedTag(
  repository: GitRepository,
  key: CraftedKey,
  { name, ref = name, oid }: { name: string; ref?: string; oid: string },
): Promise<string> {
  const time = await repository.git('log', '-1', '--format=%ct', oid);
  const tag = Buffer.from(`object ${oid}\ntype commit\ntag ${name}\ntagger Test <test@example.com> ${time} +0000\n\n${name}\n`);
  const object = await writeObject(repository, 'tag', Buffer.concat([tag, craft(key, tag)]));
  await repository.git('update-ref', `refs/tags/${ref}`, object);
  return object;
}

async function rawCommit(repository: GitRepository, branch: string): Promise<Buffer> {
  // What git prints is trimmed, and a commit ends with the end of a line.
  return Buffer.from(`${await repository.git('cat-file', 'commit', `refs/heads/${branch}`)}\n`);
}

function writeObject(repository: GitRepository, type: 'commit' | 'tag', bytes: Buffer): Promise<string> {
  return git(repository.path, ['hash-object', '-w', '-t', type, '--stdin'], bytes);
}
