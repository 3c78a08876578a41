/**
 * One of two keys is revoked while what both have signed rolls out, in a pool that follows a definition: nothing of the rollout is taken back, no node
 * is named, and the image with the new rules follows as any other. On the real parts.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { defaultNamespace, signsAnnotation } from '../../controller/api/names.ts';
import { type NodeTarget, nodetargets } from '../../controller/api/node-target.ts';
import { systemdefinitions, type SystemDefinitionStatus } from '../../controller/api/system-definition.ts';
import { systempools, type SystemPoolStatus } from '../../controller/api/system-pool.ts';
import { trustpolicies } from '../../controller/api/trust-policy.ts';
import { type Environment, startEnvironment } from '../cluster/environment.ts';
import { Fleet } from '../cluster/fleet.ts';
import { until } from '../rollout/cluster.ts';
import { newKey, type TestKey } from './corpus/keys.ts';

const fieldManager = 'test';
const apiVersion = 'scantling.dev/v1alpha1';
const name = 'edge';
const canary = 'node-1';
const others = ['node-2', 'node-3', 'node-4'];
const [leaked, fresh] = [newKey(), newKey()];

let environment: Environment;
let fleet: Fleet | undefined;

before(async () => {
  environment = await startEnvironment({ nodes: 4, workloads: false, rebootMs: 1_500 });
  fleet = new Fleet(environment);
  await fleet.start();
});
after(async () => {
  // A stopped process ends only when it goes on.
  for (const node of others) freeze(node, false);
  await fleet?.stop();
  await environment?.stop();
});

async function applyPolicy(policy: string, spec: object): Promise<void> {
  const object = { apiVersion, kind: 'TrustPolicy', metadata: { name: policy }, spec };
  await environment.admin.apply(trustpolicies, object, { fieldManager });
}

function trust(revoked: readonly TestKey[] = []): Promise<void> {
  return applyPolicy('os', {
    scope: { prefix: `${environment.registry.host}/os` },
    authorities: [leaked, fresh].map((key, i) => ({ name: `release-${i + 1}`, key: { data: key.pem } })),
    ...(revoked.length > 0 ? { revoked: revoked.map(({ fingerprint }) => ({ fingerprint, reason: 'it leaked' })) } : {}),
  });
}

async function keep(secret: string, key: TestKey): Promise<void> {
  const pem = Buffer.from(key.privateKey.export({ type: 'pkcs8', format: 'pem' })).toString('base64');
  const annotations = { [signsAnnotation]: `${environment.registry.host}/os` };
  const metadata = { name: secret, namespace: defaultNamespace, annotations };
  await environment.admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: { 'cosign.key': pem } });
}

async function define(motd: string, signing: object): Promise<void> {
  const spec = {
    base: { image: environment.base.image },
    output: { repository: `${environment.registry.host}/os` },
    signing,
    files: [{ path: '/etc/motd', content: motd }],
  };
  const object = { apiVersion, kind: 'SystemDefinition', metadata: { name }, spec };
  await environment.admin.apply(systemdefinitions, object, { fieldManager });
}

async function roll(maxUnavailable: number): Promise<void> {
  const nodeSelector = { matchLabels: { 'node-role.kubernetes.io/worker': '' } };
  const spec = { nodeSelector, system: { definitionRef: { name } }, rollout: { maxUnavailable, canary: 1 } };
  await environment.admin.apply(systempools, { apiVersion, kind: 'SystemPool', metadata: { name }, spec }, { fieldManager });
}

const status = async (): Promise<SystemPoolStatus> => (await environment.admin.get(systempools, name)).status ?? {};
const built = async (): Promise<SystemDefinitionStatus> => (await environment.admin.get(systemdefinitions, name)).status ?? {};
const signersOf = (image: SystemPoolStatus['target']): (string | undefined)[] => [
  ...new Set(image?.trust?.signers?.map(({ key }) => key)),
];
const target = (node: string): Promise<NodeTarget> => environment.admin.get(nodetargets, node);
const bootedOf = async (node: string): Promise<string> => (await target(node)).status?.host?.booted?.digest ?? '';
const boots = (): Record<string, number> => Object.fromEntries(environment.nodes.map(node => [node.name, node.reboots]));

interface Image {
  image: string;
  digests: readonly string[];
}

/** The definition's image, once it is none of these. */
async function isBuilt(...than: readonly Image[]): Promise<Image> {
  let found: Image | undefined;
  await until(async () => {
    const { image, digests = [], conditions } = await built();
    const ready = conditionOf(conditions, 'Ready');
    assert(image !== undefined && !than.some(other => other.image === image), `${ready?.reason}: ${ready?.message}`);
    found = { image, digests };
  });
  return found ?? assert.fail();
}

