/** Commits that are signed with OpenPGP. */
import type { CorpusCase } from './corpus-case.ts';
import { usualDate } from './corpus-scene.ts';
import { signed } from './tampered-cases.ts';
import { withSignature } from './with-signature.ts';

function by(
  name: string,
  o: Pick<CorpusCase, 'ours' | 'git' | 'stricter'> & { name?: string },
  args: readonly string[] = [],
): CorpusCase {
  return { ...o, name: `OpenPGP: ${o.name ?? name}`, make: scene => signed(scene, {}, scene.signGPG(name, args)) };
}

/** A good signature whose armor is changed. */
function armored(name: string, change: (armor: string) => string, o: Pick<CorpusCase, 'ours' | 'git' | 'stricter'>): CorpusCase {
  return {
    name: `OpenPGP: ${name}`,
    make: scene => {
      const commit = scene.commit();
      return withSignature(commit, Buffer.from(change(scene.signGPG('ed')(commit).toString())));
    },
    ...o,
  };
}

const good = { ours: 'Accepted', git: 'good' } as const;
const bad = (ours: CorpusCase['ours']) => ({ ours, git: 'bad' }) as const;

export const openPGPCases: readonly CorpusCase[] = [
  by('ed', good),
  by('rsa', good),
  by('p256', good),
  by('subkey', good),
  by('ed', { ...good, name: 'with headers in the armor' }, ['--emit-version', '--comment', 'hello']),
  by('ed', { ...good, name: 'over SHA-384' }, ['--digest-algo', 'SHA384']),
  by('rsa', { name: 'over SHA-1', ours: 'Malformed', git: 'good', stricter: 'SHA-1 is too weak' }, ['--digest-algo', 'SHA1']),
  by(
    'rsa',
    {
      name: 'over SHA-224',
      ours: 'Malformed',
      git: 'good',
      stricter: 'nobody needs it, and it is shorter than what else counts',
    },
    ['--digest-algo', 'SHA224'],
  ),
  by('rsa', { name: 'over RIPEMD-160', ours: 'Malformed', git: 'good', stricter: 'the hash is too short' }, [
    '--digest-algo',
    'RIPEMD160',
  ]),
  by('weak', { name: 'RSA of 1,024 bits', ours: 'WeakSignature', git: 'good', stricter: 'the key is too short' }),
  by('dsa', { name: 'DSA', ours: 'WeakSignature', git: 'good', stricter: 'DSA does not count' }),
  by('expired', { ...bad('Expired'), name: 'a key that has expired' }, ['--faked-system-time', '20260110T000000']),
  by('revoked', { ...bad('RevokedKey'), name: 'a key that its owner revoked' }),
  by('mallory', { ours: 'UnknownKey', git: 'good', stricter: 'git takes every key of the keyring' }),
  by('ed', { ...bad('Expired'), name: 'a signature that has expired' }, [
    '--faked-system-time',
    '20260201T000000',
    '--default-sig-expire',
    '2d',
  ]),
  by(
    'ed',
    {
      name: 'a signature from the future',
      ours: 'FutureDate',
      git: 'good',
      stricter: 'the date has not come yet; gpg only warns',
    },
    ['--faked-system-time', '20270301T000000'],
  ),
  {
    name: 'OpenPGP: of a text',
    make: scene => signed(scene, {}, scene.signGPG('ed', ['--textmode'])),
    ours: 'Malformed',
    git: 'good',
    stricter: 'ends of lines are not signed in it',
  },
  {
    name: 'OpenPGP: by two keys',
    make: scene => signed(scene, {}, scene.signGPG('ed', ['--local-user', scene.gpg['rsa'] ?? ''])),
    ours: 'Malformed',
    git: 'bad',
  },
  {
    name: 'OpenPGP: a whole signed message',
    make: scene => {
      const commit = scene.commit();
      const key = scene.gpg['ed'] ?? '';
      const message = scene.tools.gpg(
        ['--armor', '--passphrase', '', '--faked-system-time', String(usualDate), '--local-user', key, '--sign'],
        commit,
      );
      return withSignature(commit, message);
    },
    ours: 'Unsupported',
    git: 'bad',
  },
  armored('truncated armor', armor => armor.slice(0, 90), bad('Malformed')),
  armored('armor without its end', armor => armor.replace(/-----END.*\n/, ''), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'the armor has no end; gpg reads what there is',
  }),
  armored('another checksum', armor => armor.replace(/\n=.{4}\n/, '\n=AAAA\n'), bad('Malformed')),
  armored('no checksum', armor => armor.replace(/\n=.{4}\n/, '\n'), good),
  armored('text after the armor', armor => `${armor}and more\n`, {
    ours: 'Malformed',
    git: 'good',
    stricter: 'gpg reads no further than the end of the armor',
  }),
  armored('a second signature after the armor', armor => `${armor}${armor}`, bad('Malformed')),
  armored('a header in the armor that nobody writes', armor => armor.replace('-----\n', '-----\nTree: x\n'), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'it means nothing',
  }),
  armored('armor with carriage returns', armor => armor.replaceAll('\n', '\r\n'), {
    ours: 'Malformed',
    git: 'good',
    stricter: 'no header has carriage returns',
  }),
  armored(
    'a packet of another kind before it',
    armor => {
      const lines = armor.trimEnd().split('\n');
      const bytes = Buffer.from(lines.slice(2, -2).join(''), 'base64');
      const marker = Buffer.from([0xca, 3, 0x50, 0x47, 0x50]);
      return [
        lines[0],
        '',
        ...(Buffer.concat([marker, bytes])
          .toString('base64')
          .match(/.{1,64}/g) ?? []),
        lines.at(-1),
        '',
      ].join('\n');
    },
    { ours: 'Malformed', git: 'good', stricter: 'a signature is one packet' },
  ),
];
