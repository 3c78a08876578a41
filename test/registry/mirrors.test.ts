import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { parseRegistries } from '../../controller/registry/configuration.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import type { HttpFault } from '../cluster/http-faults.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientOf, clientWith, pushImage } from './image-fixture.ts';

const flip = (chunk: Buffer): Buffer => Buffer.from(chunk.map(byte => byte ^ 0x20));

/** Everything that can be wrong with a mirror; a pull never fails of it, and never believes it. */
const troubles: Record<string, HttpFault> = {
  '404': { status: 404 },
  '403': { status: 403 },
  '500': { status: 500 },
  '429 for an hour': { status: 429, retryAfter: 3600 },
  'a broken connection': { cutAfterBytes: 0 },
  'a cut body': { cutAfterBytes: 1 },
  'other bytes': { corrupt: flip },
  'a page': { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' },
  'a redirect to nowhere': { status: 307 },
};

describe('mirrors', () => {
  let origin: RegistryServer;
  let mirror: RegistryServer;
  let second: RegistryServer;
  let direct: Registry;
  let round = 0;
  before(async () => {
    [origin, mirror, second] = await Promise.all([startRegistry(), startRegistry({ auth: 'basic' }), startRegistry()]);
    direct = clientOf(origin.host, mirror.host, second.host);
  });
  after(async () => {
    await direct.close();
    await Promise.all([origin.stop(), mirror.stop(), second.stop()]);
  });
  const auth = () => parseDockerConfig(JSON.stringify({ auths: { [mirror.host]: registryCredentials } }));

  /** The first mirror wants credentials of its own; only the second may say what a tag means. */
  function client(): Registry {
    const mirrors = [
      { location: `${mirror.host}/cache`, plainHTTP: true },
      { location: `${second.host}/copies`, plainHTTP: true, tags: true },
    ];
    const entry = { prefix: `${origin.host}/team`, plainHTTP: true, mirrors };
    const configuration = parseRegistries(JSON.stringify({ registries: [entry] }), () => undefined);
    return clientWith({ configuration: () => configuration }, origin.host);
  }

  async function image(...copies: string[]): Promise<{ name: string; repository: string; digest: string; blob: Buffer }> {
    const name = `image-${++round}`;
    const { digest, blob } = await pushImage(direct, `${origin.host}/team/${name}`, 'v1');
    for (const copy of copies) {
      const to = `${copy}/${name}`;
      await direct.copyBlob(to, { from: `${origin.host}/team/${name}`, digest: sha256(blob), size: blob.length }, auth());
      const { bytes, mediaType } = await direct.manifest(`${origin.host}/team/${name}@${digest}`);
      await direct.pushManifest(to, { bytes, mediaType, tag: 'v1' }, auth());
    }
    for (const { requests } of [origin, mirror, second]) requests.clear();
    return { name, repository: `${origin.host}/team/${name}`, digest, blob: Buffer.from(blob) };
  }

  test('serve what a digest proves, with their own credentials, and the registry is not asked', async () => {
    const { repository, digest, blob } = await image(`${mirror.host}/cache`);
    const own = client();
    assert.equal((await own.manifest(`${repository}@${digest}`, auth())).digest, digest);
    assert.equal((await own.resolve(`${repository}@${digest}`, auth())).reference, `${repository}@${digest}`);
    assert.deepEqual(Buffer.from(await own.blob(repository, sha256(blob), auth())), blob);
    assert.equal(origin.requests.count, 0);
    assert.ok(mirror.requests.count > 0);
    await own.close();
  });

  test('are asked in their order, then the registry itself', async () => {
    const { repository, digest } = await image();
    const own = client();
    await own.manifest(`${repository}@${digest}`, auth());
    assert.deepEqual(
      [mirror, second, origin].map(({ requests }) =>
        requests.log.filter(({ status }) => status !== 401).map(({ status }) => status),
      ),
      [[404], [404], [200]],
    );
    await assert.rejects(own.manifest(`${repository}@${sha256('absent')}`, auth()), NotFoundError);
    await own.close();
  });

  test('say what a tag means only where they may', async () => {
    const { repository, digest } = await image(`${mirror.host}/cache`, `${second.host}/copies`);
    const own = client();
    assert.equal((await own.resolve(`${repository}:v1`, auth())).digest, digest);
    assert.equal(mirror.requests.count, 0, 'not allowed to');
    assert.equal(second.requests.count, 1);
    assert.equal(origin.requests.count, 0);
    await own.close();
  });

  test('are never pushed to, and nothing that may change is asked there', async () => {
    const { repository, digest } = await image(`${mirror.host}/cache`, `${second.host}/copies`);
    const own = client();
    await pushImage(own, repository, 'v2', auth());
    await own.hasBlob(repository, sha256('x'), auth());
    await own.referrers(repository, digest, auth());
    await own.deleteManifest(repository, digest, auth());
    assert.equal(mirror.requests.count + second.requests.count, 0);
    await own.close();
  });

  for (const [name, fault] of Object.entries(troubles)) {
    test(`${name} of a mirror leads to the next place`, async () => {
      const { repository, digest, blob } = await image(`${mirror.host}/cache`, `${second.host}/copies`);
      for (const server of [mirror, second]) server.requests.fail(() => true, fault);
      const own = client();
      assert.equal((await own.manifest(`${repository}@${digest}`, auth())).digest, digest);
      assert.equal((await own.resolve(`${repository}:v1`, auth())).digest, digest);
      assert.deepEqual(Buffer.from(await own.blob(repository, sha256(blob), auth())), blob);
      const to = `${origin.host}/copied/${round}`;
      await own.copyBlob(to, { from: repository, digest: sha256(blob), size: blob.length }, auth());
      assert.equal(await own.hasBlob(to, sha256(blob)), blob.length);
      await own.close();
      for (const { requests } of [mirror, second]) requests.fail(() => true, {});
    });
  }

  test('wrong bytes in the middle of a copy are read again from the registry', async () => {
    const bytes = randomBytes(100_000);
    const name = `copied-${++round}`;
    const from = `${origin.host}/team/${name}`;
    for (const to of [from, `${second.host}/copies/${name}`]) await direct.pushBlob(to, bytes);
    const end = second.requests.fail(({ method }) => method === 'GET', { corrupt: flip });
    const mirrors = [{ location: `${second.host}/copies`, plainHTTP: true }];
    const text = JSON.stringify({ registries: [{ prefix: `${origin.host}/team`, plainHTTP: true, mirrors }] });
    const configuration = parseRegistries(text, () => undefined);
    const trusting = clientWith({ configuration: () => configuration }, mirror.host);
    // To another registry, or it would be mounted.
    const to = `${mirror.host}/target/${name}`;
    await trusting.copyBlob(to, { from, digest: sha256(bytes), size: bytes.length }, auth());
    end();
    assert.equal(sha256(await direct.blob(to, sha256(bytes), auth())), sha256(bytes));
    await trusting.close();
  });

  test('that cannot be reached are left alone for a while', async () => {
    const { repository, digest } = await image();
    const end = mirror.requests.fail(() => true, { cutAfterBytes: 0 });
    const own = client();
    for (let i = 0; i < 5; i++) await own.manifest(`${repository}@${digest}`, auth());
    assert.equal(mirror.requests.count, 1);
    assert.equal(second.requests.count, 5);
    end();
    await own.close();
  });

  test('a registry that fails is an error, whatever its mirrors lack', async () => {
    const { repository, digest } = await image();
    const end = origin.requests.fail(() => true, { status: 500 });
    const own = client();
    await assert.rejects(
      own.manifest(`${repository}@${digest}`, auth()),
      error => error instanceof TransientError && error.message.includes(origin.host),
    );
    end();
    await own.close();
  });
});
