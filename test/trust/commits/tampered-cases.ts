/** Good signatures over what was changed afterwards, and over what could be read in two ways. */
import type { CorpusCase } from './corpus-case.ts';
import { type CommitParts, type CorpusScene, type Sign, replaced, usualDate } from './corpus-scene.ts';
import type { ObjectFormat } from './signing-tools.ts';
import { withSignature } from './with-signature.ts';

const when = `${usualDate} +0100`;
const person = `Test <test@example.com> ${when}`;

export function signed(scene: CorpusScene, parts: Partial<CommitParts> = {}, sign: Sign = scene.signSSH('alice')): Buffer {
  const commit = scene.commit(parts);
  return withSignature(commit, sign(commit));
}

export function signedSHA256(scene: CorpusScene, sign: Sign): Buffer {
  const commit = scene.commit({}, 'sha256');
  return withSignature(commit, sign(commit), 'gpgsig-sha256');
}

/** A commit whose bytes are changed after it was signed. */
function changed(name: string, from: (scene: CorpusScene) => [string, string]): CorpusCase[] {
  return (['SSH', 'OpenPGP'] as const).map(form => ({
    name: `${form}: ${name} changed afterwards`,
    make: scene => replaced(signed(scene, {}, form === 'SSH' ? scene.signSSH('alice') : scene.signGPG('ed')), ...from(scene)),
    ours: 'BadSignature',
    git: 'bad',
  }));
}

/** A commit that is signed as it is, however it is made. */
function crafted(
  name: string,
  make: (commit: Buffer, scene: CorpusScene) => Buffer,
  o: Pick<CorpusCase, 'git' | 'stricter' | 'ours'>,
): CorpusCase {
  return {
    name,
    make: scene => {
      const commit = make(scene.commit(), scene);
      return withSignature(commit, scene.signSSH('alice')(commit));
    },
    ...o,
  };
}

const twoWays = 'the bytes could be read in two ways, and git looks at the signature only';

