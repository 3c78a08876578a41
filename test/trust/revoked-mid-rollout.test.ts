/** A signing key is revoked while a rollout of what it has signed is on its way; then another key signs. On the real parts. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { events, type Event, nodes } from '../../controller/api/core.ts';
import { type NodeTarget, nodetargets } from '../../controller/api/node-target.ts';
import { type SystemPoolStatus, systempools } from '../../controller/api/system-pool.ts';
import { trustpolicies } from '../../controller/api/trust-policy.ts';
import { type BaseImage, pushBaseImage } from '../cluster/base-image.ts';
import { type Environment, startEnvironment } from '../cluster/environment.ts';
import { until } from '../rollout/cluster.ts';
import { newKey, type TestKey } from './corpus/keys.ts';
import { Repository } from './corpus/repository.ts';
import { payloadOf, pushLayers, signedLayer } from './corpus/simple-signing.ts';

const fieldManager = 'test';
const apiVersion = 'scantling.dev/v1alpha1';
const pool = 'workers';
const canary = 'node-1';
const others = ['node-2', 'node-3', 'node-4'];

let environment: Environment;
let repository: Repository;
const [leaked, fresh] = [newKey(), newKey()];

before(async () => {
  environment = await startEnvironment({ nodes: 4, workloads: false, rebootMs: 1_500 });
  repository = new Repository(environment.registry.host, 'os');
});
after(async () => {
  // A stopped process ends only when it goes on.
  for (const name of others) freeze(name, false);
  await environment?.stop();
});

function push(version: number): Promise<BaseImage> {
  return pushBaseImage({
    registry: environment.registry.host,
    repository: 'os',
    tag: `${version}`,
    release: `release ${version}`,
  });
}

function sign({ digest }: BaseImage, ...keys: readonly TestKey[]): Promise<unknown> {
  const payload = payloadOf({ digest, repository });
  return pushLayers(
    repository,
    digest,
    keys.map(key => signedLayer(key, payload)),
  );
}

function applyPolicy(keys: readonly TestKey[], revoked: readonly TestKey[] = []): Promise<unknown> {
  const authorities = keys.map((key, i) => ({ name: `release-${i + 1}`, key: { data: key.pem } }));
  const spec = {
    scope: { prefix: repository.name },
    authorities,
    ...(revoked.length > 0 ? { revoked: revoked.map(({ fingerprint }) => ({ fingerprint, reason: 'it leaked' })) } : {}),
  };
  return environment.admin.apply(
    trustpolicies,
    { apiVersion, kind: 'TrustPolicy', metadata: { name: 'os' }, spec },
    {
      fieldManager,
    },
  );
}

async function roll(image: BaseImage, rollout: object): Promise<void> {
  const spec = {
    nodeSelector: { matchLabels: { 'node-role.kubernetes.io/worker': '' } },
    system: { image: image.image },
    rollout,
  };
  await environment.admin.apply(
    systempools,
    { apiVersion, kind: 'SystemPool', metadata: { name: pool }, spec },
    { fieldManager },
  );
}

async function status(): Promise<SystemPoolStatus> {
  return (await environment.admin.get(systempools, pool)).status ?? {};
}

const target = (name: string): Promise<NodeTarget> => environment.admin.get(nodetargets, name);

/** The pool says that every node runs the image and is Ready. */
async function arrived(image: BaseImage): Promise<void> {
  await until(async () => {
    const { target, conditions } = await status();
    const ready = conditionOf(conditions, 'Ready');
    assert(target?.image?.endsWith(image.digest), JSON.stringify(target));
    assert.equal(`${ready?.status} ${ready?.reason}`, 'True Updated', `${ready?.message}\n${environment.controller.tail(10)}`);
  });
}

/** The agent of a node stands still, as one that is busy. */
function freeze(name: string, still: boolean): void {
  const pid = environment?.nodes.find(node => node.name === name)?.agentPid;
  if (pid !== undefined) process.kill(pid, still ? 'SIGSTOP' : 'SIGCONT');
}

const boots = (): Record<string, number> => Object.fromEntries(environment.nodes.map(node => [node.name, node.reboots]));

const runs = async (name: string, image: BaseImage): Promise<boolean> =>
  Object.values(image.platforms).includes((await target(name)).status?.host?.booted?.digest ?? '');

async function eventsOf(reason: string): Promise<string[]> {
  const { items } = await environment.admin.list<Event>(events, { namespace: 'default' });
  return items.filter(e => e.reason === reason && e.regarding.kind === 'SystemPool').map(e => e.note ?? '');
}

