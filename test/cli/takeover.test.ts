/** Whose word is waited out before a removal writes anything, on a real API server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { leases } from '../../controller/api/core.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { uninstallHolder } from '../../controller/api/names.ts';
import { LostError, Takeover } from '../../controller/cli/takeover.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { resourceOf } from '../cluster/manifests.ts';

const name = 'scantling-controller';
const never = new AbortController().signal;
const namespaceOf = (called: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: called } });

describe('taking the Lease over', () => {
  let plane: ControlPlane;
  let transport: Transport;
  let admin: Client;
  before(async () => {
    plane = await startControlPlane({});
    transport = new Transport({ kubeConfig: loadKubeConfig(plane.adminKubeconfig), userAgent: 'test' });
    admin = createClient(transport);
  });
  after(async () => {
    await transport?.close();
    await plane?.stop();
  });

  async function makeNamespace(called: string): Promise<void> {
    await admin.create(resourceOf(namespaceOf(called)), namespaceOf(called));
  }

  const takeover = (namespace: string): Takeover =>
    new Takeover({
      client: admin,
      namespace,
      name,
      identity: `${uninstallHolder}test`,
      holdMs: 60_000,
      graceMs: 1_000,
      leaseMs: 15_000,
    });

  async function afterLease(namespace: string, holderIdentity: string) {
    await makeNamespace(namespace);
    await admin.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace },
      spec: { holderIdentity, leaseDurationSeconds: 7 },
    });
    return takeover(namespace).seize(never);
  }

  test('its holder gets the time that it asked for', async () => {
    assert.deepEqual(await afterLease('held', 'one'), { held: true, from: 'one', waitMs: 7_000 });
  });

  test('nobody is waited for who has given it up', async () => {
    assert.deepEqual(await afterLease('released', ''), { held: true, waitMs: 0 });
  });

  test('an earlier removal may have had no time to wait', async () => {
    const from = `${uninstallHolder}other`;
    assert.deepEqual(await afterLease('again', from), { held: true, from, waitMs: 1_000 });
  });

  test('where there is none it may just have been deleted, and its holder not know it', async () => {
    await makeNamespace('absent');
    assert.deepEqual(await takeover('absent').seize(never), { held: true, waitMs: 16_000 });
  });

  test('a namespace that is gone has none, until somebody makes both', async () => {
    const lease = takeover('gone');
    assert.deepEqual(await lease.seize(never), { held: false, waitMs: 1_000 });
    assert.ok(lease.isHeld());
    await lease.keep();
    await afterLease('gone', 'one');
    await assert.rejects(lease.keep(), LostError);
  });

  test('nor does one get one that is going', async () => {
    await makeNamespace('going');
    // Nobody here takes its finalizer off, so it stays so.
    await admin.delete(resourceOf(namespaceOf('going')), 'going');
    const lease = takeover('going');
    assert.deepEqual(await lease.seize(never), { held: false, waitMs: 1_000 });
    await lease.keep(true);
    assert.ok(lease.isHeld());
  });
});
