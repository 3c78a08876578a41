import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { TransientError } from '../../controller/api/errors.ts';
import { Pace } from '../../controller/registry/pace.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { TryAgain } from '../../controller/registry/retry.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientWith, pushImage } from './image-fixture.ts';

/** A clock that only sleeping moves. */
function clock() {
  let now = 1_000_000;
  const slept: number[] = [];
  return {
    now: () => now,
    slept,
    sleep: (ms: number) => {
      slept.push(ms);
      now += ms;
      return Promise.resolve();
    },
    random: () => 0,
  };
}

const told = (error: unknown): boolean => error instanceof TransientError && (error.retryAfterMs ?? 0) > 100_000;
const turn = { stream: false, maxWaitMs: 5_000, what: 'GET a/b' };

describe('the pace of a host', () => {
  test('bounds requests at once, streams apart, and loses no turn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ stream: fc.boolean(), fails: fc.boolean() }), { maxLength: 60 }), async calls => {
        const pace = new Pace(clock());
        const running = { true: 0, false: 0 };
        const peak = { true: 0, false: 0 };
        await Promise.all(
          calls.map(async ({ stream }) => {
            const leave = await pace.enter('host', { ...turn, stream });
            const kind = `${stream}` as const;
            peak[kind] = Math.max(peak[kind], ++running[kind]);
            await new Promise(resolve => setImmediate(resolve));
            running[kind]--;
            leave();
            leave();
          }),
        );
        assert.ok(peak.true <= 4 && peak.false <= 12, JSON.stringify(peak));
        assert.deepEqual(running, { true: 0, false: 0 });
      }),
      { numRuns: 20 },
    );
  });

  test('a pause is for all callers, those who wait in line too', async () => {
    const time = clock();
    const pace = new Pace(time);
    const leave = await Promise.all(Array.from({ length: 12 }, () => pace.enter('host', turn)));
    const waiting = pace.enter('host', turn);
    assert.equal(pace.pause('host', 3_000), 3_000);
    for (const each of leave) each();
    await waiting;
    assert.deepEqual(time.slept, [3_000]);
    await pace.enter('other', turn);
    assert.deepEqual(time.slept, [3_000], 'another host is another matter');
  });

  test('a longer pause than a caller may wait is an error that says how long', async () => {
    const pace = new Pace(clock());
    pace.pause('host', 60_000);
    await assert.rejects(
      pace.enter('host', turn),
      error => error instanceof TryAgain && error.retryAfterMs === 60_000 && /60 s more/.test(error.message),
    );
    pace.pause('host', 86_400_000);
    await assert.rejects(pace.enter('host', turn), error => error instanceof TryAgain && error.retryAfterMs === 900_000);
  });

  test('a host that refuses without saying for how long gets longer pauses each time, until it serves', () => {
    const pace = new Pace(clock());
    assert.deepEqual(
      Array.from({ length: 8 }, () => pace.pause('host', undefined)),
      [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000],
    );
    pace.served('host');
    assert.equal(pace.pause('host', undefined), 500);
  });
});

describe('a registry that is asked too much', () => {
  let server: RegistryServer;
  before(async () => {
    server = await startRegistry();
  });
  after(() => server.stop());

  function paced(time: ReturnType<typeof clock>): Registry {
    return clientWith({ ...time, retry: { tries: 3, baseMs: 1, maxWaitMs: 5_000 } }, server.host);
  }

  for (const [name, retryAfter] of [
    ['seconds', '2'],
    ['a date', new Date(1_000_000 + 3_000).toUTCString()],
  ] as const) {
    test(`is left alone for as long as it says, in ${name}`, async () => {
      const time = clock();
      const client = paced(time);
      for (const status of [429, 503]) {
        const { digest } = await pushImage(client, `${server.host}/limits`, 'v1');
        time.slept.length = 0;
        server.requests.fail(() => true, { status, retryAfter, times: 1 });
        const found = await Promise.all(Array.from({ length: 5 }, () => client.resolve(`${server.host}/limits:v1`)));
        assert.ok(found.every(each => each.digest === digest));
        assert.ok(Math.max(0, ...time.slept) <= 3_000);
        if (name === 'seconds') assert.ok(time.slept.includes(2_000));
      }
      await client.close();
    });
  }

  test('and wants more than may be waited: nobody asks, and all are told when', async () => {
    const time = clock();
    const client = paced(time);
    const end = server.requests.fail(() => true, { status: 429, retryAfter: 120 });
    server.requests.clear();
    await assert.rejects(client.resolve(`${server.host}/limits:v1`), told);
    end();
    await assert.rejects(client.manifest(`${server.host}/limits:v1`), told);
    await assert.rejects(client.hasBlob(`${server.host}/other`, `sha256:${'0'.repeat(64)}`), told);
    assert.equal(server.requests.count, 1);
    await time.sleep(120_000);
    await client.resolve(`${server.host}/limits:v1`);
    await client.close();
  });

  test('gets at most sixteen requests at once', async () => {
    const client = clientWith({}, server.host);
    const end = server.requests.fail(() => true, { delayMs: 30 });
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, server.requests.log.filter(({ status }) => status === 0).length);
    }, 2);
    await Promise.all(Array.from({ length: 60 }, () => client.resolve(`${server.host}/limits:v1`)));
    clearInterval(watch);
    end();
    assert.ok(peak > 1 && peak <= 16, `${peak}`);
    await client.close();
  });
});
