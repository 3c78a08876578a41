/** When images are read for the systems in them. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ImageSystem } from '../../controller/addon/image-system.ts';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { Systems } from '../../controller/rollout/systems.ts';

const fedora: ImageSystem = { os: { id: 'fedora', idLike: [], versionId: '42' }, profile: [] };
const of = (image: string) => ({ image, platform: 'linux/amd64' });
const none = () => Promise.resolve(undefined);

describe('the systems in images', () => {
  let now: number;
  let allowed: Set<string>;
  /** Every reading that was begun, and how to end it. */
  let readings: { image: string; user: string | undefined; end: (by: ImageSystem | Error) => Promise<void> }[];
  let systems: Systems;
  beforeEach(() => {
    now = 0;
    allowed = new Set(['p a', 'p b', 'p c', 'q a']);
    readings = [];
    systems = new Systems({
      now: () => now,
      isAllowed: (pool, image) => allowed.has(`${pool} ${image}`),
      read: ({ image }, auth) => {
        const { promise, resolve, reject } = Promise.withResolvers<ImageSystem>();
        const user = auth?.auths.get('registry.example')?.username;
        const end = async (by: ImageSystem | Error): Promise<void> => {
          if (by instanceof Error) reject(by);
          else resolve(by);
          await turn();
        };
        readings.push({ image, user, end });
        return promise;
      },
    });
  });
  const wordsOf = async (pool: string, image: string, credentials: Parameters<Systems['of']>[2] = none): Promise<string> => {
    const known = systems.of(pool, of(image), credentials);
    await turn();
    return 'hold' in known ? `${known.hold.stalled ? 'stalled: ' : ''}${known.hold.message}` : known.os.id;
  };

  it('are read once, for all pools', async () => {
    assert.match(await wordsOf('p', 'a'), /^what system a is for linux\/amd64 is being read$/);
    assert.match(await wordsOf('q', 'a'), /is being read$/);
    await readings[0]?.end(fedora);
    assert.deepEqual([await wordsOf('p', 'a'), await wordsOf('q', 'a'), readings.length], ['fedora', 'fedora', 1]);
  });

  it('are not read before trust allows the image, and then soon', async () => {
    allowed.clear();
    assert.match(await wordsOf('p', 'a'), /is read once the image is trusted$/);
    assert.equal(systems.nextMs('p'), 100);
    assert.match(await wordsOf('p', 'a'), /once the image is trusted$/);
    assert.equal(systems.nextMs('p'), 30_000);
    assert.equal(readings.length, 0);
    allowed.add('p a');
    assert.match(await wordsOf('p', 'a'), /is being read$/);
    assert.equal(readings.length, 1);
  });

  it('are not read again soon from an image that is none, and later each time from a registry that does not answer', async () => {
    await wordsOf('p', 'a');
    await readings[0]?.end(new StallingError('ImageUnsupported', 'a has no /usr/lib/os-release'));
    assert.match(await wordsOf('p', 'a'), /^stalled: .* cannot be looked up: ImageUnsupported: a has no/);
    now += 3_599_999;
    assert.match(await wordsOf('p', 'a'), /cannot be looked up/);
    assert.equal(readings.length, 1);
    now += 1;
    assert.match(await wordsOf('p', 'a'), /is being read$/);
    const waits = [30_000, 60_000, 120_000, 120_000];
    for (const [i, ms] of waits.entries()) {
      assert.match(await wordsOf('p', 'b'), /is being read$/);
      await readings[2 + i]?.end(new TransientError('RegistryUnavailable', 'no answer'));
      systems.nextMs('p');
      assert.match(await wordsOf('p', 'b'), /cannot be looked up: RegistryUnavailable: no answer$/);
      assert.equal(systems.nextMs('p'), ms);
      now += ms;
    }
  });

  it('that one pool may not read are read with the credentials of another', async () => {
    const login = { username: 'q', password: 'p' };
    await wordsOf('p', 'a');
    await readings[0]?.end(new TransientError('RegistryAccessDenied', 'wants credentials'));
    assert.match(await wordsOf('p', 'a'), /RegistryAccessDenied/);
    assert.match(
      await wordsOf('q', 'a', () => Promise.resolve({ auths: new Map([['registry.example', login]]) })),
      /being read$/,
    );
    assert.deepEqual(
      readings.map(({ user }) => user),
      [undefined, 'q'],
    );
    await readings[1]?.end(fedora);
    assert.equal(await wordsOf('p', 'a'), 'fedora');
  });

  it('are read a few at a time', async () => {
    for (const image of ['a', 'b']) await wordsOf('p', image);
    assert.match(await wordsOf('p', 'c'), /is read after other images$/);
    await readings[0]?.end(fedora);
    assert.match(await wordsOf('p', 'c'), /is being read$/);
    assert.deepEqual(
      readings.map(({ image }) => image),
      ['a', 'b', 'c'],
    );
  });
});
