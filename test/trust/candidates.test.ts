import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import type { Candidate } from '../../controller/trust/candidate.ts';
import { collectCandidates } from '../../controller/trust/candidates.ts';
import { createImageVerifier, type ImageVerifier } from '../../controller/trust/image-verifier.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientWith } from '../registry/image-fixture.ts';
import { attachBundle, signedBundle } from './corpus/bundle.ts';
import { newImage, newIndex, type TestImage } from './corpus/image.ts';
import { newKey } from './corpus/keys.ts';
import { Repository, types } from './corpus/repository.ts';
import { payloadOf, pushLayers, signedLayer, signImageWith } from './corpus/simple-signing.ts';
import { keyAuthority, now, rulesOf } from './signed-fixture.ts';

const key = newKey();
const stranger = newKey();
const rules = rulesOf([
  keyAuthority('release', [{ privateKey: key.privateKey, publicKey: { ...key, algorithm: 'ecdsa-p256' } }]),
]);
const experimental = 'application/vnd.dev.cosign.artifact.sig.v1+json';

function credentials(): never {
  return assert.fail('nobody needs credentials');
}

function kindsOf(candidates: readonly Candidate[]): string[] {
  return candidates.map(candidate => (candidate.kind === 'broken' ? candidate.reason : candidate.kind));
}

