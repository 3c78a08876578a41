/** A controller of addons that ends at any moment, and the one that comes after it; and what becomes of work for an addon that is another meanwhile. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAddonArtifact } from '../../controller/addon/push-image.ts';
import { conditionOf } from '../../controller/api/conditions.ts';
import { systemaddons } from '../../controller/api/system-addon.ts';
import type { Client } from '../../controller/kube/client.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { until } from '../kube/until.ts';
import { type AddonCluster, messageOf, says, startAddonCluster } from './addon-cluster.ts';

const writes = /^(apply|create|mergePatch|delete|push|copy|amend|checkPush)/;

/** A controller that was killed after so many writes does nothing more, not even fail: the answer of the last never comes, and no call after it is made. */
function killedAfter(
  count: number,
  killed: () => void,
): (client: Client, registry: Registry) => { client: Client; registry: Registry } {
  let left = count;
  const never = new Promise<never>(() => undefined);
  const limit = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, key) {
        const value: unknown = Reflect.get(object, key);
        if (typeof value !== 'function') return value;
        const call = value as (...args: unknown[]) => unknown;
        return (...args: unknown[]): unknown => {
          if (left <= 0) return never;
          if (!writes.test(String(key)) || --left > 0) return call.apply(object, args);
          Promise.resolve(call.apply(object, args)).then(killed, killed);
          return never;
        };
      },
    });
  return (client, registry) => ({ client: limit(client), registry: limit(registry) });
}

const tool = (content: string) => ({ files: [{ path: '/usr/bin/tool', mode: '0755', content }] });
const two = [
  { os: { id: 'fedora', versionId: '42' }, source: tool('for fedora') },
  { os: { id: 'debian', versionId: '13' }, source: tool('for debian') },
];

describe('a controller of addons that ends', () => {
  let cluster: AddonCluster;
  before(async () => {
    cluster = await startAddonCluster();
  });
  after(() => cluster.stop());

  const artifacts = (name: string) =>
    cluster.get(name).then(({ status }) => status?.variants?.map(({ digest, size }) => ({ digest, size })));

  it('comes to the same end whichever write was its last', async t => {
    const whole = await cluster.start();
    const output = { repository: `${cluster.server.host}/killed/whole` };
    const of = (n: string) => ({ output: { repository: `${output.repository}-${n}` }, variants: two });
    await cluster.apply('killed', of('expected'));
    await cluster.until('killed', 'made', says('Succeeded'));
    const expected = await artifacts('killed');
    await whole.stop();
    let ended = false;
    let count = 1;
    for (; !ended; count++) {
      await cluster.admin.delete(systemaddons, 'killed');
      await cluster.apply('killed', of(String(count)));
      let killed = false;
      const first = await cluster.start({
        wrap: killedAfter(count, () => {
          killed = true;
        }),
      });
      await until('killed or done', async () => killed || says('Succeeded')(await cluster.get('killed')));
      await first.kill();
      ended = !killed;
      const second = await cluster.start();
      const { status } = await cluster.until('killed', 'made', says('Succeeded'));
      assert.deepEqual(await artifacts('killed'), expected, `killed after ${count} writes`);
      for (const { image } of status?.variants ?? []) await readAddonArtifact(cluster.registry, image ?? '');
      await second.stop();
      assert.ok(count < 100);
    }
    t.diagnostic(`${count - 2} writes, killed after each`);
  });

  it('gives up the work at its end, and the next one does it', async () => {
    const first = await cluster.start();
    const held = cluster.server.requests.fail(({ method, path }) => method === 'POST' && path.includes('/addons/cut/'), {
      delayMs: 60_000,
    });
    await cluster.apply('cut', { variants: two });
    await cluster.until('cut', 'at work', says('Building'));
    // As the program does when its workers take too long.
    const stopped = first.stop();
    held();
    await stopped;
    const { status } = await cluster.get('cut');
    assert.equal(conditionOf(status?.conditions, 'Ready')?.reason, 'Building');
    const second = await cluster.start();
    await cluster.until('cut', 'made', says('Succeeded'));
    assert.deepEqual(second.events.map(({ reason }) => reason).toSorted(), ['Built', 'Built']);
    await second.stop();
  });

  it('ends what is made for an addon that is deleted or changed meanwhile, and leaves no directory', async () => {
    const own = join(cluster.directory, 'addons');
    const mine = async () => readdir(join(own, (await readdir(own)).find(name => name.startsWith(`${process.pid}-`)) ?? ''));
    // Of those that were killed.
    const left = await mine();
    const running = await cluster.start();
    const { image } = await cluster.pushRootfs('apps/slow', { 'linux/amd64': { 'usr/bin/slow': 'slow' } });
    const variants = [{ os: { id: 'fedora' }, source: { image: { reference: image } } }];
    const hold = () =>
      cluster.server.requests.fail(({ method, path }) => method === 'GET' && path.includes('/apps/slow/blobs/'), { hang: true });
    const asked = () =>
      cluster.server.requests.log.filter(({ method, path }) => method === 'GET' && path.includes('/apps/slow/blobs/')).length;
    const free = hold();
    await cluster.apply('slow', { variants });
    await until('it downloads', () => asked() > 0);
    await cluster.apply('waits', { variants: two.slice(0, 1) });
    const waits = await cluster.until('waits', 'waits for its turn', says('Building'));
    assert.match(messageOf(waits), /making linux\/amd64 for fedora 42/);
    await cluster.apply('slow', { variants: two });
    free();
    await cluster.until('slow', 'made as it is now', says('Succeeded'));
    await cluster.until('waits', 'has had its turn', says('Succeeded'));
    assert.deepEqual(
      (await cluster.get('slow')).status?.variants?.map(({ os }) => os.id),
      ['fedora', 'debian'],
    );
    await running.stop();
    await until('its directories are removed', async () => (await mine()).every(name => left.includes(name)), 120_000);
  });
});
