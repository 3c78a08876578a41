/** From policies to a host that refuses by itself: an image brings the rules, and whoever writes targets cannot have it boot what they do not allow. On the real parts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { hostTrustPaths } from '../../controller/api/host-trust.ts';
import { defaultNamespace, signsAnnotation } from '../../controller/api/names.ts';
import { type NodeTarget, nodetargets } from '../../controller/api/node-target.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { trustpolicies } from '../../controller/api/trust-policy.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { type Environment, startEnvironment } from '../cluster/environment.ts';
import { until } from '../rollout/cluster.ts';
import { newKey } from './corpus/keys.ts';

const fieldManager = 'test';
const apiVersion = 'scantling.dev/v1alpha1';
const key = newKey();
let environment: Environment;

before(async () => {
  environment = await startEnvironment({ nodes: 1, workloads: false, rebootMs: 200 });
});
after(() => environment?.stop());

const target = (): Promise<NodeTarget> => environment.admin.get(nodetargets, 'node-1');
const saysOf = ({ status }: NodeTarget, type: string): string => {
  const condition = conditionOf(status?.conditions, type);
  return `${condition?.status} ${condition?.reason}: ${condition?.message}`;
};

async function applyPolicy(name: string, spec: object): Promise<void> {
  await environment.admin.apply(trustpolicies, { apiVersion, kind: 'TrustPolicy', metadata: { name }, spec }, { fieldManager });
}

async function define(motd: string): Promise<void> {
  const spec = {
    base: { image: environment.base.image },
    output: { repository: `${environment.registry.host}/os` },
    signing: { keySecretRef: { name: 'image-signing' } },
    files: [{ path: '/etc/motd', content: motd }],
  };
  await environment.admin.apply(
    systemdefinitions,
    { apiVersion, kind: 'SystemDefinition', metadata: { name: 'edge' }, spec },
    { fieldManager },
  );
}

async function roll(): Promise<void> {
  const nodeSelector = { matchLabels: { 'node-role.kubernetes.io/worker': '' } };
  const spec = { nodeSelector, system: { definitionRef: { name: 'edge' } }, rollout: { canary: 0 } };
  await environment.admin.apply(
    systempools,
    { apiVersion, kind: 'SystemPool', metadata: { name: 'edge' }, spec },
    { fieldManager },
  );
}

/** The node runs an image that is none of these. */
async function runsAnother(than: readonly (string | undefined)[]): Promise<NodeTarget> {
  let object: NodeTarget | undefined;
  await until(async () => {
    object = (await environment.admin.list(nodetargets)).items.find(({ metadata }) => metadata.name === 'node-1');
    assert(object, environment.controller.tail(10));
    const digest = object.status?.host?.booted?.digest;
    assert(digest !== undefined && !than.includes(digest), `${JSON.stringify(object)}\n${environment.controller.tail(10)}`);
    assert.match(saysOf(object, 'Ready'), /^True Booted/);
  });
  return object ?? assert.fail();
}

test('a host takes its rules with its image, and refuses by itself what they do not allow', async t => {
  const { admin, registry, base } = environment;
  const pem = Buffer.from(key.privateKey.export({ type: 'pkcs8', format: 'pem' })).toString('base64');
  const annotations = { [signsAnnotation]: `${registry.host}/os` };
  const metadata = { name: 'image-signing', namespace: defaultNamespace, annotations };
  await admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: { 'cosign.key': pem } });
  await applyPolicy('os', {
    scope: { prefix: `${registry.host}/os` },
    authorities: [{ name: 'release', key: { data: key.pem, transparencyLog: 'Ignored' } }],
  });
  await applyPolicy('base', { scope: { prefix: `${registry.host}/base` }, mode: 'Skip' });
  await define('one');
  await roll();
  const root = environment.nodes[0]?.host.root ?? '';

  const first = await runsAnother([undefined, ...Object.values(base.platforms)]);
  await t.test('the first image with rules', () => {
    const policy = JSON.parse(readFileSync(join(root, hostTrustPaths.policy), 'utf8')) as { default: unknown };
    assert.deepEqual(policy.default, [{ type: 'reject' }]);
    assert.equal(existsSync(join(root, hostTrustPaths.lookups)), true);
    assert.match(
      saysOf(first, 'NodeEnforcement'),
      /^False Partial: anything is accepted of .*\/base; the image that runs was installed without/,
    );
  });

  await define('two');
  const second = await runsAnother([first.status?.host?.booted?.digest]);
  await t.test('the next is pulled by these rules, with the flag', () => {
    assert.match(saysOf(second, 'NodeEnforcement'), /^False Partial: anything is accepted of [^;]*\/base$/);
  });

  await t.test('what somebody writes into the target, who goes round the controller', async () => {
    // It would take it back at once, before its host has answered.
    await environment.controller.stop();
    const evil = await pushBaseImage({ registry: registry.host, repository: 'os', tag: 'evil', release: 'evil' });
    const digests = [evil.digest, ...Object.values(evil.platforms)];
    const image = `${registry.host}/os@${evil.digest}`;
    const asks = { spec: { image, digests, state: 'Staged', approval: null } };
    await admin.mergePatch(nodetargets, 'node-1', asks, { fieldManager });
    await until(async () =>
      assert.match(
        saysOf(await target(), 'Ready'),
        /^False SignatureRejected: .*A signature was required, but no signature exists/,
      ),
    );
    const after = await target();
    assert.equal(after.status?.host?.booted?.digest, second.status?.host?.booted?.digest);
    assert.equal(after.status?.host?.staged, undefined);
  });
});
