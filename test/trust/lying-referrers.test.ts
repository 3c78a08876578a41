/** What somebody attaches to an image and nobody can read keeps no revocation from counting. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { createJudge, kinds } from './corpus/cases.ts';
import { newImage, type TestImage } from './corpus/image.ts';
import { newKey } from './corpus/keys.ts';
import { keyed, policyOf } from './corpus/policies.ts';
import { Repository, types } from './corpus/repository.ts';
import { signImageWith } from './corpus/simple-signing.ts';

const type = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** A bundle of two mebibytes, which the manifest says are a thousand bytes; or one that is not there. */
async function attach({ repository, ...image }: TestImage, kind: string, what: 'large' | 'missing'): Promise<void> {
  const gone = `sha256:${'0'.repeat(64)}`;
  const large = await repository.blob(Buffer.alloc(2 * 2 ** 20, 0x20), type);
  const layer = what === 'large' ? large : { ...large, digest: gone };
  const config = await repository.blob('{}', types.empty);
  const { mediaType, digest, size } = image;
  const subject = { mediaType, digest, size };
  const layers = [{ ...layer, size: 1000 }];
  const body = { schemaVersion: 2, mediaType: types.manifest, artifactType: type, config, layers, subject };
  const manifest = await repository.manifest(body);
  if (kind === 'distribution') await repository.addReferrer(digest, { ...manifest, artifactType: type });
}

for (const kind of kinds) {
  void describe(`on a registry of kind ${kind}`, () => {
    // The distribution registry takes no manifest that names what is not there.
    for (const what of kind === 'distribution' ? (['large'] as const) : (['large', 'missing'] as const)) {
      void test(`a ${what} attachment`, async t => {
        const server = await startRegistry({ kind });
        const registry = clientOf(server.host);
        const judge = createJudge(registry);
        t.after(async () => {
          await judge.close();
          await registry.close();
          await server.stop();
        });
        const [key, stranger] = [newKey(), newKey()];
        const image = await newImage(new Repository(server.host, 'os/app'));
        await signImageWith(image, key);
        await attach(image, kind, what);
        const { name } = image.repository;
        const judged = (...policies: ReturnType<typeof policyOf>[]) => judge.judge({ image, policies });
        assert.equal((await judged(policyOf(name, [keyed(key)], { name: 'a' }))).decision, 'Trusted');
        const revoked = [{ fingerprint: key.fingerprint }];
        const refused = await judged(policyOf(name, [keyed(key)], { name: 'b', revoked }));
        assert.deepEqual([refused.decision, refused.reason], ['Refused', 'Revoked']);
        // What is too large is so for everybody; what is not there may have been the signature that counts.
        const other = judged(policyOf(name, [keyed(stranger)], { name: 'c' }));
        if (what === 'large') assert.equal((await other).reason, 'Untrusted');
        else await assert.rejects(other, { reason: 'SignatureLookupFailed' });
      });
    }
  });
}
