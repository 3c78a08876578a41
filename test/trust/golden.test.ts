/** What the real cosign wrote (test/trust/golden, made by make-golden.ts) is accepted, and nothing of it for another key, image or identity. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TrustPolicySpec, TrustPolicySpecAuthority } from '../../controller/api/trust-policy.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import type { Judgement } from '../../controller/trust/judgement.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { createJudge, type Judge, kinds, wordsOf } from './corpus/cases.ts';
import { provenancePredicate } from './corpus/envelope.ts';
import { newKey } from './corpus/keys.ts';
import { keyed, keyless, policyOf } from './corpus/policies.ts';
import { digestOf, Repository } from './corpus/repository.ts';
import { readRecording, type RecordedImage, replay } from './recording.ts';

const spdx = 'https://spdx.dev/Document';
const key = (name: string, pem = '', o: object = {}): TrustPolicySpecAuthority => ({
  name,
  key: { data: pem, transparencyLog: 'Ignored', ...o },
});

/** What somebody does who wants it to count for another image: tags and subjects are of that, what is signed stays. */
function movedTo(image: RecordedImage, digest: string): RecordedImage {
  const names = new Map<string, string>();
  const manifests = image.manifests.map(({ tag, text = '', ...manifest }) => {
    const about = text.replaceAll(image.digest, digest);
    names.set(manifest.digest, digestOf(Buffer.from(about)));
    const moved = tag?.replace(image.digest.replace(':', '-'), digest.replace(':', '-'));
    return { ...manifest, text: about, ...(moved === undefined ? {} : { tag: moved }) };
  });
  const referrers = image.referrers.map(entry => ({ ...entry, digest: names.get(String(entry['digest'])) }));
  return { ...image, digest, manifests, referrers };
}

for (const kind of kinds) {
  void describe(`recordings of cosign, on a registry with ${kind === 'referrers' ? 'the referrers API' : 'referrers tags'}`, () => {
    let server: RegistryServer;
    let registry: Registry;
    let judge: Judge;
    before(async () => {
      server = await startRegistry({ kind });
      registry = clientOf(server.host);
      judge = createJudge(registry);
    });
    after(async () => {
      await judge.close();
      await registry.close();
      await server.stop();
    });

    let repositories = 0;

    /** What is made of an image, under one policy of these authorities. */
    async function judged(
      image: RecordedImage,
      authorities: TrustPolicySpecAuthority[],
      o: Partial<TrustPolicySpec> & { digest?: string } = {},
    ): Promise<Judgement> {
      const { digest = image.digest, ...spec } = o;
      const repository = new Repository(server.host, `os/golden-${++repositories}`);
      await replay({ ...image, digest }, repository);
      return judge.judge({
        image: { repository, reference: `${repository.name}@${digest}` },
        policies: [policyOf(repository.name, authorities, spec)],
      });
    }

    for (const name of ['p-256', 'p-384', 'p-521', 'rsa-3072', 'ed25519']) {
      const { keys, images } = readRecording(name);
      const release = key('release', keys['release']);
      for (const image of images) {
        void test(`${name}: ${image.name}`, async () => {
          const attested = image.name.startsWith('attestation');
          const attestations = attested
            ? [
                {
                  predicateType: provenancePredicate,
                  builder: 'https://builder.example.com/one',
                  source: 'https://git.example.com/os',
                },
              ]
            : [];
          const judgement = await judged(image, [release], { attestations });
          assert.equal(judgement.decision, 'Trusted', wordsOf(judgement));
          assert.equal(judgement.signers.length, attested ? 2 : 1, wordsOf(judgement));

          const stranger = await judged(image, [keyed(newKey())]);
          assert.equal(stranger.decision, 'Refused');
          assert.ok(
            stranger.candidates.every(({ reason }) => reason === 'UnknownKey' || reason === 'NotASignature'),
            wordsOf(stranger),
          );
          if (attested) {
            const other = await judged(image, [release], {
              attestations: [{ predicateType: provenancePredicate, builder: 'https://builder.example.com/two' }],
            });
            assert.ok(
              other.candidates.some(({ reason }) => reason === 'WrongBuilder'),
              wordsOf(other),
            );
          }
        });
      }
    }

    const { keys, images: many } = readRecording('several');
    const both = [key('first', keys['first']), key('second', keys['second'])];
    for (const image of many) {
      void test(`several: ${image.name}`, async () => {
        const attestations = image.name.includes('provenance')
          ? [{ predicateType: provenancePredicate }, { predicateType: spdx }]
          : [];
        const one = await judged(image, both, { attestations });
        assert.equal(one.decision, 'Trusted', wordsOf(one));
        const two = await judged(image, both, { require: 2 });
        assert.equal(two.decision, image.name.startsWith('two') ? 'Trusted' : 'Refused', wordsOf(two));
      });
    }

    const logged = readRecording('logged');
    const { trustedRoot = '', identity = { issuer: '', subject: '' } } = logged;
    for (const image of logged.images) {
      void test(`logged: ${image.name}`, async () => {
        const byKey = key('release', logged.keys['release'], { transparencyLog: 'Required', trustedRoot: { data: trustedRoot } });
        const isKey = image.name.startsWith('key');
        const authorities = isKey ? [byKey] : [keyless(trustedRoot, identity)];
        const judgement = await judged(image, authorities);
        assert.equal(judgement.decision, 'Trusted', wordsOf(judgement));
        const [signer] = judgement.signers;
        assert.ok(signer?.logIndex !== undefined && signer.time !== undefined, wordsOf(judgement));
        if (!isKey) assert.deepEqual(signer.identity, identity);

        const evil = { ...identity, subject: `${identity.subject}-evil` };
        const other = await judged(image, isKey ? [keyless(trustedRoot, identity)] : [keyless(trustedRoot, evil), byKey]);
        assert.equal(other.decision, 'Refused', wordsOf(other));
      });
    }

    void test('nothing that was recorded is about another image', async () => {
      const digest = `sha256:${'0'.repeat(64)}`;
      for (const name of ['p-256', 'several', 'logged']) {
        const recording = readRecording(name);
        for (const image of recording.images) {
          const moved = movedTo(image, digest);
          const authorities = Object.entries(recording.keys).map(([authority, pem]) => key(authority, pem));
          if (recording.identity) authorities.push(keyless(trustedRoot, recording.identity));
          const judgement = await judged(moved, authorities, { digest });
          assert.equal(judgement.decision, 'Refused', `${name}: ${image.name}`);
          assert.ok(judgement.candidates.length > 0, `${name}: ${image.name}`);
          assert.ok(
            judgement.candidates.every(({ reason }) => reason === 'WrongDigest'),
            wordsOf(judgement),
          );
        }
      }
    });
  });
}