const duplicates: CorpusCase[] = [
  crafted('a second tree after the first', (c, s) => replaced(c, '\nparent', `\ntree ${s.otherTree}\nparent`), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('a second tree after committer', (c, s) => replaced(c, '\n\nA commit', `\ntree ${s.otherTree}\n\nA commit`), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('a parent after committer', (c, s) => replaced(c, '\n\nA commit', `\nparent ${s.root.sha1}\n\nA commit`), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('a parent between author and committer', (c, s) => replaced(c, '\ncommitter', `\nparent ${s.root.sha1}\ncommitter`), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('two authors', c => replaced(c, '\ncommitter', `\nauthor Mallory <m@example.com> ${when}\ncommitter`), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('two committers', c => replaced(c, '\n\nA commit', `\ncommitter Mallory <m@example.com> ${when}\n\nA commit`), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('two encodings', c => replaced(c, '\n\nA commit', '\nencoding ISO-8859-1\nencoding UTF-8\n\nA commit'), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('a header of our own that comes twice', c => replaced(c, '\n\nA commit', '\nreview a\nreview b\n\nA commit'), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('committer before author', c => replaced(replaced(c, 'author', 'xuthor'), 'committer', 'author').subarray(0), {
    ours: 'Malformed',
    git: 'bad',
  }),
  crafted(
    'author before parent',
    (c, s) =>
      Buffer.from(
        c.toString('latin1').replace(`parent ${s.root.sha1}\nauthor ${person}`, `author ${person}\nparent ${s.root.sha1}`),
        'latin1',
      ),
    { ours: 'Malformed', git: 'good', stricter: twoWays },
  ),
  crafted('encoding before author', c => replaced(c, '\nauthor', '\nencoding UTF-8\nauthor'), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('no author', c => Buffer.from(c.toString('latin1').replace(`author ${person}\n`, ''), 'latin1'), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'git fsck refuses it, git verify-commit does not look',
  }),
  crafted('no tree', (c, s) => replaced(c, `tree ${s.tree.sha1}\n`, ''), { ours: 'Malformed', git: 'bad' }),
  crafted('a tree that goes on in a second line', c => replaced(c, '\nparent', '\n more\nparent'), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('an author that goes on in a second line', c => replaced(c, '\ncommitter', '\n more\ncommitter'), {
    ours: 'Malformed',
    git: 'good',
    stricter: twoWays,
  }),
  crafted('a tree in capitals', (c, s) => replaced(c, s.tree.sha1, s.tree.sha1.toUpperCase()), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'git writes ids in lower case',
  }),
  crafted(
    'a carriage return at the end of the headers',
    c => Buffer.from(c.toString('latin1').replace(`${when}\nauthor`, '').replaceAll(`${when}\n`, `${when}\r\n`), 'latin1'),
    { ours: 'Malformed', git: 'good', stricter: twoWays },
  ),
  crafted('a NUL in the message', c => replaced(c, 'of two parts', 'of two\0parts'), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'some programs stop reading there',
  }),
  crafted('a NUL in the author', c => replaced(c, 'Test <', 'Te\0st <'), { ours: 'Malformed', git: 'bad' }),
  crafted('a header without a value', c => replaced(c, '\n\nA commit', '\nreview\n\nA commit'), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'no program of git writes it',
  }),
  crafted('an author without an address', c => replaced(c, 'author Test <test@example.com>', 'author Test'), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'git fsck refuses it, git verify-commit does not look',
  }),
  crafted(
    'a date that is no number',
    c => replaced(c, `committer Test <test@example.com> ${usualDate}`, 'committer Test <test@example.com> soon'),
    { ours: 'Malformed', git: 'good', stricter: 'git fsck refuses it, git verify-commit does not look' },
  ),
  crafted(
    'a date with leading zeros',
    c => replaced(c, `committer Test <test@example.com> ${usualDate}`, `committer Test <test@example.com> 0${usualDate}`),
    { ours: 'Malformed', git: 'good', stricter: 'git fsck refuses it, git verify-commit does not look' },
  ),
];

const twice: CorpusCase[] = [
  {
    name: 'two gpgsig headers, one over both',
    make: scene => {
      const commit = scene.commit();
      const signature = scene.signSSH('alice')(commit);
      return withSignature(withSignature(commit, signature), signature);
    },
    ours: 'Malformed',
    git: 'good',
    stricter: 'git puts the signatures together and ssh-keygen reads the first; a commit has one',
  },
  {
    name: 'a good signature after one of another key',
    make: scene => {
      const commit = scene.commit();
      return withSignature(withSignature(commit, scene.signSSH('mallory')(commit)), scene.signSSH('alice')(commit));
    },
    ours: 'Malformed',
    git: 'bad',
  },
  {
    name: 'gpgsig and gpgsig-sha256',
    make: scene => {
      const commit = scene.commit();
      const signature = scene.signSSH('alice')(commit);
      return withSignature(withSignature(commit, signature, 'gpgsig-sha256'), signature);
    },
    ours: 'Malformed',
    git: 'good',
    stricter: 'git leaves the other header out of what is signed and does not check it, so anybody can change it',
  },
  {
    name: 'gpgsig-sha256 alone in a repository of SHA-1',
    make: scene => withSignature(scene.commit(), scene.signSSH('alice')(scene.commit()), 'gpgsig-sha256'),
    ours: 'Malformed',
    git: 'bad',
  },
  {
    name: 'a header that begins as gpgsig does',
    make: scene => replaced(signed(scene), '\n\nA commit', '\ngpgsigx anything\n\nA commit'),
    ours: 'Malformed',
    git: 'good',
    stricter: 'git leaves it out of what is signed, so anybody can add it',
  },
  {
    name: 'a signature before author',
    make: scene => {
      const commit = scene.commit();
      const folded = scene.signSSH('alice')(commit).toString().trimEnd().replaceAll('\n', '\n ');
      return replaced(commit, '\nauthor', `\ngpgsig ${folded}\nauthor`);
    },
    ours: 'Malformed',
    git: 'good',
    stricter: 'git takes the header out wherever it is; it writes it after committer',
  },
  { name: 'unsigned', make: scene => scene.commit(), ours: 'Unsigned', git: 'bad' },
  {
    name: 'unsigned, with a signature in the message',
    make: scene => scene.commit({ message: scene.signSSH('alice')(scene.commit()) }),
    ours: 'Unsigned',
    git: 'bad',
  },
  {
    name: 'the signature of another commit',
    make: scene => withSignature(scene.commit(), scene.signSSH('alice')(scene.commit({ tree: scene.otherTree }))),
    ours: 'BadSignature',
    git: 'bad',
  },
  {
    name: 'X.509',
    make: scene =>
      withSignature(scene.commit(), Buffer.from('-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n')),
    ours: 'Unsupported',
    git: 'bad',
  },
  {
    name: 'something that is no signature',
    make: scene => withSignature(scene.commit(), Buffer.from('signed, sealed, delivered\n')),
    ours: 'Unsupported',
    git: 'bad',
  },
];

const good: readonly Partial<CorpusCase & { parts: (scene: CorpusScene) => Partial<CommitParts> }>[] = [
  { name: 'without a parent', parts: () => ({ parents: [] }) },
  { name: 'a merge', parts: scene => ({ parents: [scene.root.sha1, scene.root.sha1.replace(/^./, '0')] }) },
  { name: 'an empty message', parts: () => ({ message: '' }) },
  { name: 'a message without an end of line', parts: () => ({ message: 'one line' }) },
  { name: 'a message with carriage returns', parts: () => ({ message: 'one\r\ntwo\r\n' }) },
  { name: 'a message that is not UTF-8', parts: () => ({ message: Buffer.from([0xe9, 0xff, 0xfe, 0x0a]) }) },
  { name: 'a message that quotes headers', parts: () => ({ message: `tree ${'0'.repeat(40)}\n\ngpgsig x\n` }) },
  {
    name: 'an author in Latin-1, with encoding',
    parts: () => ({ author: `Ren\xe9 <r@example.com> ${when}`, others: 'encoding ISO-8859-1\n' }),
  },
  { name: 'a header of another program', parts: () => ({ others: 'change-id zyxwvuts\n' }) },
  { name: 'a header of several lines', parts: () => ({ others: 'notes one\n two\n \n three\n' }) },
];

/** A merge of a signed tag, as git merge makes it. */
function withMergetag(scene: CorpusScene, message: string): Buffer {
  const tag = scene.tag({ message });
  const whole = Buffer.concat([tag, scene.signSSH('mallory')(tag)])
    .toString('latin1')
    .trimEnd();
  return signed(scene, { others: `mergetag ${whole.replaceAll('\n', '\n ')}\n` });
}

export const tamperedCases: readonly CorpusCase[] = [
  ...changed('the message', () => ['A commit', 'B commit']),
  ...changed('the author', () => ['author Test', 'author Tess']),
  ...changed('the time', () => [
    `committer Test <test@example.com> ${usualDate}`,
    `committer Test <test@example.com> ${usualDate + 1}`,
  ]),
  ...changed('the tree', scene => [scene.tree.sha1, scene.otherTree]),
  ...changed('the parent', scene => [scene.root.sha1, scene.root.sha1.replace(/^./, c => (c === '0' ? '1' : '0'))]),
  ...changed('a parent left out', scene => [`parent ${scene.root.sha1}\n`, '']),
  ...duplicates,
  ...twice,
  ...good.map(({ name = '', parts }): CorpusCase => ({
    name: `good: ${name}`,
    make: scene => signed(scene, parts?.(scene)),
    ours: 'Accepted',
    git: 'good',
  })),
  { name: 'good: a merged tag', make: scene => withMergetag(scene, 'A tag\n'), ours: 'Accepted', git: 'good' },
  {
    name: 'good: a merged tag with carriage returns',
    make: scene => withMergetag(scene, 'A tag\r\nof two\r\n'),
    ours: 'Accepted',
    git: 'good',
  },
  ...(['alice', 'ed'] as const).map((key): CorpusCase => ({
    name: `good: SHA-256, ${key}`,
    format: 'sha256' satisfies ObjectFormat,
    make: scene => signedSHA256(scene, key === 'ed' ? scene.signGPG('ed') : scene.signSSH('alice')),
    ours: 'Accepted',
    git: 'good',
  })),
  {
    name: 'SHA-256 with gpgsig only',
    format: 'sha256',
    make: scene => withSignature(scene.commit({}, 'sha256'), scene.signSSH('alice')(scene.commit({}, 'sha256'))),
    ours: 'Malformed',
    git: 'bad',
  },
];
