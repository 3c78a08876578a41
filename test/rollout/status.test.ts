import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SystemPool, SystemPoolStatus } from '../../controller/api/system-pool.ts';
import { projectSystemPool } from '../../controller/rollout/projection.ts';
import { statusAfter, statusChange, transitionsOf, withTarget } from '../../controller/rollout/status.ts';
import type { Summary } from '../../controller/rollout/summary.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { recordedTarget, resolveTarget, targetStep } from '../../controller/rollout/target.ts';
import { image } from './machine.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

function pool(
  o: { system?: SystemPool['spec']['system']; status?: SystemPoolStatus; suspend?: boolean; requestedAt?: string } = {},
) {
  return projectSystemPool({
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemPool',
    metadata: {
      name: 'p',
      generation: 3,
      ...(o.requestedAt ? { annotations: { 'reconcile.scantling.dev/requestedAt': o.requestedAt } } : {}),
    },
    spec: {
      nodeSelector: { matchLabels: { a: 'b' } },
      system: o.system ?? { definitionRef: { name: 'd' } },
      suspend: o.suspend ?? false,
      rollout: {
        maxUnavailable: 1,
        maxStaging: 10,
        canary: 1,
        failureThreshold: 1,
        timeouts: { stage: '1m', drain: '1m', reboot: '1m' },
      },
      drain: { enabled: true, force: false, deleteEmptyDirData: true },
    },
    ...(o.status ? { status: o.status } : {}),
  });
}

const summary = (outcome: Summary['outcome'], over: Partial<Summary> = {}): Summary => ({
  nodes: { total: 2, updated: 1, staged: 0, updating: 1, unavailable: 1, failed: 0 },
  failedNodes: [],
  holds: [],
  outcome,
  ...over,
});

const linux = (digest: string | undefined, architecture: string): object => ({ digest, platform: { os: 'linux', architecture } });

/** The events of a pool whose Ready gets a reason, and its status then. */
function told(reason: string, before: SystemPoolStatus): [string[], SystemPoolStatus] {
  const outcome = { kind: 'Progressing', reason, message: 'addon runtime: …' } as const;
  const after = statusAfter(pool({ status: before }), summary(outcome), { now, handled: undefined });
  return [transitionsOf(before, after).map(t => `${t.type} ${t.reason} ${t.action}: ${t.note}`), after];
}

describe('pool status', () => {
  const moving = summary({ kind: 'Progressing', reason: 'RollingOut', message: '1 of 2' }, { currentWave: 'canary' });
  const first = statusAfter(pool(), moving, { now, handled: undefined });

  it('changes little when only counts move on, and much when the meaning changes', () => {
    const more = { ...moving, nodes: { ...moving.nodes, updated: 2 }, outcome: { ...moving.outcome, message: '2 of 2' } };
    assert.equal(statusChange(first, statusAfter(pool({ status: first }), moving, { now, handled: undefined })), 'none');
    assert.equal(statusChange(first, statusAfter(pool({ status: first }), more, { now, handled: undefined })), 'small');
    const done = summary({ kind: 'Ready', reason: 'Updated', message: '2 of 2' });
    assert.equal(statusChange(first, statusAfter(pool({ status: first }), done, { now, handled: undefined })), 'large');
    assert.equal(statusChange(first, statusAfter(pool({ status: first }), moving, { now, handled: 'x' })), 'large');
  });

  it('is Stalled when halted, and forgets what is over', () => {
    const failed = [{ name: 'n', reason: 'FellBack', message: 'm' }];
    const halted = statusAfter(
      pool({ status: first }),
      summary({ kind: 'Stalled', reason: 'RolloutHalted', message: 'halted' }, { failedNodes: failed }),
      { now, handled: undefined },
    );
    assert.deepEqual(
      halted.conditions?.map(c => `${c.type}=${c.status} ${c.reason}`),
      ['Ready=False RolloutHalted', 'Stalled=True RolloutHalted'],
    );
    assert.equal(halted.currentWave, undefined);
    assert.deepEqual(
      transitionsOf(first, halted).map(t => `${t.type} ${t.reason}`),
      ['Warning NodeFailed', 'Warning RolloutHalted'],
    );
    assert.deepEqual(transitionsOf(halted, halted), []);
    const done = statusAfter(pool({ status: halted }), summary({ kind: 'Ready', reason: 'Updated', message: 'all' }), {
      now,
      handled: undefined,
    });
    assert.equal(done.failedNodes, undefined);
    assert.deepEqual(
      transitionsOf(halted, done).map(t => t.reason),
      ['RolloutComplete'],
    );
  });

  it('tells once that nodes wait for addons, and warns of addons that a person has to change', () => {
    const [waiting, after] = told('AddonsNotReady', first);
    assert.deepEqual(waiting, ['Normal AddonsNotReady Rollout: addon runtime: …']);
    assert.deepEqual(told('AddonsNotReady', after)[0], []);
    assert.deepEqual(told('Collision', after)[0], ['Warning Collision Rollout: addon runtime: …']);
    assert.deepEqual(told('InvalidAddons', first)[0], ['Warning InvalidAddons Rollout: addon runtime: …']);
  });

  it('is not Ready from the moment the target changes, and remembers the one before', () => {
    const ready = statusAfter(pool(), summary({ kind: 'Ready', reason: 'Updated', message: 'all' }), { now, handled: undefined });
    const one = withTarget(pool({ status: ready }), { target: image(1) }, now);
    assert.equal(one.conditions?.find(c => c.type === 'Ready')?.status, 'False');
    const two = withTarget(pool({ status: one }), { target: image(2) }, now);
    assert.equal(two.previous?.image, image(1).image);
    assert.deepEqual(
      transitionsOf(one, two).map(t => t.reason),
      ['RolloutStarted'],
    );
    assert.equal(withTarget(pool({ status: two }), { target: image(2) }, now), pool({ status: two }).status);
  });
});

