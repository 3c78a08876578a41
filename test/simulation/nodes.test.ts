/** Simulated nodes with the real agent, under its own ServiceAccount: a target that is written by hand is staged, armed, booted and reported. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nodes } from '../../controller/api/core.ts';
import { nodetargets, type NodeTarget } from '../../controller/api/node-target.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { pushBaseImage, type BaseImage } from '../cluster/base-image.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { Fleet } from '../cluster/fleet.ts';

let environment: Environment;
let fleet: Fleet;
let next: BaseImage;

before(async () => {
  environment = await startEnvironment({ nodes: 2, startController: false, workloads: false, rebootMs: 300 });
  next = await pushBaseImage({ registry: environment.registry.host, tag: '2' });
  fleet = new Fleet(environment);
  await fleet.start();
});
after(async () => {
  await fleet?.stop();
  await environment?.stop();
});

/** As the controller writes it; a cluster administrator may, too. */
async function aim(name: string, state: 'Staged' | 'Booted'): Promise<void> {
  const now = new Date().toISOString();
  const target: Apply<NodeTarget> = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'NodeTarget',
    metadata: { name },
    spec: {
      poolRef: { name: 'workers' },
      image: `${next.image.slice(0, next.image.lastIndexOf(':'))}@${next.digest}`,
      digests: [next.digest, ...Object.values(next.platforms)],
      state,
      since: now,
      ...(state === 'Booted' ? { approval: `${now}/${next.digest}` } : {}),
    },
  };
  await environment.admin.apply(nodetargets, target, { fieldManager: 'test' });
}

const host = (name: string) => fleet.stores.targets.get(name)?.status?.host;
const comes = (what: string, holds: () => boolean) =>
  fleet.until(what, holds, { timeoutMs: 120_000, explain: () => fleet.describe() });

test('a staged target is without effect, an approved one is booted once', async () => {
  const [first, second] = environment.nodes;
  assert.ok(first && second);
  const booted = first.bootID;
  await aim(first.name, 'Staged');
  await comes('staged and locked', () => host(first.name)?.staged?.locked === true);
  assert.equal(host(first.name)?.staged?.digest, next.platforms['amd64']);
  assert.equal(first.bootID, booted);

  await aim(first.name, 'Booted');
  await comes('booted', () => fleet.stores.targets.get(first.name)?.status?.verdict?.type === 'Succeeded');
  assert.equal(host(first.name)?.booted?.digest, next.platforms['amd64']);
  assert.notEqual(first.bootID, booted);
  assert.equal(host(first.name)?.bootID, first.bootID);
  assert.equal((await environment.admin.get(nodes, first.name)).status?.nodeInfo?.bootID, first.bootID);
  assert.equal(first.reboots, 1);
  assert.equal(second.reboots, 0);
});

test('an agent that is killed while its node updates changes nothing in the end', async () => {
  const [, second] = environment.nodes;
  assert.ok(second);
  await aim(second.name, 'Booted');
  const pid = second.agentPid;
  second.killAgent();
  await comes('another agent', () => second.agentPid !== undefined && second.agentPid !== pid);
  await comes('booted', () => fleet.stores.targets.get(second.name)?.status?.verdict?.type === 'Succeeded');
  assert.equal(host(second.name)?.booted?.digest, next.platforms['arm64']);
  assert.equal(second.reboots, 1);
});

test('each agent wrote no status but its own', () => {
  for (const call of environment.proxy.calls({ userAgent: 'scantling-agent', verb: ['patch', 'update', 'create', 'delete'] })) {
    // What it may do is asked by creating what is not kept.
    if (call.path.includes('/selfsubject')) continue;
    assert.equal(call.subresource, 'status');
    // 0: no answer, because the agent was killed while it waited for one.
    assert.ok(call.status === 200 || call.status === 0, `${call.verb} ${call.path}: ${call.status}`);
  }
});
