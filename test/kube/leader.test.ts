import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { leases } from '../../controller/api/core.ts';
import { reasonOf } from '../../controller/api/errors.ts';
import { createClient, type Client } from '../../controller/kube/client.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { LeaderElector, type LeaderElectorOptions } from '../../controller/kube/leader.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { writes, type ApiCall } from '../cluster/api-call.ts';
import { configMap, configMaps, startApi, type Api } from './api-fixture.ts';
import { until } from './until.ts';

const times = { leaseDurationMs: 4_000, renewDeadlineMs: 2_000, renewPeriodMs: 300, retryPeriodMs: 300 };
const pauseCell = new Int32Array(new SharedArrayBuffer(4));

/** One process of several, as far as the API server can tell: its own transport, user agent and elector. */
class Candidate {
  readonly api: Api;
  readonly name: string;
  readonly namespace: string;
  readonly elector: LeaderElector;
  readonly client: Client;
  readonly lost: string[] = [];

  constructor(api: Api, namespace: string, name: string, options: Partial<LeaderElectorOptions> = {}) {
    this.api = api;
    this.name = `${namespace}-${name}`;
    this.namespace = namespace;
    const transport = api.transport({ userAgent: this.name, fence: () => this.elector.isLeading() });
    this.client = createClient(transport);
    this.elector = new LeaderElector({
      client: this.client,
      namespace,
      name: 'leader',
      identity: this.name,
      log: createLog('silent'),
      onLost: reason => this.lost.push(reason),
      ...times,
      ...options,
    });
  }

  async write(): Promise<void> {
    const object = configMap(this.namespace, 'state', { by: this.name });
    await this.client.apply(configMaps, object, { fieldManager: this.name });
  }

  /** What it wrote besides the Lease. */
  writes(): ApiCall[] {
    return this.api.proxy.calls({ userAgent: this.name, verb: writes, resource: 'configmaps' });
  }
}

const notLeading = (error: unknown) => reasonOf(error) === 'NotLeading';

