/** Every commit and tag of the corpus, judged by us and by git: we say the same, or are stricter and know why. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseCommit } from '../../../controller/source/git-object.ts';
import { MalformedObject, parseCommitObject } from '../../../controller/trust/commit-object.ts';
import { isAllowed } from '../../../controller/trust/judgement.ts';
import type { GitAuthority, Rules } from '../../../controller/trust/rules.ts';
import { fingerprintOfSSH } from '../../../controller/trust/fingerprint.ts';
import { verifyCommit } from '../../../controller/trust/verify-commit.ts';
import { programPath } from '../../cluster/program-root.ts';
import type { CorpusCase } from './corpus-case.ts';
import { CorpusScene, judgedAt } from './corpus-scene.ts';
import { openPGPCases } from './openpgp-cases.ts';
import { sshCases } from './ssh-cases.ts';
import { tagCases } from './tag-cases.ts';
import { tamperedCases } from './tampered-cases.ts';

const corpus: readonly CorpusCase[] = [...sshCases, ...openPGPCases, ...tamperedCases, ...tagCases];

const missing = ['gpg', 'ssh-keygen'].find(program => programPath(program) === undefined);

describe(
  'the corpus of commits and tags',
  { skip: !process.env['CI'] && missing !== undefined && `${missing} not installed` },
  () => {
    let scene: CorpusScene;
    let rules: Rules<GitAuthority>;
    const objects = new Map<CorpusCase, { oid: string; data: Buffer }>();
    before(() => {
      scene = new CorpusScene();
      for (const entry of corpus) {
        const data = entry.make(scene);
        objects.set(entry, { data, oid: scene.tools.write(entry.type ?? 'commit', data, entry.format ?? 'sha1') });
      }
      scene.revokeGPG('revoked');
      rules = rulesOf(scene);
    });
    after(() => scene.stop());

    test('has what it should have', () => {
      assert.ok(corpus.length >= 80, String(corpus.length));
      assert.equal(new Set(corpus.map(({ name }) => name)).size, corpus.length, 'two cases have one name');
      for (const { name, ours, git, stricter } of corpus) {
        const differs = ours !== 'Accepted' && git === 'good';
        assert.equal(stricter !== undefined, differs, `${name}: what differs from git has to be explained, and nothing else`);
        assert.ok(ours !== 'Accepted' || git === 'good', `${name}: we would be laxer than git`);
      }
    });

    for (const entry of corpus) {
      test(`${entry.name}: ${entry.ours}`, async () => {
        const { oid } = objects.get(entry) ?? { oid: '' };
        const { type = 'commit', format = 'sha1', ref = 'v1' } = entry;
        const judgement = await verifyCommit({
          rules,
          mode: type === 'tag' ? 'Tag' : 'Head',
          ...(type === 'tag' ? { tag: { name: ref, oid } } : {}),
          commit: type === 'tag' ? scene.root[format] : oid,
          read: async id => {
            const kind = id === oid ? type : 'commit';
            return { type: kind, data: scene.tools.read(kind, id, format) };
          },
          diff: () => Promise.resolve([]),
          now: judgedAt,
        });
        const said = JSON.stringify(judgement, null, 1);
        const found = judgement.candidates.filter(({ digest }) => digest === oid);
        assert.ok(found.length > 0, said);
        assert.ok(
          found.some(({ reason }) => reason === entry.ours),
          said,
        );
        assert.equal(isAllowed(judgement), entry.ours === 'Accepted', said);
        const isGood = scene.tools.isGood(type, oid, { format, allowedSigners: scene.allowedSigners({ noTouch: false }) });
        assert.equal(isGood ? 'good' : 'bad', entry.git, 'what git says');
      });
    }

    test('what we take is read by the source as it was signed', () => {
      for (const [{ type, format = 'sha1' }, { oid, data }] of objects) {
        if (type === 'tag' || format !== 'sha1') continue;
        try {
          const { tree, parents } = parseCommitObject(data, format);
          assert.deepEqual(parseCommit(oid, data), { tree, parents: [...parents] });
        } catch (error) {
          if (!(error instanceof MalformedObject)) throw error;
        }
      }
    });
  },
);

function rulesOf(scene: CorpusScene): Rules<GitAuthority> {
  const policy = 'corpus';
  const [, base64 = ''] = scene.tools.publicKey(scene.ssh('revoked')).split(' ');
  return {
    subject: 'Git',
    name: 'git.example.com/corpus',
    configured: true,
    revoked: [{ fingerprint: fingerprintOfSSH(Buffer.from(base64, 'base64')), policy }],
    basis: 'sha256:0',
    governing: [
      {
        policy,
        generation: 1,
        mode: 'Enforce',
        require: 'Any',
        exclusive: false,
        attestations: [],
        unread: [],
        authorities: [
          { policy, name: 'ssh', kind: 'ssh', allowedSigners: scene.allowedSigners({ noTouch: true }) },
          { policy, name: 'openpgp', kind: 'openPGP', keys: scene.openPGPKeys() },
        ],
      },
    ],
  };
}