describe('target', () => {
  const definition = {
    name: 'd',
    uid: 'u',
    resourceVersion: '1',
    digests: [...image(1).digests],
    image: image(1).image,
    workloadImages: [],
  };
  const recorded = { image: image(1).image, digests: [...image(1).digests], requested: 'r.example/os:1' };
  it('is the last good image of the definition', () => {
    assert.deepEqual(targetStep(pool(), definition), {
      kind: 'known',
      target: { image: image(1).image, digests: [...image(1).digests] },
    });
  });
  it('goes on naming the commit that the nodes moved for, when a newer one asks for the same image', () => {
    const before = { image: image(1).image, digests: [...image(1).digests], revision: 'main@sha1:old' };
    const revisionOf = (from: typeof before) => {
      const step = targetStep(pool({ status: { target: from } }), { ...definition, revision: 'main@sha1:new' });
      return step.kind === 'known' ? step.target.revision : step.kind;
    };
    assert.equal(revisionOf(before), 'main@sha1:old');
    assert.equal(revisionOf({ ...before, image: image(2).image }), 'main@sha1:new');
  });
  it('waits for a definition, and keeps the last target meanwhile', () => {
    const { image: _, ...empty } = definition;
    const step = targetStep(pool({ status: { target: recorded } }), { ...empty, digests: [], message: 'still building' });
    assert.deepEqual(step, {
      kind: 'waiting',
      reason: 'DefinitionNotReady',
      message: 'SystemDefinition d has no image yet: still building',
      last: recorded,
    });
  });
  it('resolves a tag once, and again when asked', () => {
    const system = { image: 'r.example/os:1' };
    assert.deepEqual(targetStep(pool({ system }), undefined), { kind: 'resolve', image: 'r.example/os:1' });
    assert.deepEqual(targetStep(pool({ system, status: { target: recorded } }), undefined), { kind: 'known', target: recorded });
    const asked = targetStep(pool({ system, status: { target: recorded }, requestedAt: 'now' }), undefined);
    assert.deepEqual(asked, { kind: 'resolve', image: 'r.example/os:1', until: recorded });
    const changed = targetStep(pool({ system: { image: 'r.example/os:2' }, status: { target: recorded } }), undefined);
    assert.deepEqual(changed, { kind: 'resolve', image: 'r.example/os:2' });
  });
  it('stays while suspended', () => {
    assert.deepEqual(targetStep(pool({ suspend: true, status: { target: recorded } }), definition), {
      kind: 'known',
      target: recorded,
    });
  });
  describe('of an index', () => {
    const [own, amd64, arm64, attestation] = ['index', 'amd64', 'arm64', 'attestation'].map(name => sha256(name));
    const resolved = { reference: `r.example/os@${own}`, digest: own ?? '', mediaType: 'index' };
    const resolve = (manifests: object[]) =>
      resolveTarget(
        {
          resolve: async () => resolved,
          manifest: async () => ({ ...resolved, bytes: new Uint8Array(), json: { manifests } }),
        },
        'r.example/os:1',
      );
    it('counts its platforms, and not its attestations', async () => {
      const unknown = { digest: attestation, platform: { os: 'unknown', architecture: 'unknown' } };
      const target = await resolve([linux(amd64, 'amd64'), linux(arm64, 'arm64'), unknown]);
      assert.deepEqual(target, { image: resolved.reference, digests: [own, amd64, arm64], requested: 'r.example/os:1' });
    });

    it('says whether it is marked to have a profile of addons', async () => {
      const json = { manifests: [linux(amd64, 'amd64')], annotations: { 'dev.scantling.addons-profile': '1' } };
      const registry = { resolve: async () => resolved, manifest: async () => ({ ...resolved, bytes: new Uint8Array(), json }) };
      const target = await resolveTarget(registry, 'r.example/os:1');
      assert.equal(target.addonsProfile, true);
      const { image, digests, requested, addonsProfile } = target;
      assert.deepEqual(recordedTarget({ image, digests: [...digests], requested: requested ?? '', addonsProfile }), target);
    });

    it('refuses what no NodeTarget can hold', async () => {
      const odd = `sha512:${'0'.repeat(128)}`;
      await assert.rejects(resolve([linux(amd64, 'amd64'), linux(odd, 'arm64')]), {
        name: 'StallingError',
        reason: 'InvalidImage',
      });
      const many = Array.from({ length: 32 }, (_, i) => linux(sha256(`${i}`), `a${i}`));
      await assert.rejects(resolve(many), { name: 'StallingError', reason: 'InvalidImage' });
    });
  });
});
