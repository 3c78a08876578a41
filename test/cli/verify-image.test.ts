/** `scantling verify image` against a real registry: the controller's judgement, explained, with exit codes that a script can rely on. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import { pushSignatures } from '../../controller/trust/push-signature.ts';
import { signatureTag } from '../../controller/trust/cosign-forms.ts';
import { openSigningKey, type SigningKey } from '../../controller/trust/signing-key.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry, type RegistryServer } from '../cluster/registry.ts';
import { newArtifact } from '../trust/corpus/image.ts';
import { Repository } from '../trust/corpus/repository.ts';
import { run } from './trust-run.ts';

const newKey = (): Promise<SigningKey> =>
  openSigningKey(
    Buffer.from(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })),
    undefined,
  );

interface Said {
  decision: string;
  reason: string;
  what: string;
  signers: { authority: string; form: string; key: string }[];
  candidates: { accepted: boolean; reason: string; form: string }[];
}

const json = (out: string): Said => JSON.parse(out) as Said;

describe('verify image', () => {
  let registry: RegistryServer;
  let directory: string;
  let signed: string;
  let key: SigningKey;
  let unsigned: string;
  before(async () => {
    directory = temporaryDirectory('verify');
    registry = await startRegistry();
    const client = createRegistry({ insecureHosts: new Set([registry.host]), userAgent: 'test' });
    key = await newKey();
    const { image, digest } = await pushBaseImage({ registry: registry.host, repository: 'os/edge' });
    signed = `${registry.host}/os/edge@${digest}`;
    await pushSignatures(
      client,
      { repository: `${registry.host}/os/edge`, digest, reference: image, said: [] },
      [key],
      undefined,
    );
    unsigned = (await pushBaseImage({ registry: registry.host, repository: 'os/other', release: 'second' })).image;
    await client.close();
  });
  after(async () => {
    await registry.stop();
    removeDirectory(directory);
  });

  /** A file with policies; its path. */
  let files = 0;
  function policies(...specs: object[]): string {
    const file = join(directory, `${files++}.yaml`);
    const documents = specs.map((spec, i) =>
      stringify({ apiVersion: 'scantling.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name: `p${i}` }, spec }),
    );
    writeFileSync(file, documents.join('---\n'));
    return file;
  }
  const ours = (more: object = {}) => ({
    scope: { prefix: `${registry.host}/os` },
    authorities: [{ name: 'release', key: { data: key.publicKey } }],
    ...more,
  });
  const verify = (image: string, file: string, ...more: string[]) =>
    run(['verify', 'image', image, '--policy', file, '--insecure-registries', registry.host, ...more]);

  test('trusted: exit code 0, by whom and in which forms', async () => {
    const { code, out, said } = await verify(`${registry.host}/os/edge:1`, policies(ours()), '-o', 'json');
    assert.equal(code, 0, said);
    const { decision, what, signers, candidates } = json(out);
    assert.deepEqual([decision, what], ['Trusted', signed]);
    assert(signers.every(s => s.authority === 'p0/release' && s.key === key.fingerprint));
    assert.deepEqual(candidates.map(c => `${c.form} ${c.accepted}`).toSorted(), ['Bundle true', 'Signature true']);
  });

  test('the artifact of an addon: the same, and what it lacks', async () => {
    const { reference, digest } = await newArtifact(new Repository(registry.host, 'os/addon'));
    const refused = await verify(reference, policies(ours()));
    assert.equal(refused.code, 1, refused.said);
    assert.match(
      refused.out,
      /^Refused: .*\/os\/addon@sha256:[0-9a-f]{64}\n.*\n? *.*asks for the signature of one of its authorities/,
    );
    const client = createRegistry({ insecureHosts: new Set([registry.host]), userAgent: 'test' });
    await pushSignatures(client, { repository: `${registry.host}/os/addon`, digest, reference, said: [] }, [key], undefined);
    await client.close();
    const { code, out, said } = await verify(reference, policies(ours()));
    assert.equal(code, 0, said);
    assert.match(out, /p0\/release\s+Bundle\s+[0-9a-f]{64}/);
    assert.doesNotMatch(out, /Malformed|Unsupported/);
  });

  test('in words: the decision, who signed, and what was looked at', async () => {
    const { out } = await verify(signed, policies(ours()));
    assert.match(out, new RegExp(`^Trusted: ${signed}\n`));
    assert.match(
      out,
      new RegExp(`\n {2}by TrustPolicy p0\n[^]*\nSigned by:\n {2}p0/release {2}(Signature|Bundle) {2}${key.fingerprint}\n`),
    );
    assert.match(out, /\nLooked at:\n {2}accepted (Signature|Bundle) sha256:/);
  });

  test('refused: exit code 1, and each candidate says why', async () => {
    const stranger = (await newKey()).publicKey;
    const { code, out } = await verify(
      signed,
      policies(ours({ authorities: [{ name: 'release', key: { data: stranger } }] })),
      '-o',
      'json',
    );
    assert.equal(code, 1);
    const { decision, candidates } = json(out);
    assert.equal(decision, 'Refused');
    assert.deepEqual(new Set(candidates.map(c => c.reason)), new Set(['UnknownKey']));
  });

  const table: [string, () => string, () => string, number, RegExp][] = [
    ['what is not signed is refused', () => unsigned, () => policies(ours()), 1, /^Refused: /],
    [
      'a key of another prefix does not count (T15)',
      () => signed,
      () => policies(ours({ scope: { prefix: `${registry.host}/os/edge/below` } })),
      1,
      /no TrustPolicy covers/,
    ],
    [
      'a prefix is no beginning of a word (W1)',
      () => signed,
      () => policies(ours({ scope: { prefix: `${registry.host}/o` } })),
      1,
      /no TrustPolicy covers/,
    ],
    ['a root key counts for all (T15)', () => signed, () => policies(ours({ scope: { root: true } })), 0, /^Trusted: /],
    [
      'a revoked key does not count (T13)',
      () => signed,
      () => policies(ours({ revoked: [{ fingerprint: key.fingerprint }] })),
      1,
      /Revoked: TrustPolicy p0 revokes the key/,
    ],
    [
      'a mode that lets through is exit code 4, not 0: Warn (F7)',
      () => unsigned,
      () => policies(ours({ mode: 'Warn' })),
      4,
      /^Warned: /,
    ],
    [
      'a mode that lets through is exit code 4, not 0: Skip, and it is said (F7)',
      () => unsigned,
      () => policies({ scope: { root: true }, mode: 'Skip' }),
      4,
      /^Skipped: [^]*nothing is verified/,
    ],
    [
      'an exclusive policy does not take a root key (W7)',
      () => signed,
      () =>
        policies(ours({ scope: { root: true } }), {
          scope: { prefix: `${registry.host}/os` },
          exclusive: true,
          authorities: [{ name: 'other', key: { data: otherKey } }],
        }),
      1,
      /^Refused: /,
    ],
  ];
  let otherKey = '';
  before(async () => {
    otherKey = (await newKey()).publicKey;
  });
  for (const [name, image, file, code, words] of table)
    test(name, async () => {
      const ran = await verify(image(), file());
      assert.match(ran.out, words, ran.said);
      assert.equal(ran.code, code);
    });

  test('no policy at all: nothing is verified, and exit code 4 says so', async () => {
    const empty = join(directory, 'none');
    mkdirSync(empty);
    const { code, out } = await verify(signed, empty);
    assert.equal(code, 4);
    assert.match(out, /^NotConfigured: /);
  });

  test('a key in a Secret is read from a directory', async () => {
    const secret = join(directory, 'secret');
    mkdirSync(secret);
    writeFileSync(join(secret, 'cosign.pub'), key.publicKey);
    const file = policies(ours({ authorities: [{ name: 'release', key: { secretRef: { name: 'release-key' } } }] }));
    assert.equal((await verify(signed, file, '--secret', `release-key=${secret}`)).code, 0);
    const without = await verify(signed, file);
    assert.equal(without.code, 1);
    assert.match(without.out, /Secret release-key is not there/);
  });

  test('a look-up that fails is no judgement: exit code 3', async t => {
    const heal = registry.requests.fail(
      ({ path }) => path.includes('/referrers/') || path.includes('.sig') || path.includes('manifests/sha256-'),
      { status: 503 },
    );
    t.after(heal);
    const { code, said, out } = await verify(signed, policies(ours()));
    assert.equal(code, 3, said);
    assert.match(said, /SignatureLookupFailed: .*; this says nothing of the image/);
    assert.equal(out, '');
  });

  describe('where rkt set the rules for fetching', () => {
    test('policies of several places add up, and a revocation of one takes away a key of another (T12, T13)', async () => {
      const [vendor, local] = [policies(ours()), join(directory, 'local.yaml')];
      const revoking = { apiVersion: 'scantling.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name: 'local' } };
      writeFileSync(
        local,
        stringify({ ...revoking, spec: { scope: { root: true }, revoked: [{ fingerprint: key.fingerprint }] } }),
      );
      assert.equal((await verify(signed, vendor)).code, 0);
      const { code, out } = await verify(signed, vendor, '--policy', local);
      assert.equal(code, 1);
      assert.match(out, /TrustPolicy local revokes the key/);
    });

    test('signatures are read, and of the image no layer and no configuration (F2)', async () => {
      const client = createRegistry({ insecureHosts: new Set([registry.host]), userAgent: 'test' });
      const { manifests } = (await client.manifest(signed)).json as { manifests: Descriptor[] };
      const platforms = await Promise.all(manifests.map(({ digest }) => client.manifest(`${registry.host}/os/edge@${digest}`)));
      await client.close();
      const own = platforms.flatMap(({ json: manifest }) => {
        const { config, layers } = manifest as { config: Descriptor; layers: Descriptor[] };
        return [config.digest, ...layers.map(({ digest }) => digest)];
      });
      assert(own.length > manifests.length);
      const before = registry.requests.log.length;
      const stranger = (await newKey()).publicKey;
      assert.equal((await verify(signed, policies(ours({ authorities: [{ name: 'a', key: { data: stranger } }] })))).code, 1);
      assert.equal((await verify(signed, policies(ours()))).code, 0);
      const blobs = registry.requests.log.slice(before).filter(({ path }) => path.includes('/blobs/'));
      assert(blobs.length > 0, 'signatures are blobs');
      assert.deepEqual(
        blobs.filter(({ path }) => own.some(digest => path.includes(digest))),
        [],
      );
    });

    test('an answer of 202 for the signature is a failed look-up: not "unsigned", and not accepted (F3)', async t => {
      t.after(registry.requests.fail(({ path }) => path.includes('sha256-'), { status: 202, body: '' }));
      const { code, said } = await verify(signed, policies(ours()));
      assert.equal(code, 3, said);
      assert.match(said, /SignatureLookupFailed/);
    });

    test('what is signed must be the image that was asked for, not only something (F4)', async () => {
      const client = createRegistry({ insecureHosts: new Set([registry.host]), userAgent: 'test' });
      const [from, to] = [`${registry.host}/os/edge`, `${registry.host}/os/other`];
      const { digest } = await client.resolve(unsigned);
      const copied = await client.manifest(`${from}:${signatureTag(signed.split('@')[1] ?? '')}`);
      const { config, layers } = copied.json as { config: Descriptor; layers: Descriptor[] };
      for (const blob of [config, ...layers]) await client.copyBlob(to, { from, ...blob });
      await client.pushManifest(to, { mediaType: copied.mediaType, bytes: copied.bytes, tag: signatureTag(digest) });
      await client.close();
      const { code, out } = await verify(unsigned, policies(ours()), '-o', 'json');
      assert.equal(code, 1);
      assert.deepEqual(
        json(out).candidates.map(c => c.reason),
        ['WrongDigest'],
      );
    });

    test('who verifies discovers no keys, also where a policy has discovery (F5)', async () => {
      const before = registry.requests.log.length;
      const stranger = (await newKey()).publicKey;
      const file = policies(
        ours({
          authorities: [{ name: 'a', key: { data: stranger } }],
          discovery: { enabled: true, allowPrivateAddresses: true },
        }),
      );
      assert.equal((await verify(signed, file)).code, 1);
      assert(!registry.requests.log.slice(before).some(({ query }) => query.includes('ac-discovery')));
    });
  });

  test('an image that is not there is no refusal: exit code 3', async () => {
    const { code, said } = await verify(`${registry.host}/os/none:1`, policies(ours()));
    assert.equal(code, 3, said);
  });

  test('what cannot be meant is exit code 2', async () => {
    assert.equal((await run(['verify', 'image'])).code, 2);
    assert.equal((await verify(signed, join(directory, 'nowhere'))).code, 2);
    assert.equal((await verify(signed, policies(ours()), '--secret', 'nonsense')).code, 2);
    assert.equal((await verify('NOT AN IMAGE', policies(ours()))).code, 1);
  });
});
