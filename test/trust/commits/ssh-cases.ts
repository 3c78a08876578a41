/** Commits that are signed with SSH: each kind of key, what allowed signers say of it, and signatures that no ssh-keygen makes. */
import type { CorpusCase } from './corpus-case.ts';
import { type CorpusScene, type Sign, replaced, usualDate } from './corpus-scene.ts';
import { type CraftedKey, type Crafting, craft } from './sshsig.ts';
import { signed } from './tampered-cases.ts';
import { withSignature } from './with-signature.ts';

type CraftedName = keyof CorpusScene['crafted'];

function by(
  name: Parameters<CorpusScene['signSSH']>[0],
  o: Partial<CorpusCase> & Pick<CorpusCase, 'ours' | 'git'>,
  options = {},
): CorpusCase {
  return { name: `SSH: ${name}`, make: scene => signed(scene, {}, scene.signSSH(name, options)), ...o };
}

function byCrafted(
  name: string,
  key: CraftedName,
  o: Pick<CorpusCase, 'ours' | 'git' | 'stricter'>,
  crafting: (key: CraftedKey) => Crafting = () => ({}),
): CorpusCase {
  const sign =
    (scene: CorpusScene): Sign =>
    payload =>
      craft(scene.crafted[key], payload, crafting(scene.crafted[key]));
  return { name: `SSH: ${name}`, make: scene => signed(scene, {}, sign(scene)), ...o };
}

/** A good signature whose armor is changed. */
function armored(name: string, change: (armor: string) => string, o: Pick<CorpusCase, 'ours' | 'git' | 'stricter'>): CorpusCase {
  return {
    name: `SSH: ${name}`,
    make: scene => {
      const commit = scene.commit();
      return withSignature(commit, Buffer.from(change(scene.signSSH('alice')(commit).toString())));
    },
    ...o,
  };
}

function certified(name: string, args: readonly string[], o: Pick<CorpusCase, 'ours' | 'git' | 'stricter'>): CorpusCase {
  return {
    name: `SSH: a certificate ${name}`,
    make: scene => {
      const file = scene.certificate(`certified-${name.replaceAll(/\W/g, '-')}`, args);
      return signed(scene, {}, payload => scene.tools.sshSign(`${file}-cert.pub`, payload));
    },
    ...o,
  };
}

const good = { ours: 'Accepted', git: 'good' } as const;
const bad = (ours: CorpusCase['ours']) => ({ ours, git: 'bad' }) as const;

