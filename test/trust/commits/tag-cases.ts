/** Annotated tags. */
import type { CorpusCase } from './corpus-case.ts';
import { type CorpusScene, type Sign, replaced, usualDate } from './corpus-scene.ts';
import { craft } from './sshsig.ts';

type TagParts = Parameters<CorpusScene['tag']>[0];

function signedTag(scene: CorpusScene, parts: TagParts = {}, sign: Sign = scene.signSSH('alice')): Buffer {
  const tag = scene.tag(parts);
  return Buffer.concat([tag, sign(tag)]);
}

const good = { ours: 'Accepted', git: 'good' } as const;
const bad = (ours: CorpusCase['ours']) => ({ ours, git: 'bad' }) as const;

const cases: readonly Omit<CorpusCase, 'type'>[] = [
  { name: 'SSH', make: scene => signedTag(scene), ...good },
  { name: 'OpenPGP', make: scene => signedTag(scene, {}, scene.signGPG('ed')), ...good },
  { name: 'a security token', make: scene => signedTag(scene, {}, payload => craft(scene.crafted.token, payload)), ...good },
  {
    name: 'SHA-256',
    format: 'sha256',
    make: scene => {
      const tag = scene.tag({}, 'sha256');
      return Buffer.concat([tag, scene.signSSH('alice')(tag)]);
    },
    ...good,
  },
  { name: 'an empty message', make: scene => signedTag(scene, { message: '' }), ...good },
  { name: 'a message with carriage returns', make: scene => signedTag(scene, { message: 'one\r\ntwo\r\n' }), ...good },
  { name: 'a message that is not UTF-8', make: scene => signedTag(scene, { message: 'caf\xe9\n' }), ...good },
  { name: 'unsigned', make: scene => scene.tag(), ...bad('Unsigned') },
  { name: 'by an unknown key', make: scene => signedTag(scene, {}, scene.signSSH('mallory')), ...bad('UnknownKey') },
  { name: 'by an expired key', make: scene => signedTag(scene, {}, scene.signSSH('expired')), ...bad('Expired') },
  {
    name: 'for another namespace',
    make: scene => signedTag(scene, {}, scene.signSSH('alice', { namespace: 'file' })),
    ...bad('WrongNamespace'),
  },
  {
    name: 'the message changed afterwards',
    make: scene => replaced(signedTag(scene), 'Version 1', 'Version 2'),
    ...bad('BadSignature'),
  },
  {
    name: 'the commit changed afterwards',
    make: scene => replaced(signedTag(scene, { object: '0'.repeat(40) }), '0'.repeat(40), scene.root.sha1),
    ...bad('BadSignature'),
  },
  {
    name: 'the name changed afterwards',
    make: scene => replaced(signedTag(scene, { name: 'v0' }), 'tag v0', 'tag v1'),
    ...bad('BadSignature'),
  },
  {
    name: 'renamed',
    make: scene => signedTag(scene, { name: 'v0' }),
    ours: 'RenamedTag',
    git: 'good',
    stricter: 'git verify-tag does not compare the name of the ref; an old tag under a new name would be a way back',
  },
  {
    name: 'a name that begins as the ref does',
    make: scene => signedTag(scene, { name: 'v1.0' }),
    ours: 'RenamedTag',
    git: 'good',
    stricter: 'as of a renamed one',
  },
  {
    name: 'of a tree',
    make: scene => signedTag(scene, { type: 'tree', object: scene.tree.sha1 }),
    ours: 'NestedTag',
    git: 'good',
    stricter: 'only commits are applied',
  },
  {
    name: 'of a tag',
    make: scene => signedTag(scene, { type: 'tag', object: scene.tools.write('tag', signedTag(scene), 'sha1') }),
    ours: 'NestedTag',
    git: 'good',
    stricter: 'git verify-tag checks the outer tag only',
  },
  {
    name: 'of another commit',
    make: scene => signedTag(scene, { object: scene.tools.write('commit', scene.commit({ message: 'other' }), 'sha1') }),
    ours: 'NestedTag',
    git: 'good',
    stricter: 'it says nothing of the commit that is applied',
  },
  {
    name: 'without a tagger',
    make: scene => signedTag(scene, { tagger: '' }),
    ...bad('Malformed'),
  },
  {
    name: 'two signatures',
    make: scene => {
      const tag = scene.tag();
      const signature = scene.signSSH('alice')(tag);
      return Buffer.concat([tag, signature, signature]);
    },
    ...bad('Malformed'),
  },
  {
    name: 'a good signature after one of another key',
    make: scene => {
      const tag = scene.tag();
      const once = Buffer.concat([tag, scene.signSSH('mallory')(tag)]);
      return Buffer.concat([once, scene.signSSH('alice')(once)]);
    },
    ours: 'Malformed',
    git: 'good',
    stricter: 'git checks the last one; a tag has one',
  },
  {
    name: 'text after the signature',
    make: scene => Buffer.concat([signedTag(scene), Buffer.from('and more\n')]),
    ours: 'Malformed',
    git: 'good',
    stricter: 'ssh-keygen reads no further than the end of the armor',
  },
  {
    name: 'two objects',
    make: scene => signedTag(scene, { object: `${scene.root.sha1}\nobject ${scene.root.sha1}` }),
    ours: 'Malformed',
    git: 'good',
    stricter: 'the bytes could be read in two ways',
  },
  {
    name: 'a header after tagger',
    make: scene => signedTag(scene, { tagger: `tagger Test <test@example.com> ${usualDate} +0000\nobject ${'0'.repeat(40)}\n` }),
    ours: 'Malformed',
    git: 'good',
    stricter: 'the bytes could be read in two ways',
  },
  {
    name: 'a header gpgsig',
    make: scene => replaced(signedTag(scene), '\n\nVersion', '\ngpgsig x\n\nVersion'),
    ours: 'Malformed',
    git: 'good',
    stricter: 'git leaves it out of what is signed, so anybody can add it',
  },
  {
    name: 'a NUL in the message',
    make: scene => signedTag(scene, { message: 'a\0b\n' }),
    ours: 'Malformed',
    git: 'good',
    stricter: 'some programs stop reading there',
  },
];

export const tagCases: readonly CorpusCase[] = cases.map(entry => ({ ...entry, name: `tag: ${entry.name}`, type: 'tag' }));
