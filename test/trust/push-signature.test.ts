import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { TransientError } from '../../controller/api/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { type ImageVerifier, createImageVerifier } from '../../controller/trust/image-verifier.ts';
import { type SigningTarget, pushSignatures } from '../../controller/trust/push-signature.ts';
import { readBack } from '../../controller/trust/read-back.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { attach } from '../registry/referrers-fixture.ts';
import { clientOf, pushImage } from '../registry/image-fixture.ts';
import { StoredSignatures, newSigningKey } from './signing-scene.ts';

const sbom = { predicateType: 'https://spdx.dev/Document', predicate: { spdxVersion: 'SPDX-2.3' } };

for (const kind of ['distribution', 'referrers'] as const) {
  describe(`signatures in a registry ${kind === 'referrers' ? 'with' : 'without'} the referrers API`, () => {
    let server: RegistryServer;
    let registry: Registry;
    let verifier: ImageVerifier;
    before(async () => {
      server = await startRegistry({ kind });
      registry = clientOf(server.host);
      verifier = createImageVerifier({ registry, now: Date.now, log: createLog('silent') });
    });
    after(async () => {
      await verifier.close();
      await registry.close();
      await server.stop();
    });

    /** A new image, and where its signatures are. */
    async function pushed(name: string): Promise<{ target: SigningTarget; stored: StoredSignatures }> {
      const repository = `${server.host}/${name}`;
      const { digest } = await pushImage(registry, repository, 'v1');
      const target = { repository, digest, reference: `${repository}:v1`, said: [sbom] };
      return { target, stored: new StoredSignatures(server.host, name) };
    }

    test('both forms and what is said are there, and hold', async () => {
      const key = await newSigningKey();
      const { target, stored } = await pushed('signed/both');
      const { digest, reference } = target;
      const written = await pushSignatures(registry, target, [key], undefined);
      assert.deepEqual(written, {
        signatures: [
          { digest, key: key.fingerprint, form: 'Signature' },
          { digest, key: key.fingerprint, form: 'Bundle' },
        ],
        attestations: [{ digest, key: key.fingerprint, predicateType: sbom.predicateType }],
      });
      assert.equal(await stored.taggedBy(digest, key, reference), 1);
      const statements = await stored.statementsBy(digest, key);
      assert.deepEqual(statements.map(s => s.predicateType).toSorted(), [
        'https://sigstore.dev/cosign/sign/v1',
        'https://spdx.dev/Document',
      ]);
      for (const { _type, subject } of statements)
        assert.deepEqual([_type, subject], ['https://in-toto.io/Statement/v1', [{ digest: { sha256: digest.slice(7) } }]]);
      await readBack(verifier, target, [key], undefined);
    });

    test('a second pass adds nothing, and another key only its own', async () => {
      const [key, other] = [await newSigningKey(), await newSigningKey()];
      const { target, stored } = await pushed('signed/twice');
      const { digest, reference } = target;
      await pushSignatures(registry, target, [key], undefined);
      const all = async () => [await stored.tagged(digest), (await stored.referrers(digest)).toSorted()];
      const first = await all();
      server.requests.clear();
      await pushSignatures(registry, target, [key], undefined);
      assert.deepEqual(await all(), first);
      assert.deepEqual(
        server.requests.log.filter(({ method }) => method !== 'GET' && method !== 'HEAD').map(({ path }) => path),
        [],
      );
      await pushSignatures(registry, target, [other, key], undefined);
      for (const each of [key, other]) {
        assert.equal(await stored.taggedBy(digest, each, reference), 1);
        assert.equal((await stored.statementsBy(digest, each)).length, 2);
      }
      await readBack(verifier, target, [key, other], undefined);
    });

    test('each list is written once, and what was written is looked at while it is watched that it stays', async () => {
      const key = await newSigningKey();
      const { target } = await pushed('signed/once');
      const said = [sbom, { predicateType: 'https://slsa.dev/provenance/v1', predicate: {} }];
      const lists = (): string[] =>
        server.requests.log.filter(({ method, path }) => method === 'PUT' && /sha256-/.test(path)).map(({ path }) => path);
      server.requests.clear();
      const seen: string[][] = [];
      await pushSignatures(registry, { ...target, said }, [key], undefined, async () => {
        seen.push(lists());
        await readBack(verifier, { ...target, said }, [key], undefined);
        if (seen.length === 1) throw new Error('for a moment it was not there');
      });
      const name = `/v2/signed/once/manifests/${target.digest.replace(':', '-')}`;
      const wanted = kind === 'referrers' ? [`${name}.sig`] : [name, `${name}.sig`];
      assert.deepEqual(
        seen.map(paths => paths.toSorted()),
        [wanted, wanted],
      );
      assert.deepEqual(lists().toSorted(), wanted);
      await assert.rejects(
        pushSignatures(registry, { ...target, said }, [key], undefined, () => Promise.reject(new Error('it does not hold'))),
        /it does not hold/,
      );
    });

    test('what somebody else adds while a signature is being made is not written over', async () => {
      const { target, stored } = await pushed('signed/meanwhile');
      const { repository, digest } = target;
      const [key, other] = [await newSigningKey(), await newSigningKey()];
      const slow: typeof registry.amendTag = async (name, tag, change, auth, o) => {
        let first = true;
        await registry.amendTag(
          name,
          tag,
          async current => {
            const wanted = await change(current);
            if (first) {
              first = false;
              const elsewhere = clientOf(server.host);
              await pushSignatures(elsewhere, target, [other], undefined);
              await elsewhere.close();
              server.requests.clear();
            }
            return wanted;
          },
          auth,
          o,
        );
      };
      await pushSignatures({ ...registry, amendTag: slow }, target, [key], undefined);
      for (const each of [key, other]) assert.equal(await stored.taggedBy(digest, each, target.reference), 1);
      const writes = server.requests.log.filter(({ method, path }) => method === 'PUT' && path.endsWith('.sig'));
      assert.equal(writes.length, 1);
      await readBack(verifier, { ...target, repository }, [key, other], undefined);
    });

    test('what is missing is said, and is no success', async () => {
      const [key, other] = [await newSigningKey(), await newSigningKey()];
      const { target } = await pushed('signed/missing');
      await pushSignatures(registry, { ...target, said: [] }, [key], undefined);
      await assert.rejects(readBack(verifier, target, [key], undefined), (error: unknown) => {
        assert.ok(error instanceof TransientError);
        assert.equal(error.reason, 'SigningFailed');
        assert.match(error.message, /spdx\.dev/);
        return true;
      });
      await assert.rejects(readBack(verifier, { ...target, said: [] }, [key, other], undefined), /behind its tag \.sig by key/);
    });

    test('what others wrote stays as it is: layers, members of the manifest and of its configuration', async () => {
      const key = await newSigningKey();
      const { target, stored } = await pushed('signed/others');
      const { repository, digest, reference } = target;
      const payload = Buffer.from('{"by":"somebody else"}');
      const blob = await registry.pushBlob(repository, payload);
      const config = Buffer.from('{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":["x"]},"history":[{"a":1}]}');
      const layer = {
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        digest: blob,
        size: payload.length,
        annotations: { 'dev.cosignproject.cosign/signature': 'AAAA', 'dev.sigstore.cosign/bundle': '{}' },
        theirs: true,
      };
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: { mediaType: mediaTypes.config, digest: await registry.pushBlob(repository, config), size: config.length },
        layers: [layer],
        annotations: { theirs: 'yes' },
      };
      const tag = `${digest.replace(':', '-')}.sig`;
      const bytes = Buffer.from(JSON.stringify(manifest));
      await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes, tag });
      await pushSignatures(registry, target, [key], undefined);
      const now = await stored.tagged(digest);
      assert.deepEqual(now?.layers[0], layer);
      assert.equal(now?.layers.length, 2);
      assert.deepEqual(now?.annotations, { theirs: 'yes' });
      const written = JSON.parse((await stored.blob(now.config)).toString('utf8')) as Record<string, object>;
      assert.deepEqual(written['history'], [{ a: 1 }]);
      assert.deepEqual(written['rootfs'], { type: 'layers', diff_ids: now.layers.map(l => l.digest) });
      assert.equal(await stored.taggedBy(digest, key, reference), 1);
      await readBack(verifier, target, [key], undefined);
    });

    test('a tag that is something else is left alone', async () => {
      const key = await newSigningKey();
      const { target } = await pushed('signed/foreign');
      const { repository, digest } = target;
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
      await registry.pushManifest(repository, { mediaType: mediaTypes.index, bytes, tag: `${digest.replace(':', '-')}.sig` });
      await assert.rejects(pushSignatures(registry, target, [key], undefined), /no list of signatures; it is left as it is/);
    });

    test('garbage beside it hinders nothing', async () => {
      const key = await newSigningKey();
      const { target, stored } = await pushed('signed/garbage');
      for (let i = 0; i < 3; i++) await attach(registry, target.repository, target.digest, `garbage-${i}`);
      await pushSignatures(registry, target, [key], undefined);
      await pushSignatures(registry, target, [key], undefined);
      assert.equal((await stored.statementsBy(target.digest, key)).length, 2);
      await readBack(verifier, target, [key], undefined);
    });

    test('however many sign at a time, no one loses a signature', async () => {
      const keys = await Promise.all(Array.from({ length: 4 }, () => newSigningKey()));
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 2, maxLength: 4 }), async delays => {
          const { target, stored } = await pushed(`signed/race-${round++}`);
          // Each is a process of its own: nothing but the registry is between them.
          const clients = delays.map(() => clientOf(server.host));
          await Promise.all(
            delays.map(async (ms, i) => {
              await new Promise(resolve => setTimeout(resolve, ms));
              const [client, key] = [clients[i], keys[i]];
              if (client && key) await pushSignatures(client, target, [key], undefined);
            }),
          );
          for (const key of keys.slice(0, delays.length)) {
            assert.equal(await stored.taggedBy(target.digest, key, target.reference), 1);
            assert.equal((await stored.statementsBy(target.digest, key)).length, 2);
          }
          await Promise.all(clients.map(client => client.close()));
        }),
        { numRuns: 4, endOnFailure: true },
      );
    });

    test('a registry that fails once, at whatever request, is asked again', async () => {
      const key = await newSigningKey();
      const { target: probe } = await pushed('signed/count');
      server.requests.clear();
      await pushSignatures(registry, probe, [key], undefined);
      const { count } = server.requests;
      // Of requests at a time the order differs from run to run, so each of them is hit now and then.
      for (let at = 0; at < count; at += 4) {
        const { target, stored } = await pushed(`signed/fault-${at}`);
        let seen = 0;
        const end = server.requests.fail(() => seen++ === at, { status: 503, times: 1 });
        await pushSignatures(registry, target, [key], undefined).catch((error: unknown) => {
          assert.ok(error instanceof TransientError, String(error));
          return pushSignatures(registry, target, [key], undefined);
        });
        end();
        assert.equal(await stored.taggedBy(target.digest, key, target.reference), 1, `request ${at}`);
        assert.equal((await stored.statementsBy(target.digest, key)).length, 2, `request ${at}`);
      }
    });
  });
}
