/**
 * Two replicas in the middle of a rollout: the active one is killed, frozen, cut off, told to end, or has its clock stepped. The other goes on within
 * 20 s, no node is touched twice, and after its first write the API server takes none of the earlier one.
 */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { leases, type Lease } from '../../controller/api/core.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { Fleet } from '../cluster/fleet.ts';
import { programFor } from '../cluster/program.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';
import { Replica } from './replica.ts';

/** As the issue of a Lease is renewed, and as the design asks. */
const times = { leaseMs: 15_000, handOverMs: 20_000 };

let environment: Environment;
let fleet: Fleet;
let token: string;
const replicas: Replica[] = [];
let images = 1;

before(async () => {
  environment = await startEnvironment({ nodes: 4, startController: false, workloads: false, rebootMs: 500 });
  token = await serviceAccountToken(environment.transport, 'scantling-controller');
  fleet = new Fleet(environment);
  await fleet.start();
});
after(async () => {
  for (const replica of replicas) await replica.stop();
  await fleet?.stop();
  await environment?.stop();
});

async function startReplica(): Promise<Replica> {
  const replica = await Replica.start({
    name: `replica-${replicas.length + 1}`,
    controlPlane: environment.controlPlane,
    token,
    program: await programFor({ source: true }),
    flags: { 'insecure-registries': environment.registry.host },
    directory: environment.directory,
  });
  replicas.push(replica);
  return replica;
}

const readLease = (): Promise<Lease> => environment.admin.get(leases, 'scantling-controller', defaultNamespace);
const heldBy = async (name: string): Promise<boolean> => (await readLease()).spec?.holderIdentity === name;

/** Two replicas, of which the first leads. */
async function pair(): Promise<[active: Replica, standby: Replica]> {
  const living = replicas.filter(({ process }) => process.running);
  while (living.length < 2) living.push(await startReplica());
  await until('a leader', async () => {
    const holder = await readLease().catch(() => undefined);
    return living.some(({ name }) => name === holder?.spec?.holderIdentity);
  });
  const holder = (await readLease()).spec?.holderIdentity;
  const active = living.find(({ name }) => name === holder);
  const standby = living.find(({ name }) => name !== holder);
  assert.ok(active && standby);
  return [active, standby];
}

/** Rolls a new image out and resolves when the first node has booted it; the function that it returns waits for all, and checks how it went. */
async function beginRollout(): Promise<() => Promise<void>> {
  const { image, platforms, digest } = await pushBaseImage({
    registry: environment.registry.host,
    tag: `release-${++images}`,
    release: `${images}`,
  });
  const boots = new Map(environment.nodes.map(node => [node.name, node.reboots]));
  fleet.beginRecord();
  const digests = new Set([digest, ...Object.values(platforms)]);
  const runsIt = (name: string) => digests.has(fleet.stores.targets.get(name)?.status?.host?.booted?.digest ?? '');
  await environment.admin.apply(
    systempools,
    {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'SystemPool',
      metadata: { name: 'workers' },
      spec: {
        nodeSelector: { matchLabels: { 'node-role.kubernetes.io/worker': '' } },
        system: { image },
        rollout: { maxUnavailable: 1 },
      },
    },
    { fieldManager: 'kubectl' },
  );
  const comes = (what: string, holds: () => boolean) =>
    fleet.until(what, holds, { timeoutMs: 240_000, explain: () => `${fleet.describe()}\n${replicas.at(-1)?.process.tail(20)}` });
  const updated = () => environment.nodes.filter(({ name }) => runsIt(name)).length;
  await comes('the first node of the rollout', () => updated() > 0);
  assert.ok(updated() < environment.nodes.length, 'in the middle of the rollout');
  return async () => {
    await comes('all nodes', () => updated() === environment.nodes.length && fleet.unavailable.length === 0);
    for (const { name, reboots } of environment.nodes) assert.equal(reboots - (boots.get(name) ?? 0), 1, `boots of ${name}`);
    assert.equal(fleet.mostUnavailable, 1);
  };
}

