/** What a controller says of objects that another one keeps: once for each time that they wait for long. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { systempools } from '../../controller/api/system-pool.ts';
import { Caches } from '../../controller/kube/caches.ts';
import { createClient } from '../../controller/kube/client.ts';
import { Store } from '../../controller/kube/store.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { Shard, ShardRoots, type ShardView } from '../../controller/sharding/shard.ts';
import { createLog } from '../../controller/telemetry/log.ts';

/** The pools of the controller "a" of which "b", whose Lease never ends, has some. */
async function start(t: TestContext) {
  const lease = { metadata: { resourceVersion: '1' }, spec: { holderIdentity: 'somebody', leaseDurationSeconds: 3600 } };
  let onLook: (() => void) | undefined;
  const server = createServer((_, response) => {
    onLook?.();
    onLook = undefined;
    response.end(JSON.stringify(lease));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeConfig = { getCurrentCluster: () => ({ server: url }), applyToHTTPSOptions: () => Promise.resolve() };
  const transport = new Transport({ kubeConfig, userAgent: 'test' });
  t.after(async () => {
    await transport.close();
    server.closeAllConnections();
    server.close();
  });
  const said: string[] = [];
  const log = createLog('warn', line => said.push(line));
  const claimant = { own: 'a', unsharded: 'scantling-controller' };
  const caches = new Caches({ transport, log });
  const client = createClient(transport);
  const shard = new Shard({ client, caches, namespace: 'n', claimant, selects: () => true, log });
  const store = new Store<ShardView>();
  const roots = new ShardRoots(systempools, store, claimant, shard);
  const reconcile = roots.guard(() => assert.fail('it is not ours'));
  return {
    store,
    said,
    look: () => reconcile('edge', { log, signal: AbortSignal.timeout(60_000), reconcileId: 'r' }),
    /** Runs once, when the Lease is looked at. */
    meanwhile: (change: () => void) => {
      onLook = change;
    },
  };
}

const pool = (o: Partial<ShardView> = {}): ShardView => ({
  name: 'edge',
  uid: 'one',
  resourceVersion: '1',
  matches: true,
  holder: 'b',
  begun: true,
  ...o,
});

for (const [what, interlude] of [
  ['its label was another for a while', (store: Store<ShardView>) => store.set(pool({ matches: false }))],
  ['it was deleted and made anew', (store: Store<ShardView>) => store.delete('edge')],
  ['it was made anew unseen', (store: Store<ShardView>) => store.set(pool({ uid: 'two' }))],
  ['it was let go for a while', (store: Store<ShardView>) => store.set(pool({ holder: 'a' }))],
] as const)
  test(`a long wait is said once, and again after ${what}`, async t => {
    const { store, said, look } = await start(t);
    store.set(pool());
    for (let i = 0; i < 3; i++) await look();
    assert.equal(said.length, 1, said.join());
    interlude(store);
    store.set(pool({ uid: store.get('edge')?.uid ?? 'three' }));
    await look();
    assert.equal(said.length, 1, 'the first look says nothing');
    await look();
    assert.equal(said.length, 2);
  });

test('nothing is remembered of what goes while the Lease is looked at', async t => {
  const { store, said, look, meanwhile } = await start(t);
  store.set(pool());
  meanwhile(() => store.delete('edge'));
  await look();
  store.set(pool());
  await look();
  assert.deepEqual(said, []);
});