test('a key revoked in the middle of a rollout stops it: nothing more is staged or armed, no node is rebooted, and another key lets it go on', async t => {
  const one = await push(1);
  const two = await push(2);
  await applyPolicy([leaked]);
  await sign(one, leaked);
  await sign(two, leaked);
  await roll(one, { maxUnavailable: 4, canary: 0 });
  await arrived(one);
  const { target: first, conditions } = await status();
  assert.equal(first?.trust?.decision, 'Trusted');
  assert.deepEqual(
    first.trust.signers?.map(s => [s.authority, s.key]),
    [['os/release-1', leaked.fingerprint]],
  );
  assert.equal(conditionOf(conditions, 'ImageTrusted')?.status, 'True');

  await t.test('before: one node runs it, one has its go-ahead, the others have it staged', async () => {
    // Whoever has it staged first would have the first turn: nobody has one before all are ready.
    await roll(two, { maxUnavailable: 0, canary: 1 });
    for (const name of [canary, ...others]) {
      await until(async () => {
        const { spec, status } = await target(name);
        const { phase, staged } = status?.host ?? {};
        assert(
          spec.image.endsWith(two.digest) && spec.digests.includes(staged?.digest ?? '') && phase === 'Staged',
          JSON.stringify(status),
        );
      });
      freeze(name, name !== canary);
    }
    await roll(two, { maxUnavailable: 1, canary: 1 });
    await until(async () => assert(await runs(canary, two)));
    await until(async () => {
      const states = await Promise.all(others.map(async name => (await target(name)).spec.state));
      assert.deepEqual(states.toSorted(), ['Booted', 'Staged', 'Staged']);
    });
  });
  const before = boots();

  await t.test('W5: the revocation is judged against what is staged and running already, at once', async () => {
    await applyPolicy([leaked], [leaked]);
    for (const name of others) {
      await until(async () => {
        const { spec } = await target(name);
        const { state, approval, image } = spec;
        assert.deepEqual({ state, approval }, { state: 'Staged', approval: undefined });
        assert(image.endsWith(one.digest), `${name} is still to run ${image}`);
        assert.equal((await environment.admin.get(nodes, name)).spec?.unschedulable ?? false, false, `${name} is cordoned`);
      });
    }
    await until(async () => {
      const { target, conditions } = await status();
      assert(target?.image?.endsWith(two.digest), 'the target stays, as what is withdrawn');
      assert.equal(target?.trust?.decision, 'Refused');
      const trusted = conditionOf(conditions, 'ImageTrusted');
      assert.deepEqual([trusted?.status, trusted?.reason], ['False', 'Revoked'], trusted?.message);
      const running = conditionOf(conditions, 'RunningUntrusted');
      // What the others run was signed by the same key.
      assert.equal(running?.status, 'True');
      assert.match(running.message, new RegExp(`${canary} runs .*${two.digest}`));
      assert.match(running.message, new RegExp(`${others.join(', ')} run .*${one.digest}`));
      const ready = conditionOf(conditions, 'Ready');
      assert.deepEqual([ready?.status, ready?.reason], ['False', 'Revoked'], ready?.message);
      assert.equal(conditionOf(conditions, 'Stalled')?.status, 'True');
    });
    assert.match(await environment.controller.metrics(), new RegExp(`scantling_trust_untrusted_nodes\\{pool="${pool}"\\} 4`));
    await until(async () => {
      assert.equal((await eventsOf('ImageRefused')).length, 1);
      // The first was of what the hosts came with, which no policy covers.
      const events = await eventsOf('RunningUntrusted');
      assert.equal(events.filter(note => note.includes(one.digest)).length, 1, events.join('\n'));
    });
  });

  await t.test('no node is rebooted for it', async () => {
    for (const name of others) freeze(name, false);
    for (const name of others) {
      await until(async () => {
        const { status } = await target(name);
        assert.deepEqual(
          [status?.host?.phase, conditionOf(status?.conditions, 'Ready')?.status],
          ['Idle', 'True'],
          JSON.stringify(status),
        );
      });
    }
    assert.deepEqual(boots(), before);
    assert(await runs(canary, two), 'the node that runs it goes on with it');
  });

  await t.test('another key signs, and the rollout goes on', async () => {
    await applyPolicy([leaked, fresh], [leaked]);
    await sign(two, leaked, fresh);
    // Somebody may sign at any time; whoever does not want to wait asks.
    const annotations = { 'reconcile.scantling.dev/requestedAt': 'now' };
    await environment.admin.mergePatch(systempools, pool, { metadata: { annotations } }, { fieldManager });
    await arrived(two);
    const { target: last, conditions } = await status();
    assert.deepEqual(
      last?.trust?.signers?.map(s => [s.authority, s.key]),
      [['os/release-2', fresh.fingerprint]],
    );
    assert.equal(conditionOf(conditions, 'ImageTrusted')?.status, 'True');
    assert.equal(conditionOf(conditions, 'RunningUntrusted'), undefined);
    assert.equal(boots()[canary], before[canary], 'the canary runs it already');
    for (const name of others) assert.equal(boots()[name], (before[name] ?? 0) + 1);
  });
});