for (const kind of ['distribution', 'referrers'] as const) {
  void describe(`what is found in a registry (${kind})`, () => {
    let server: RegistryServer;
    let registry: Registry;
    let verifier: ImageVerifier;
    let images = 0;
    before(async () => {
      server = await startRegistry({ kind });
      registry = clientWith({ retry: { tries: 2, baseMs: 1, maxWaitMs: 10 } }, server.host);
      verifier = createImageVerifier({ registry, now: () => now, log: createLog('silent') });
    });
    after(async () => {
      await verifier.close();
      await registry.close();
      await server.stop();
    });
    const make = (): Promise<TestImage> => newImage(new Repository(server.host, `os/image-${++images}`));
    const found = async (image: TestImage): Promise<string[]> =>
      kindsOf((await collectCandidates({ image: image.reference }, registry)).candidates);

    void test('nothing, which the registry says definitely', async () => {
      const image = await make();
      assert.deepEqual(await collectCandidates({ image: image.reference }, registry), { candidates: [], doubtful: [] });
    });

    void test('every form, and what else refers to the image is none', async () => {
      const image = await make();
      const { repository } = image;
      await signImageWith(image, key);
      const layer = await repository.blob('{}', 'application/vnd.dsse.envelope.v1+json');
      const config = await repository.blob('{}', types.config);
      await repository.manifest(
        { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] },
        { tag: `sha256-${image.hex}.att` },
      );
      await attachBundle(image, signedBundle(image, key));
      await attachBundle(image, '{}', { artifactType: 'application/spdx+json', layerType: 'application/spdx+json' });
      await attachBundle(image, '{}', {
        artifactType: experimental,
        layerType: 'application/vnd.dev.cosign.simplesigning.v1+json',
      });
      assert.deepEqual((await found(image)).toSorted(), ['bundle', 'envelope', 'simple', 'simple']);
    });

    void test('many of one form leave room for another, and what is beyond is said', async () => {
      const image = await make();
      const others = Array.from({ length: 80 }, (_, i) => signedLayer(stranger, payloadOf(image, { optional: { i } })));
      await pushLayers(image.repository, image.digest, others);
      await attachBundle(image, signedBundle(image, key));
      const kinds = await found(image);
      assert.equal(kinds.length, 65);
      assert.ok(kinds.includes('bundle'));
      assert.equal(kinds.at(-1), 'TooMany');
      assert.equal((await verifier.verify({ image: image.reference, rules })).decision, 'Trusted');
    });

    void test('what is larger than is read is not read', async () => {
      const image = await make();
      await attachBundle(image, Buffer.alloc(1024 * 1024 + 1, 0x20));
      server.requests.clear();
      assert.deepEqual(await found(image), ['TooLarge']);
      assert.equal(server.requests.log.filter(({ path }) => path.includes('/blobs/')).length, 0);
    });

    void test('a manifest that is larger than any that makes a signature refer, or says more, is one broken candidate', async () => {
      const image = await make();
      const { repository } = image;
      const config = await repository.blob('{}', types.empty);
      const { mediaType, digest, size } = image;
      const artifactType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
      const refers = {
        schemaVersion: 2,
        mediaType: types.manifest,
        artifactType,
        config,
        layers: [],
        subject: { mediaType, digest, size },
      };
      const large = await repository.manifest({ ...refers, annotations: { a: 'x'.repeat(70_000) } });
      const dense = await repository.manifest({
        ...refers,
        annotations: { a: 'y' },
        more: Array.from({ length: 10_000 }, () => []),
      });
      for (const stored of [large, dense]) await repository.addReferrer(digest, { ...stored, artifactType });
      server.requests.clear();
      assert.deepEqual((await found(image)).toSorted(), ['Malformed', 'TooLarge']);
      assert.ok(!server.requests.log.some(({ path }) => path.endsWith(large.digest)));
      assert.equal((await verifier.verify({ image: image.reference, rules })).decision, 'Refused');
      await signImageWith(image, key);
      assert.equal((await verifier.verify({ image: image.reference, rules })).decision, 'Trusted');
    });

    void test('what is listed as smaller than it is keeps no good one from counting, and is itself none', async () => {
      const image = await make();
      const { repository } = image;
      const layer = await repository.blob(Buffer.alloc(2 * 1024 * 1024, 0x20), 'application/vnd.dev.sigstore.bundle.v0.3+json');
      const config = await repository.blob('{}', types.empty);
      const { mediaType, digest, size } = image;
      const lying = {
        schemaVersion: 2,
        mediaType: types.manifest,
        artifactType: layer.mediaType,
        config,
        subject: { mediaType, digest, size },
      };
      const stored = await repository.manifest({ ...lying, layers: [{ ...layer, size: 100 }] }).catch(() => undefined);
      if (!stored) return; // a registry that looks at sizes takes no such manifest
      await repository.addReferrer(image.digest, { ...stored, artifactType: layer.mediaType });
      assert.deepEqual(await found(image), ['TooLarge']);
      assert.equal((await verifier.verify({ image: image.reference, rules })).decision, 'Refused');
      await signImageWith(image, key);
      assert.equal((await verifier.verify({ image: image.reference, rules })).decision, 'Trusted');
    });

    void test('what is listed and is not there is said, and keeps no good one from counting', async () => {
      const image = await make();
      await signImageWith(image, key);
      await attachBundle(image, signedBundle(image, stranger));
      const [bundle] = (await collectCandidates({ image: image.reference }, registry)).candidates.filter(
        c => c.kind === 'bundle',
      );
      assert.ok(bundle);
      const end = server.requests.fail(({ path }) => path.endsWith(bundle.digest), { status: 404 });
      const { candidates, doubtful } = await collectCandidates({ image: image.reference }, registry);
      assert.deepEqual(kindsOf(candidates).toSorted(), ['Missing', 'simple']);
      assert.equal(doubtful.length, 1);
      assert.equal((await verifier.verify({ image: image.reference, rules })).decision, 'Trusted');
      end();
    });

    void test('an index is judged for itself: its platforms are other images', async () => {
      const { index, platforms } = await newIndex(new Repository(server.host, `os/index-${++images}`));
      await signImageWith(index, key);
      assert.equal((await verifier.verify({ image: index.reference, rules })).decision, 'Trusted');
      for (const platform of platforms) {
        assert.equal((await verifier.verify({ image: platform.reference, rules })).decision, 'Refused');
      }
    });

    void test('what is trusted is remembered, what is not is looked at again', async () => {
      const image = await make();
      const of = { image: image.reference, rules };
      assert.equal((await verifier.verify(of)).decision, 'Refused');
      await signImageWith(image, key);
      assert.equal((await verifier.verify(of)).decision, 'Trusted');
      server.requests.clear();
      assert.equal((await verifier.verify(of)).decision, 'Trusted');
      assert.equal(server.requests.log.length, 0);
      await verifier.verify({ ...of, rules: { ...rules, basis: 'another' } });
      assert.ok(server.requests.log.length > 0);
      server.requests.clear();
      await verifier.verify({ ...of, commit: '1'.repeat(40) });
      assert.equal(server.requests.log.length, 0);
    });

    void test('what was found for one commit is remembered for that one, where a rule asks for it', async () => {
      const image = await make();
      await signImageWith(image, key);
      const [governing] = rules.governing;
      assert.ok(governing);
      const asking = { predicateType: 'https://slsa.dev/provenance/v1', commit: 'Known' as const };
      const other = { ...governing, mode: 'Skip' as const, attestations: [asking] };
      const of = { image: image.reference, rules: { ...rules, basis: 'commit', governing: [governing, other] } };
      await verifier.verify({ ...of, commit: '1'.repeat(40) });
      server.requests.clear();
      await verifier.verify({ ...of, commit: '2'.repeat(40) });
      assert.ok(server.requests.log.length > 0);
    });

    void test('who asks for the same at once asks once', async () => {
      const image = await make();
      await signImageWith(image, key);
      server.requests.clear();
      const of = { image: image.reference, rules };
      await verifier.verify(of);
      const once = server.requests.log.length;
      server.requests.clear();
      const again = { ...of, rules: { ...rules, basis: 'at once' } };
      await Promise.all(Array.from({ length: 10 }, () => verifier.verify(again)));
      assert.equal(server.requests.log.length, once);
    });

    void test('what a policy decides alone asks nobody', async () => {
      const image = await make();
      server.requests.clear();
      const [governing] = rules.governing;
      assert.ok(governing);
      for (const [changed, decision] of [
        [{ ...rules, configured: false, governing: [] }, 'NotConfigured'],
        [{ ...rules, governing: [] }, 'Refused'],
        [{ ...rules, governing: [{ ...governing, mode: 'Skip' as const }] }, 'Skipped'],
      ] as const) {
        assert.equal((await verifier.verify({ image: image.reference, rules: changed, credentials })).decision, decision);
      }
      assert.equal(server.requests.log.length, 0);
    });

    void test('a failure is said with the words of the registry', async () => {
      const image = await make();
      const end = server.requests.fail(({ path }) => path.includes('.sig'), {
        status: 403,
        body: JSON.stringify({ errors: [{ code: 'DENIED', message: 'not today' }] }),
      });
      await assert.rejects(
        verifier.verify({ image: image.reference, rules }),
        (error: unknown) =>
          error instanceof TransientError &&
          error.reason === 'SignatureLookupFailed' &&
          /does not mean that there are none: .*DENIED: not today/.test(error.message),
      );
      end();
    });
  });
}
