/** A host whose image came with trust policies: what it refuses, what its agent says of that, and that it stays as it is. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { failureOf } from '../../controller/agent/host-failure.ts';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { fieldManagers, hostRuleAnnotation } from '../../controller/api/names.ts';
import { type NodeTarget, nodetargets } from '../../controller/api/node-target.ts';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { hostFiles, hostRuleOf } from '../../controller/trust/host-policy.ts';
import type { ScopedPolicy } from '../../controller/trust/rules.ts';
import { rebootRequested } from '../cluster/host/fake-host.ts';
import { newKey, type TestKey } from '../trust/corpus/keys.ts';
import { Repository } from '../trust/corpus/repository.ts';
import { payloadOf, pushLayers, signedLayer } from '../trust/corpus/simple-signing.ts';
import { keyAuthorityOf, scopedPolicy } from '../trust/host-scene.ts';
import { drive, perform, stageRequest, type TestImage } from './driven-host.ts';
import { hostOf, ready, startYard, verdictOf, type Yard } from './station.ts';

const key = newKey();
let yard: Yard;
let first: TestImage;
let second: TestImage;
let third: TestImage;
before(async () => {
  yard = await startYard();
  [first, second, third] = yard.images as [TestImage, TestImage, TestImage];
});
after(() => yard.stop());

async function sign({ digest }: TestImage, ...keys: TestKey[]): Promise<void> {
  const repository = new Repository(yard.registry.host, 'os');
  await pushLayers(
    repository,
    digest,
    keys.map(each => signedLayer(each, payloadOf({ digest, repository }))),
  );
}

function write(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** As an image has them that was rendered with these policies. */
function install(root: string, ...policies: ScopedPolicy[]): void {
  for (const { path, content } of hostFiles(policies, [], 0).files) write(root, path, content);
}

const policyOf = (scope: string, by: TestKey = key): ScopedPolicy =>
  scopedPolicy('os', scope, { authorities: [keyAuthorityOf('release', publicKeysOf(by.pem))] });
const enforcementOf = ({ status }: NodeTarget) => conditionOf(status?.conditions, 'NodeEnforcement');

const proxy = 'Switching: Preparing import: Fetching manifest: failed to invoke method OpenImage: ';

async function attempt(image: TestImage, arrange: (root: string) => void) {
  const fake = yard.host();
  arrange(fake.root);
  const host = drive(fake);
  await host.status();
  const outcome = await perform(host, stageRequest(image));
  return { ...failureOf(outcome, 'StageFailed'), code: outcome.code, staged: (await host.status()).staged };
}

describe('a host', () => {
  test('refuses what is not signed, in the words of containers/image, and has nothing staged', async () => {
    const { code, reason, message, staged } = await attempt(second, root => install(root, policyOf(yard.registry.host)));
    assert.deepEqual([code, reason, staged], [1, 'SignatureRejected', undefined]);
    assert.equal(message, `${proxy}A signature was required, but no signature exists`);
  });

  test('refuses what no policy covers', async () => {
    const { reason, message } = await attempt(second, root => install(root, policyOf(`${yard.registry.host}/apps`)));
    assert.equal(reason, 'SignatureRejected');
    assert.equal(message, `${proxy}Running image docker://${second.image} is rejected by policy.`);
  });

  test('stages what is signed, and is told to insist on it', async () => {
    await sign(third, newKey(), key);
    const { code, staged } = await attempt(third, root => install(root, policyOf(yard.registry.host)));
    assert.deepEqual([code, staged?.reference?.signature], [0, 'containerPolicy']);
    const other = await attempt(third, root => install(root, policyOf(yard.registry.host, newKey())));
    assert.match(other.message, /None of the signatures were accepted, reasons: cryptographic signature verification failed/);
    const unlooked = await attempt(third, root => {
      install(root, policyOf(yard.registry.host));
      rmSync(join(root, 'etc/containers/registries.d'), { recursive: true });
    });
    assert.match(unlooked.message, /A signature was required, but no signature exists/);
  });

  test("refuses everything while a policy in root's home accepts everything", async () => {
    await sign(third, key);
    const { reason, message, staged } = await attempt(third, root => {
      install(root, policyOf(yard.registry.host));
      write(root, '/root/.config/containers/policy.json', JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    });
    assert.deepEqual([reason, staged], ['SignatureRejected', undefined]);
    assert.match(message, /specifies a default of `insecureAcceptAnything`; refusing usage/);
  });

  test('judges no image that it has', async () => {
    const { code } = await attempt(first, root => install(root, policyOf(yard.registry.host)));
    assert.equal(code, 0);
  });
});

test('an agent says why its host refuses the target, leaves the host as it is, and goes on when it is signed', async () => {
  const station = await yard.station();
  install(station.host.root, policyOf(yard.registry.host));
  await station.aim(second);
  station.startAgent();
  const refused = await station.untilReady('SignatureRejected');
  assert.equal(isTrue(refused.status?.conditions, 'Stalled'), true);
  assert.match(ready(refused)?.message ?? '', /A signature was required, but no signature exists/);
  assert.deepEqual(
    hostOf(refused).failed?.map(({ digest, reason }) => [digest, reason]),
    [[second.digest, 'SignatureRejected']],
  );
  assert.equal(hostOf(refused).booted?.digest, first.platform);
  assert.equal(rebootRequested(station.host.directory), false);
  assert.equal(enforcementOf(refused)?.reason, 'Partial');
  assert.match(enforcementOf(refused)?.message ?? '', /installed without --enforce-container-sigpolicy/);

  await sign(second, key);
  await station.stopAgent();
  station.startAgent();
  // What failed is tried again with a new go-ahead.
  await station.approve(second);
  assert.equal((await station.reboot()).outcome, 'Applied');
  const done = await station.untilReady('Booted');
  assert.equal(verdictOf(done).type, 'Succeeded');
  assert.deepEqual([enforcementOf(done)?.status, enforcementOf(done)?.reason], ['True', 'Full']);

  // The key is revoked: the image that runs still brings it.
  const policies = [policyOf(yard.registry.host), scopedPolicy('root', '', { mode: 'Skip' })];
  const asked = (...revoked: string[]) => {
    const revocations = revoked.map(fingerprint => ({ fingerprint, policy: 'os' }));
    return hostRuleOf({ imagePolicies: () => ({ policies, revoked: revocations }) }, second.image, 0);
  };
  const tell = async (rule: string | null | undefined, reason: string): Promise<NodeTarget> => {
    const body = { metadata: { annotations: { [hostRuleAnnotation]: rule } } };
    await yard.admin.mergePatch(nodetargets, station.name, body, { fieldManager: fieldManagers.rollout });
    return station.until(target => enforcementOf(target)?.reason === reason);
  };
  const outdated = await tell(asked(key.fingerprint), 'Partial');
  assert.ok(enforcementOf(outdated)?.message.includes(`the host still takes signatures by key ${key.fingerprint};`));
  assert.equal(ready(outdated)?.reason, 'Booted');
  await tell(asked(), 'Full');
  await station.stopAgent();
});

test('of a host without a policy it is said that it checks nothing', async () => {
  const station = await yard.station();
  write(
    station.host.root,
    '/usr/share/containers/policy.json',
    JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }),
  );
  await station.aim(first);
  station.startAgent();
  const booted = await station.untilReady('Booted');
  assert.deepEqual([enforcementOf(booted)?.status, enforcementOf(booted)?.reason], ['False', 'None']);
  await station.stopAgent();
});
