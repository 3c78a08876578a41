/** The real cosign and ours: what it signs we accept, what we sign it accepts, and neither takes away what the other has put there. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { judgeArtifact } from '../../controller/agent/addons/artifact-judge.ts';
import type { TrustPolicySpec } from '../../controller/api/trust-policy.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { keysForHosts } from '../../controller/trust/host-limits.ts';
import { hostFiles } from '../../controller/trust/host-policy.ts';
import type { Judgement } from '../../controller/trust/judgement.ts';
import { provenancePredicateType } from '../../controller/trust/provenance.ts';
import { pushSignatures } from '../../controller/trust/push-signature.ts';
import { spdxPredicateType } from '../../controller/trust/sbom.ts';
import { openSigningKey, type SigningKey } from '../../controller/trust/signing-key.ts';
import { hostPrograms, PullingHost } from '../cluster/host-policy.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { createJudge, type Judge, kinds, wordsOf } from './corpus/cases.ts';
import { provenanceOf } from './corpus/envelope.ts';
import { newArtifact, newImage, newIndex, type TestImage } from './corpus/image.ts';
import { type KeyKind, keyOf, newKey, type TestKey } from './corpus/keys.ts';
import { keyed, policyOf } from './corpus/policies.ts';
import { Repository } from './corpus/repository.ts';
import { scopedPolicy } from './host-scene.ts';
import { Cosign, type CosignForm, password, skipWithoutCosign } from './cosign.ts';

const forms = ['signature', 'bundle'] as const;
/** What `cosign verify` is told to look at this form only; without it bundles come first. */
const only = { signature: ['--new-bundle-format=false'], bundle: [] } as const;
const spdx = {
  spdxVersion: 'SPDX-2.3',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: 'os',
  dataLicense: 'CC0-1.0',
  documentNamespace: 'https://example.com/os',
  creationInfo: { created: '2026-01-01T00:00:00Z', creators: ['Tool: test'] },
  packages: [],
};

const [host] = hostPrograms();
const skipWithoutHost = host?.program === undefined && 'needs the library of hosts: node test/tools/setup.mjs';

/** What a host says of an image that has to be signed with a key; undefined where it is accepted. */
async function hostRefusal(directory: string, { reference, hex }: TestImage, key: TestKey): Promise<string | undefined> {
  const keyData = Buffer.from(key.pem).toString('base64');
  const requirement = { type: 'sigstoreSigned', keyData, signedIdentity: { type: 'matchRepository' } };
  const policy = { default: [{ type: 'reject' }], transports: { docker: { '': [requirement] } } };
  const pulling = new PullingHost(join(directory, hex), [
    { path: '/etc/containers/policy.json', mode: 0o644, content: JSON.stringify(policy) },
    {
      path: '/etc/containers/registries.d/all.yaml',
      mode: 0o644,
      content: 'default-docker:\n  use-sigstore-attachments: true\n',
    },
  ]);
  assert.ok(host);
  return pulling.refusal(host, reference);
}