describe('leader election', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  describe('of several', { concurrency: 4 }, () => {
    it('makes one leader, with times that the API server takes, and hands over on release', async () => {
      const namespace = await api.namespace();
      const [a, b] = [new Candidate(api, namespace, 'a', { leaseDurationMs: 3_600_000 }), new Candidate(api, namespace, 'b')];
      assert.equal(a.elector.isLeading(), false);
      await assert.rejects(a.write(), notLeading);
      await a.elector.start();
      const second = b.elector.start();
      await api.proxy.seen({ userAgent: b.name, resource: 'leases' }, 3);
      assert.deepEqual([a.elector.isLeading(), b.elector.isLeading()], [true, false]);
      await a.write();
      await assert.rejects(b.write(), notLeading);
      const lease = await api.admin.get(leases, 'leader', namespace);
      assert.equal(lease.spec?.holderIdentity, a.name);
      assert.match(lease.spec?.acquireTime ?? '', /\.\d{6}Z$/);
      // An hour's lease: only because it is given up can the other take it.
      await a.elector.release();
      await second;
      assert.deepEqual([a.elector.isLeading(), b.elector.isLeading(), a.lost], [false, true, []]);
      await assert.rejects(a.write(), notLeading);
      await b.write();
      assert.equal((await api.admin.get(leases, 'leader', namespace)).spec?.leaseTransitions, 1);
      await b.elector.release();
    });

    it('loses what it cannot renew, before another takes it, and writes nothing after', async () => {
      const namespace = await api.namespace();
      const [a, b] = [new Candidate(api, namespace, 'a'), new Candidate(api, namespace, 'b')];
      await a.elector.start();
      await a.write();
      const second = b.elector.start();
      const cut = api.proxy.fail({ userAgent: a.name, resource: 'leases' }, { drop: 'before' });
      let refused = 0;
      // The rest of a's world is well; it keeps writing until the fence closes.
      while (a.elector.isLeading()) await a.write().catch((e: unknown) => (notLeading(e) ? refused++ : Promise.reject(e)));
      assert.equal(b.elector.isLeading(), false, 'nobody leads for a while');
      assert.equal(a.lost.length, 1);
      const written = a.writes().length;
      await second;
      cut.remove();
      await assert.rejects(a.write(), notLeading);
      await b.write();
      await b.elector.release();
      assert.equal(a.elector.isLeading(), false, 'also when it could renew again');
      assert.equal(a.writes().length, written);
      const [last, first] = [a.writes().at(-1), b.writes()[0]];
      assert.ok(
        (last?.endedAt ?? Infinity) < (first?.startedAt ?? 0),
        'the last write of one is over before the first of the other',
      );
      assert.ok(refused <= 1);
      await a.elector.release();
      assert.equal(
        (await api.admin.get(leases, 'leader', namespace)).spec?.holderIdentity,
        '',
        "a's release leaves b's lease alone",
      );
    });

    it('says that it lost what it cannot renew, though nobody asks and its timer comes before its time', async () => {
      const namespace = await api.namespace();
      // Timers count whole milliseconds, and may be early by a part of one. A clock that runs behind makes each of them early.
      const a = new Candidate(api, namespace, 'a', { now: () => 0.8 * performance.now() });
      await a.elector.start();
      api.proxy.fail({ userAgent: a.name, resource: 'leases' }, { drop: 'before' });
      await until('the loss', () => a.lost.length > 0, 20_000);
      assert.match(a.lost[0] ?? '', /could not be renewed in time/);
      await a.elector.release();
    });

    it('loses a lease that a rival took, or that was deleted', async () => {
      const namespace = await api.namespace();
      const a = new Candidate(api, namespace, 'a');
      await a.elector.start();
      const at = { fieldManager: 'rival', namespace };
      await api.admin.mergePatch(leases, 'leader', { spec: { holderIdentity: 'rival' } }, at);
      await until('the loss', () => a.lost.length > 0);
      assert.match(a.lost[0] ?? '', /held by "rival"/);
      await assert.rejects(a.write(), notLeading);

      const other = await api.namespace();
      const b = new Candidate(api, other, 'b');
      await b.elector.start();
      await api.admin.delete(leases, 'leader', { namespace: other });
      await until('the loss', () => b.lost.length > 0);
      assert.match(b.lost[0] ?? '', /was deleted/);
      await b.elector.release();
      await assert.rejects(api.admin.get(leases, 'leader', other), isNotFound);
      assert.equal(api.proxy.calls({ userAgent: b.name, resource: 'leases', verb: 'create' }).length, 1);
      await a.elector.release();
    });

    it('waits out a lease that was deleted after it was seen held', async () => {
      const namespace = await api.namespace();
      const [a, b] = [new Candidate(api, namespace, 'a'), new Candidate(api, namespace, 'b')];
      await a.elector.start();
      const second = b.elector.start();
      const looks = { userAgent: b.name, resource: 'leases', verb: 'get' };
      await api.proxy.seen(looks, 2);
      // It cannot renew, so it believes for as long as it may.
      api.proxy.fail({ userAgent: a.name, resource: 'leases' }, { drop: 'before' });
      await api.admin.delete(leases, 'leader', { namespace });
      await until('that nobody leads by it any more', () => a.lost.length > 0);
      assert.equal(b.elector.isLeading(), false);
      await second;
      const missed = api.proxy.calls(looks).find(({ status }) => status === 404);
      const [created] = api.proxy.calls({ userAgent: b.name, resource: 'leases', verb: 'create' });
      assert.ok(missed && created && created.startedAt - missed.startedAt >= times.leaseDurationMs);
      await b.elector.release();
    });

    it('waits no longer than it must for a lease that went with the account of an earlier installation', async () => {
      const namespace = await api.namespace();
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', name: 'scantling-controller' };
      const b = new Candidate(api, namespace, 'b', { owner: async () => ({ ...account, uid: 'new' }) });
      await api.admin.create(leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'leader', namespace, ownerReferences: [{ ...account, uid: 'old' }] },
        spec: { holderIdentity: 'uninstall-x', leaseDurationSeconds: 3_600 },
      });
      const leading = b.elector.start();
      await api.proxy.seen({ userAgent: b.name, resource: 'leases', verb: 'get' }, 1);
      await api.admin.delete(leases, 'leader', { namespace });
      await leading;
      assert.equal(b.elector.isLeading(), true);
      await b.elector.release();
    });

    it('leads on when someone else writes to the Lease, and through refused renewals', async () => {
      const namespace = await api.namespace();
      const a = new Candidate(api, namespace, 'a', { leaseDurationMs: 60_000, renewDeadlineMs: 50_000 });
      await a.elector.start();
      await api.admin.mergePatch(leases, 'leader', { metadata: { labels: { a: 'b' } } }, { fieldManager: 'x', namespace });
      const faults = [
        { status: 429, retryAfter: 1 },
        { status: 409 },
        { status: 500 },
        { drop: 'before' },
        { drop: 'after' },
      ] as const;
      for (const fault of faults) {
        const hit = api.proxy.fail({ userAgent: a.name, resource: 'leases', verb: 'patch' }, { ...fault, times: 1 });
        await until('the fault', () => hit.hits === 1);
      }
      const renewals = () =>
        api.proxy.calls(call => call.userAgent === a.name && call.verb === 'patch' && call.status === 200).length;
      const before = renewals();
      await until('renewals', () => renewals() > before + 1);
      assert.deepEqual([a.elector.isLeading(), a.lost], [true, []]);
      await a.elector.release();
    });

    it('ends the wait of a candidate that is released', async () => {
      const namespace = await api.namespace();
      const [a, b] = [new Candidate(api, namespace, 'a'), new Candidate(api, namespace, 'b')];
      await a.elector.start();
      const never = b.elector.start();
      await Promise.all([assert.rejects(never, /ended before/), b.elector.release()]);
      await assert.rejects(b.elector.start(), /started before/);
      assert.equal((await api.admin.get(leases, 'leader', namespace)).spec?.holderIdentity, a.name);
      await a.elector.release();
    });

    it('ends the process of a leader whose lease is lost; two processes never write at the same time', async () => {
      const namespace = await api.namespace();
      const program = fileURLToPath(new URL('leader-process.ts', import.meta.url));
      const kubeconfig = api.proxy.kubeconfigFor(api.cluster.adminToken);
      const launch = (name: string) => {
        const identity = `${namespace}-${name}`;
        const child = spawn(process.execPath, [program, kubeconfig, namespace, identity], {
          stdio: ['ignore', 'ignore', 'inherit'],
        });
        return {
          identity,
          child,
          exited: once(child, 'exit') as Promise<[number | null]>,
          writes: { userAgent: identity, resource: 'configmaps' },
        };
      };
      const first = launch('first');
      await api.proxy.seen(first.writes, 3);
      const second = launch('second');
      await api.proxy.seen({ userAgent: second.identity, resource: 'leases' }, 2);
      api.proxy.fail({ userAgent: first.identity, resource: 'leases' }, { drop: 'before' });
      const [code] = await first.exited;
      assert.equal(code, 3);
      await api.proxy.seen(second.writes, 3);
      const last = Math.max(...api.proxy.calls(first.writes).map(call => call.endedAt ?? Infinity));
      const begun = Math.min(...api.proxy.calls(second.writes).map(call => call.startedAt));
      assert.ok(last < begun, 'the first has ended before the second writes');
      second.child.kill('SIGKILL');
      await second.exited;
    });
  });

  // After the others: it stops this process' event loop.
  it('has ended the moment a blocked event loop wakes', async () => {
    const a = new Candidate(api, await api.namespace(), 'a');
    await a.elector.start();
    Atomics.wait(pauseCell, 0, 0, times.renewDeadlineMs + 100);
    assert.equal(a.elector.isLeading(), false);
    await assert.rejects(a.write(), notLeading);
    assert.deepEqual([a.writes(), a.lost.length], [[], 1]);
    await a.elector.release();
  });
});
