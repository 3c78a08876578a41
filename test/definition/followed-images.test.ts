import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { FollowedImages } from '../../controller/definition/followed-images.ts';
import { type BaseImage, pushBaseImage } from '../cluster/base-image.ts';
import { type RegistryServer, registryCredentials, startRegistry } from '../cluster/registry.ts';

const intervalMs = 600_000;

for (const kind of ['distribution', 'referrers'] as const)
  describe(`followed images on the registry ${kind}`, () => {
    let server: RegistryServer;
    let locked: RegistryServer;
    let registry: Registry;
    const clients: Registry[] = [];
    /** A client with its own clock: it remembers which registries want no request, and until when. */
    const registryAt = (now: () => number): Registry => {
      const insecureHosts = new Set([server.host, locked.host]);
      const retry = { tries: 1, baseMs: 1, maxWaitMs: 1 };
      const client = createRegistry({ insecureHosts, userAgent: 'scantling-test', retry, now });
      clients.push(client);
      return client;
    };
    let base: BaseImage;
    before(async () => {
      server = await startRegistry({ kind });
      locked = await startRegistry({ kind, auth: 'basic' });
      registry = registryAt(Date.now);
      base = await pushBaseImage({ registry: server.host });
    });
    after(async () => {
      for (const client of clients) await client.close();
      await server.stop();
      await locked.stop();
    });

    /** A follower whose time stands still until it is moved. */
    const follower = (options: { random?: number; limit?: number } = {}) => {
      const clock = { now: 1_000_000 };
      const { random = 0, ...rest } = options;
      const now = (): number => clock.now;
      const images = new FollowedImages({ registry: registryAt(now), now, random: () => random, ...rest });
      const look = (o: { known?: string; force?: boolean; image?: string; intervalMs?: number } = {}) =>
        images.look(o.image ?? base.image, { auth: undefined, intervalMs, ...o });
      return { clock, images, look };
    };
    const heads = (): string[] => server.requests.log.map(({ method }) => method);

    it('asks once an interval, however many follow', async () => {
      const { clock, look } = follower({ random: 0.5 });
      server.requests.clear();
      for (let round = 1; round <= 3; round++) {
        const sights = await Promise.all(Array.from({ length: 100 }, () => look()));
        assert.ok(sights.every(sight => sight.digest === base.digest && sight.looked && sight.againMs === intervalMs * 1.05));
        await look();
        assert.deepEqual(heads(), Array(round).fill('HEAD'));
        clock.now += intervalMs;
      }
    });

    it('asks after a start when its turn comes, and at once for one that knows nothing', async () => {
      server.requests.clear();
      const { clock, look } = follower({ random: 0.5 });
      const known = `sha256:${'0'.repeat(64)}`;
      assert.deepEqual(await look({ known }), { digest: known, looked: false, againMs: intervalMs / 20 });
      clock.now += intervalMs / 20 - 1;
      assert.equal((await look({ known })).looked, false);
      assert.deepEqual(heads(), []);
      clock.now += 1;
      assert.equal((await look({ known })).digest, base.digest);
      assert.deepEqual(heads(), ['HEAD']);
      const other = follower();
      await other.look({ known });
      assert.equal((await other.look()).digest, base.digest);
    });

    it('asks at once when told to, though it is not due', async () => {
      const { look } = follower();
      await look();
      server.requests.clear();
      await look({ force: true });
      assert.deepEqual(heads(), ['HEAD']);
    });

    it('keeps the last digest when the registry fails, waits as long as it is told, and for all', async () => {
      const { clock, look } = follower();
      await look();
      clock.now += intervalMs;
      const heal = server.requests.fail(({ method }) => method === 'HEAD', { status: 429, retryAfter: 120 });
      server.requests.clear();
      const sight = await look();
      assert.equal(sight.digest, base.digest);
      assert.ok(sight.error instanceof TransientError && sight.error.reason === 'RegistryUnavailable');
      assert.equal(sight.againMs, 120_000);
      await look();
      assert.deepEqual(heads(), ['HEAD'], 'nobody asks again before its time');
      heal();
      clock.now += 120_000;
      assert.equal((await look()).error, undefined);
    });

    it('backs off from a registry that is down, and not beyond the interval', async () => {
      const { clock, look } = follower();
      const heal = server.requests.fail(() => true, { status: 503 });
      const waits: number[] = [];
      for (let i = 0; i < 6; i++) {
        const { againMs } = await look({ intervalMs: 10_000 });
        waits.push(againMs);
        clock.now += againMs;
      }
      assert.deepEqual(waits, [750, 1_500, 3_000, 6_000, 10_000, 10_000]);
      heal();
    });

    it('tells a tag that is not there from a registry that does not say', async () => {
      const { look } = follower();
      const gone = await look({ image: base.image.replace(/:[^:]*$/, ':gone'), known: base.digest, force: true });
      assert.ok(gone.error instanceof NotFoundError);
      assert.equal(gone.digest, base.digest);
      await assert.rejects(
        look({ image: 'no-registry-host' }),
        error => error instanceof StallingError && error.reason === 'InvalidImage',
      );
    });

    it('shares nothing between those with other credentials', async () => {
      const image = `${locked.host}/base/system:1`;
      const auth = (password: string) =>
        parseDockerConfig(JSON.stringify({ auths: { [locked.host]: { username: registryCredentials.username, password } } }));
      const good = auth(registryCredentials.password);
      const manifest = { mediaType: 'application/vnd.oci.image.index.v1+json', tag: '1' };
      const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType: manifest.mediaType, manifests: [] }));
      const digest = await registry.pushManifest(`${locked.host}/base/system`, { ...manifest, bytes }, good);
      const { images } = follower();
      assert.equal((await images.look(image, { auth: good, intervalMs })).digest, digest);
      const stranger = await images.look(image, { auth: undefined, intervalMs });
      assert.equal(stranger.digest, undefined);
      assert.ok(stranger.error instanceof TransientError && stranger.error.reason === 'RegistryAccessDenied');
      assert.equal((await images.look(image, { auth: auth('wrong'), intervalMs })).digest, undefined);
      const { length } = locked.requests.log;
      assert.equal((await images.look(image, { auth: auth(registryCredentials.password), intervalMs })).digest, digest);
      assert.equal(locked.requests.log.length, length, 'the same credentials from another Secret are the same');
    });

    it('forgets what nobody has asked for the longest', async () => {
      const { images, look } = follower({ limit: 2 });
      for (const tag of ['x', 'y', '1', 'x', '1']) await look({ image: base.image.replace(/:[^:]*$/, `:${tag}`) });
      assert.equal(images.size, 2);
      server.requests.clear();
      await look();
      assert.deepEqual(heads(), []);
    });
  });