/** The order of the two replicas' writes, and the Lease's own word of how long it took. */
async function checkHandOver(
  t: TestContext,
  o: { from: Replica; to: Replica; before: Lease; released?: boolean },
): Promise<void> {
  const { from, to, before } = o;
  await until(`${to.name} to lead`, () => heldBy(to.name));
  const lease = await readLease();
  assert.equal(lease.spec?.leaseTransitions, (before.spec?.leaseTransitions ?? 0) + 1);
  await until(`writes of ${to.name}`, () => to.written().length > 0);
  const last = Math.max(0, ...from.written().map(({ endedAt }) => endedAt ?? Infinity));
  const first = Math.min(...to.written().map(({ startedAt }) => startedAt));
  assert.ok(last < first, `${from.name} wrote until ${last}, ${to.name} from ${first}`);
  const took = Date.parse(lease.spec?.acquireTime ?? '') - Date.parse(before.spec?.renewTime ?? '');
  t.diagnostic(
    `the Lease changed hands ${took} ms after its last renewal that was seen; ${Math.round(first - last)} ms without a writer`,
  );
  if (!o.released) assert.ok(took >= times.leaseMs, `taken after ${took} ms, before it had expired`);
  assert.ok(took <= times.handOverMs, `taken only after ${took} ms`);
}

test('the active one is killed', async t => {
  const [active, standby] = await pair();
  const finished = await beginRollout();
  active.process.kill('SIGKILL');
  await active.process.exited;
  await checkHandOver(t, { from: active, to: standby, before: await readLease() });
  await finished();
});

test('the active one is frozen until past its lease: it wakes, writes nothing and ends', async t => {
  const [active, standby] = await pair();
  const finished = await beginRollout();
  active.process.kill('SIGSTOP');
  await checkHandOver(t, { from: active, to: standby, before: await readLease() });
  const written = active.written().length;
  active.process.kill('SIGCONT');
  const { code } = await active.process.exited;
  assert.equal(code, 1);
  assert.match(active.process.tail(5), /ending at once/);
  assert.equal(active.written().length, written);
  await finished();
});

test('the active one is cut off from the API server: it ends before another writes', async t => {
  const [active, standby] = await pair();
  const finished = await beginRollout();
  // Nothing passes any more, and nobody says so before whoever asks has given up.
  active.proxy.fail(undefined, { delayMs: 30_000, drop: 'before' });
  active.proxy.hangWatches();
  const ended = active.process.exited.then(({ code }) => ({ code, at: performance.now() }));
  await checkHandOver(t, { from: active, to: standby, before: await readLease() });
  const { code, at } = await ended;
  assert.equal(code, 1);
  assert.ok(at < Math.min(...standby.written().map(({ startedAt }) => startedAt)), 'it had ended when the other began');
  await finished();
});

test('the active one is told to end, as by kubectl delete pod: the other need not wait', async t => {
  const [active, standby] = await pair();
  const finished = await beginRollout();
  const before = await readLease();
  active.process.kill('SIGTERM');
  const { code } = await active.process.exited;
  assert.equal(code, 0);
  assert.match(active.process.tail(5), /gave the lease up/);
  await checkHandOver(t, { from: active, to: standby, before, released: true });
  await finished();
});

test("the active one's clock steps an hour ahead: it says so, keeps the Lease, and goes on when the clock is right", async () => {
  const [active, standby] = await pair();
  const finished = await beginRollout();
  const { spec } = await readLease();
  active.process.kill('SIGUSR2');
  await until('word of the clock', async () => /the clock of this machine is \d+ s ahead/.test((await active.readyz()).text));
  assert.equal((await active.readyz()).status, 503);
  assert.equal((await standby.readyz()).status, 200);
  active.process.kill('SIGUSR2');
  await until('readiness', async () => (await active.readyz()).status === 200);
  await finished();
  const lease = await readLease();
  assert.deepEqual([lease.spec?.holderIdentity, lease.spec?.leaseTransitions], [active.name, spec?.leaseTransitions]);
  assert.deepEqual(standby.written(), []);
});