/** The pool says that every node runs the image and is Ready. */
async function arrived({ image }: Image): Promise<void> {
  await until(async () => {
    const { target, conditions } = await status();
    const ready = conditionOf(conditions, 'Ready');
    assert.equal(target?.image, image);
    assert.equal(`${ready?.status} ${ready?.reason}`, 'True Updated', `${ready?.message}\n${environment.controller.tail(10)}`);
  });
}

/** The agent of a node stands still, as one that is busy. */
function freeze(name: string, still: boolean): void {
  const pid = environment?.nodes.find(node => node.name === name)?.agentPid;
  if (pid !== undefined) process.kill(pid, still ? 'SIGSTOP' : 'SIGCONT');
}

test('one of two keys is revoked in the middle of a rollout of what both have signed', async t => {
  await keep('leaked', leaked);
  await keep('fresh', fresh);
  await applyPolicy('base', { scope: { prefix: `${environment.registry.host}/base` }, mode: 'Skip' });
  await trust();
  await define('one', { keySecretRef: { name: 'leaked' } });
  await roll(1);
  const one = await isBuilt();
  await arrived(one);
  assert.equal(conditionOf((await status()).conditions, 'RunningUntrusted'), undefined);

  // Whoever has it staged first would have the first turn: nobody has one before all are ready.
  await roll(0);
  await define('two', { keySecretRef: { name: 'fresh' }, previousKeySecretRef: { name: 'leaked' } });
  const two = await isBuilt(one);
  let approved = '';
  await t.test('before: one node runs it, one has its go-ahead, the others have it staged', async () => {
    for (const node of [canary, ...others]) {
      await until(async () => {
        const { spec, status } = await target(node);
        const { phase, staged: { digest = '' } = {} } = status?.host ?? {};
        assert(spec.image === two.image && spec.digests.includes(digest) && phase === 'Staged', JSON.stringify(status));
      });
      freeze(node, node !== canary);
    }
    await roll(1);
    await until(async () => assert(two.digests.includes(await bootedOf(canary))));
    await until(async () => {
      const targets = await Promise.all(others.map(target));
      assert.deepEqual(targets.map(({ spec }) => spec.state).toSorted(), ['Booted', 'Staged', 'Staged']);
      approved = targets.find(({ spec }) => spec.state === 'Booted')?.metadata.name ?? '';
    });
  });
  const before = boots();
  const { approval } = (await target(approved)).spec;
  fleet?.beginRecord();
  await trust([leaked]);

  let three = two;
  await t.test(
    'nothing of it is taken back and nobody is named: the key that is left has signed what nodes run, and what is before them',
    async () => {
      await until(async () => {
        const { target: last, previous, conditions } = await status();
        assert.deepEqual([signersOf(last), signersOf(previous)], [[fresh.fingerprint], [fresh.fingerprint]]);
        assert.equal(conditionOf(conditions, 'ImageTrusted')?.status, 'True');
        assert.equal(conditionOf(conditions, 'RunningUntrusted'), undefined);
      });
      const { state, image, approval: now } = (await target(approved)).spec;
      assert.deepEqual({ state, image, approval: now }, { state: 'Booted', image: two.image, approval });
    },
  );

  await t.test(
    'the rules in the image are others now: it is built anew, signed by the key that is left, and becomes the target',
    async () => {
      three = await isBuilt(one, two);
      await until(async () => {
        const { target: last } = await status();
        assert.equal(last?.image, three.image);
        assert.deepEqual([last?.trust?.decision, signersOf(last)], ['Trusted', [fresh.fingerprint]]);
      });
      assert.deepEqual(boots(), before, 'no node was rebooted yet: what is next waits for its turn');
    },
  );

  await t.test('it rolls out as any other, within the budget, and each node boots it once', async () => {
    for (const node of others) freeze(node, false);
    await arrived(three);
    assert.equal(fleet?.mostUnavailable, 1);
    const now = boots();
    // Its go-ahead was for the image before, which is still good: it is not taken from it.
    for (const node of [canary, ...others]) assert.equal((now[node] ?? 0) - (before[node] ?? 0), node === approved ? 2 : 1, node);
    for (const node of [canary, ...others]) assert(three.digests.includes(await bootedOf(node)), node);
    assert.equal(conditionOf((await status()).conditions, 'RunningUntrusted'), undefined);
  });
});