for (const kind of kinds) {
  void describe(
    `cosign, on a registry with ${kind === 'referrers' ? 'the referrers API' : 'referrers tags'}`,
    { skip: skipWithoutCosign },
    () => {
      const directory = temporaryDirectory('cosign');
      const cosign = new Cosign(directory);
      let server: RegistryServer;
      let registry: Registry;
      let judge: Judge;
      let provenance = '';
      let list = '';
      before(async () => {
        server = await startRegistry({ kind });
        registry = clientOf(server.host);
        judge = createJudge(registry);
        provenance = cosign.file('provenance.json', JSON.stringify(provenanceOf()));
        list = cosign.file('list.json', JSON.stringify(spdx));
      });
      after(async () => {
        await judge.close();
        await registry.close();
        await server.stop();
        removeDirectory(directory);
      });

      let repositories = 0;
      const repository = (): Repository => new Repository(server.host, `os/cosign-${++repositories}`);
      const judged = (
        image: TestImage,
        key: TestKey | readonly TestKey[],
        o: Partial<TrustPolicySpec> = {},
      ): Promise<Judgement> => {
        const authorities = [key].flat().map((each, n) => keyed(each, { name: `key-${n}` }));
        return judge.judge({ image, policies: [policyOf(image.repository.name, authorities, o)] });
      };
      const sign = (file: string, image: TestImage, form: CosignForm, ...flags: readonly string[]): Promise<string> =>
        cosign.run('sign', ...cosign.offline(form), '--key', file, ...flags, image.reference);
      const attest = (
        file: string,
        image: TestImage,
        form: CosignForm,
        [type, predicate]: readonly [string, string],
      ): Promise<string> =>
        cosign.run('attest', ...cosign.offline(form), '--key', file, '--type', type, '--predicate', predicate, image.reference);

      for (const form of forms) {
        // The others are in the recordings; the one that hosts take, and one of those that they do not.
        for (const keyKind of ['P-256', 'Ed25519'] as const satisfies readonly KeyKind[]) {
          void test(`${keyKind}: its ${form} is accepted, and its attestation of the same form`, async () => {
            const key = newKey(keyKind);
            const { key: file } = await cosign.importKey(`${form}-${keyKind}`, key);
            const image = await newImage(repository());
            await sign(file, image, form);
            await attest(file, image, form, ['slsaprovenance1', provenance]);
            const judgement = await judged(image, key, {
              attestations: [{ predicateType: provenancePredicateType, builder: 'https://builder.example.com/one' }],
            });
            assert.equal(judgement.decision, 'Trusted', wordsOf(judgement));
            assert.deepEqual(judgement.signers.map(signer => signer.form).toSorted(), [
              'Attestation',
              form === 'bundle' ? 'Bundle' : 'Signature',
            ]);
            const stranger = await judged(image, newKey(keyKind));
            assert.equal(stranger.decision, 'Refused', wordsOf(stranger));
          });
        }

        void test(`its ${form} of an index and of each platform, and of one of them alone`, async () => {
          const key = newKey();
          const { key: file } = await cosign.importKey(`index-${form}`, key);
          const all = await newIndex(repository());
          await sign(file, all.index, form, '--recursive');
          for (const image of [all.index, ...all.platforms]) assert.equal((await judged(image, key)).decision, 'Trusted');
          const one = await newIndex(repository());
          await sign(file, one.index, form);
          assert.equal((await judged(one.index, key)).decision, 'Trusted');
          for (const image of one.platforms) assert.equal((await judged(image, key)).decision, 'Refused');
        });
      }

      /** A key that cosign made, opened by us. */
      async function generated(name: string): Promise<{ signing: SigningKey; key: TestKey; file: string; pub: string }> {
        await cosign.run('generate-key-pair', '--output-key-prefix', name);
        const file = join(directory, `${name}.key`);
        const signing = await openSigningKey(readFileSync(file), Buffer.from(password));
        const pub = join(directory, `${name}.pub`);
        return {
          signing,
          key: { ...keyOf('P-256', newKey().privateKey), pem: readFileSync(pub, 'utf8'), fingerprint: signing.fingerprint },
          file,
          pub,
        };
      }

      const said = [
        { predicateType: provenancePredicateType, predicate: provenanceOf() },
        { predicateType: spdxPredicateType, predicate: spdx },
      ];
      const verify = (pub: string, image: TestImage, form: CosignForm) =>
        cosign.tried('verify', '--allow-http-registry', '--insecure-ignore-tlog', '--key', pub, ...only[form], image.reference);

      void test('it accepts what we sign and say, in both forms, with a key that it made', async () => {
        const { signing, pub } = await generated('ours');
        const image = await newImage(repository());
        const target = { repository: image.repository.name, digest: image.digest, reference: `${image.repository.name}:1`, said };
        await pushSignatures(registry, target, [signing], undefined);
        const { pub: other } = await generated('other');
        for (const form of forms) {
          const { code, output } = await verify(pub, image, form);
          assert.equal(code, 0, output);
          assert.ok(output.includes(image.digest), output);
          const refused = await verify(other, image, form);
          assert.notEqual(refused.code, 0, refused.output);
        }
        for (const type of ['slsaprovenance1', 'spdxjson']) {
          const { code, output } = await cosign.tried(
            'verify-attestation',
            '--allow-http-registry',
            '--insecure-ignore-tlog',
            '--key',
            pub,
            '--type',
            type,
            image.reference,
          );
          assert.equal(code, 0, output);
        }
      });

      void test('it accepts what we sign of an addon, and hosts what it signs of one', async () => {
        const { signing, pub, key, file } = await generated('addons');
        const ours = await newArtifact(repository());
        const target = {
          repository: ours.repository.name,
          digest: ours.digest,
          reference: ours.reference,
          said: said.slice(0, 1),
        };
        await pushSignatures(registry, target, [signing], undefined);
        for (const form of forms) {
          const { code, output } = await verify(pub, ours, form);
          assert.equal(code, 0, output);
        }
        const attested = ['--key', pub, '--type', 'slsaprovenance1', ours.reference];
        const verified = await cosign.tried('verify-attestation', '--allow-http-registry', '--insecure-ignore-tlog', ...attested);
        assert.equal(verified.code, 0, verified.output);
        const theirs = await newArtifact(repository());
        await sign(file, theirs, 'signature');
        const rule = {
          policy: 'addons',
          name: 'key',
          kind: 'key',
          keys: publicKeysOf(key.pem),
          transparencyLog: 'Ignored',
        } as const;
        const scoped = scopedPolicy('addons', theirs.repository.name, { authorities: [rule] });
        const root = join(directory, theirs.hex);
        for (const { path, content } of hostFiles([scoped], [], 0).files) {
          mkdirSync(dirname(join(root, path)), { recursive: true });
          writeFileSync(join(root, path), content);
        }
        const access = async () => ({ registry, auth: undefined });
        const addon = { name: 'tool', image: theirs.reference, digest: theirs.digest, size: 64 };
        await judgeArtifact(addon, { root, staged: undefined, access, accepted: new Set() });
      });

      void test('neither takes away what the other has signed', async () => {
        const ours = await generated('mine');
        const theirs = newKey();
        const { key: file, pub } = await cosign.importKey('theirs', theirs);
        for (const first of ['cosign', 'ours']) {
          const image = await newImage(repository());
          const target = {
            repository: image.repository.name,
            digest: image.digest,
            reference: `${image.repository.name}:1`,
            said: [],
          };
          const steps = [
            () => pushSignatures(registry, target, [ours.signing], undefined),
            async () => {
              for (const form of forms) await sign(file, image, form);
            },
          ];
          for (const step of first === 'ours' ? steps : steps.toReversed()) await step();
          const judgement = await judged(image, [ours.key, theirs], { require: 'All' });
          assert.equal(judgement.decision, 'Trusted', wordsOf(judgement));
          assert.deepEqual(
            judgement.candidates.map(({ accepted }) => accepted),
            [true, true, true, true],
            wordsOf(judgement),
          );
          for (const form of forms) {
            for (const key of [ours.pub, pub]) {
              const { code, output } = await verify(key, image, form);
              assert.equal(code, 0, `${first} first: ${output}`);
            }
          }
        }
      });

      void test('it refuses what we refuse: a bundle and a signature that were copied', async () => {
        const key = newKey();
        const { key: file, pub } = await cosign.importKey('copied', key);
        const [signed, image] = [await newImage(repository()), await newImage(repository())];
        await sign(file, signed, 'signature');
        const layers = await signed.repository.read(`${signed.digest.replace(':', '-')}.sig`);
        assert.ok(layers);
        for (const part of [layers['config'], ...(layers['layers'] as unknown[])] as { digest: string; mediaType: string }[]) {
          await image.repository.blob(Buffer.from(await registry.blob(signed.repository.name, part.digest)), part.mediaType);
        }
        await image.repository.manifest(layers, { tag: `${image.digest.replace(':', '-')}.sig` });
        assert.notEqual((await verify(pub, image, 'signature')).code, 0);
        const judgement = await judged(image, key);
        assert.equal(judgement.decision, 'Refused');
        assert.deepEqual(
          judgement.candidates.map(({ reason }) => reason),
          ['WrongDigest'],
        );
      });

      if (kind === 'distribution') {
        for (const keyKind of ['P-256', 'P-384', 'P-521', 'RSA-3072', 'Ed25519'] as const) {
          void test(
            `${keyKind}: hosts are given the key if they take what it signs with it`,
            { skip: skipWithoutHost },
            async () => {
              const key = newKey(keyKind);
              const { key: file } = await cosign.importKey(`host-${keyKind}`, key);
              const image = await newImage(repository());
              await sign(file, image, 'signature');
              const refusal = await hostRefusal(directory, image, key);
              const algorithm = keyKind.toLowerCase().replace('p-', 'ecdsa-p');
              const { keys } = keysForHosts({
                policy: 'images',
                name: 'release',
                kind: 'key',
                keys: [{ fingerprint: key.fingerprint, pem: key.pem, algorithm }],
                transparencyLog: 'Ignored',
              });
              assert.equal(keys.length > 0, refusal === undefined, refusal);
            },
          );
        }
      }

      void test('what it attests is no signature to us', async () => {
        const key = newKey();
        const { key: file } = await cosign.importKey('attested', key);
        const image = await newImage(repository());
        for (const form of forms) {
          await attest(file, image, form, ['slsaprovenance1', provenance]);
          await attest(file, image, form, ['spdxjson', list]);
        }
        const judgement = await judged(image, key);
        assert.equal(judgement.decision, 'Refused');
        assert.ok(
          judgement.candidates.every(({ reason }) => reason === 'NotASignature'),
          wordsOf(judgement),
        );
      });
    },
  );
}