export const sshCases: readonly CorpusCase[] = [
  by('alice', good),
  by('alice', { ...good, name: 'SSH: over SHA-256' }, { hash: 'sha256' }),
  by('p256', good),
  by('p384', good),
  by('p521', good),
  by('rsa', good),
  by('either', { ...good, name: 'SSH: a pattern of namespaces' }),
  by('mallory', bad('UnknownKey')),
  by('rsa1024', bad('Malformed')),
  by('expired', bad('Expired')),
  by('early', bad('NotYetValid')),
  by('files', bad('WrongNamespace')),
  by('revoked', { ours: 'RevokedKey', git: 'good', stricter: 'a policy revokes the key, which git was not told' }),
  by('alice', { ...bad('WrongNamespace'), name: 'SSH: signed for another namespace' }, { namespace: 'file' }),
  by('authority', { ...bad('UnknownKey'), name: 'SSH: the key of an authority itself' }),
  {
    name: 'SSH: an expired key, with a date at which it counted',
    make: scene => {
      const person = `Test <test@example.com> ${usualDate - 90 * 86_400} +0000`;
      return signed(scene, { author: person, committer: person }, scene.signSSH('expired'));
    },
    ours: 'Expired',
    git: 'good',
    stricter: 'whoever has the key chooses the date, so that of a new commit excuses no key that is expired now',
  },
  {
    name: 'SSH: a key that does not count yet, with a date at which it will',
    make: scene => {
      const person = `Test <test@example.com> ${usualDate + 400 * 86_400} +0000`;
      return signed(scene, { author: person, committer: person }, scene.signSSH('early'));
    },
    ours: 'FutureDate',
    git: 'good',
    stricter: 'the date has not come yet',
  },
  {
    name: 'SSH: a date in the future',
    make: scene => signed(scene, { committer: `Test <test@example.com> ${usualDate + 10 * 86_400} +0000` }),
    ours: 'FutureDate',
    git: 'good',
    stricter: 'the date has not come yet',
  },
  byCrafted('a crafted signature as ssh-keygen makes it', 'plain', good),
  byCrafted('crafted over P-256', 'p256', good),
  byCrafted('crafted, RSA over SHA-256', 'rsa', good, () => ({ signatureType: 'rsa-sha2-256' })),
  byCrafted('RSA over SHA-1', 'rsa', bad('Malformed'), () => ({ signatureType: 'ssh-rsa' })),
  byCrafted('the message over SHA-1', 'plain', bad('Malformed'), () => ({ hash: 'sha1' })),
  byCrafted('the message over SHA-384', 'plain', bad('Malformed'), () => ({ hash: 'sha384' })),
  byCrafted('version 2', 'plain', bad('Malformed'), () => ({ version: 2 })),
  byCrafted(
    'something in the reserved field',
    'plain',
    { ours: 'Malformed', git: 'good', stricter: 'the field is not signed, so anybody can fill it' },
    () => ({ reserved: 'x' }),
  ),
  byCrafted('an empty namespace', 'plain', bad('WrongNamespace'), () => ({ namespace: '' })),
  byCrafted('a namespace that begins as git does', 'plain', bad('WrongNamespace'), () => ({ namespace: 'github' })),
  byCrafted('bytes after the last field', 'plain', bad('Malformed'), () => ({ extra: Buffer.from('x') })),
  byCrafted('a signature of another kind than its key', 'plain', bad('Malformed'), () => ({
    signatureType: 'sk-ssh-ed25519@openssh.com',
  })),
  byCrafted('a security token, touched', 'token', good),
  byCrafted('a security token, touched and verified', 'token', good, () => ({ flags: 5 })),
  byCrafted('a security token over P-256, touched', 'tokenP256', good),
  byCrafted(
    'a security token, not touched',
    'token',
    { ours: 'NoTouch', git: 'good', stricter: 'ssh-keygen does not ask for a touch' },
    () => ({ flags: 0 }),
  ),
  byCrafted(
    'a security token over P-256, not touched',
    'tokenP256',
    { ours: 'NoTouch', git: 'good', stricter: 'ssh-keygen does not ask for a touch' },
    () => ({ flags: 4 }),
  ),
  byCrafted('a security token that need not be touched, not touched', 'lax', good, () => ({ flags: 0 })),
  {
    name: 'SSH: the key of another signature in its place',
    make: scene => signed(scene, {}, payload => craft(scene.crafted.plain, payload, { blob: scene.crafted.p256.blob })),
    ours: 'Malformed',
    git: 'bad',
  },
  armored('truncated armor', armor => armor.slice(0, 120), bad('Malformed')),
  armored('armor without its end', armor => armor.replace(/-----END.*\n/, ''), bad('Malformed')),
  armored('text after the armor', armor => `${armor}and more\n`, {
    ours: 'Malformed',
    git: 'good',
    stricter: 'ssh-keygen reads no further than the end of the armor',
  }),
  armored('a second signature after the armor', armor => `${armor}${armor}`, {
    ours: 'Malformed',
    git: 'good',
    stricter: 'ssh-keygen reads no further than the end of the armor',
  }),
  armored('armor with carriage returns', armor => armor.replaceAll('\n', '\r\n'), bad('Malformed')),
  armored('armor with spaces', armor => armor.replace(/\n(.)/, '\n $1'), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'no program writes spaces there',
  }),
  armored('base64 that is cut', armor => armor.replace(/.{4}\n-----END/, '\n-----END'), bad('Malformed')),
  certified('of its principal', ['-n', 'carol@example.com', '-V', '20250101:20300101'], good),
  certified('for ever', ['-n', 'carol@example.com'], good),
  certified('of another principal', ['-n', 'carol@other.org'], bad('WrongPrincipal')),
  certified('without principals', [], bad('WrongPrincipal')),
  certified('that has expired', ['-n', 'carol@example.com', '-V', '20250101:20260101'], bad('Expired')),
  certified('that does not count yet', ['-n', 'carol@example.com', '-V', '20270101:20300101'], bad('NotYetValid')),
  certified('of a host', ['-h', '-n', 'carol@example.com'], bad('Malformed')),
  certified('with a critical option', ['-n', 'carol@example.com', '-O', 'force-command=/bin/true'], {
    ours: 'Malformed',
    git: 'good',
    stricter: 'the option limits what the key may do, and not to this',
  }),
  {
    name: 'SSH: a certificate of an authority that nobody knows',
    make: scene => {
      const file = scene.tools.sshKey('foreign', 'ed25519');
      scene.tools.must('ssh-keygen', ['-q', '-s', scene.ssh('mallory'), '-I', 'x', '-n', 'carol@example.com', `${file}.pub`]);
      return signed(scene, {}, payload => scene.tools.sshSign(`${file}-cert.pub`, payload));
    },
    ...bad('UnknownKey'),
  },
  {
    name: 'SSH: a certificate whose principals were changed',
    make: scene => {
      const file = scene.certificate('changed', ['-n', 'carol@other.org']);
      const signature = scene.tools.sshSign(`${file}-cert.pub`, scene.commit());
      const lines = signature.toString().split('\n');
      const bytes = Buffer.from(lines.slice(1, -2).join(''), 'base64');
      const encoded = replaced(bytes, 'carol@other.org', 'ca@example.com\0').toString('base64');
      return withSignature(scene.commit(), Buffer.from([lines[0], encoded, lines.at(-2), ''].join('\n')));
    },
    ...bad('Malformed'),
  },
];
