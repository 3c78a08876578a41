/** Which images a pool may have as its target, and how often it asks. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransientError, WaitingError } from '../../controller/api/errors.ts';
import type { SystemPoolStatus } from '../../controller/api/system-pool.ts';
import { plan } from '../../controller/rollout/plan.ts';
import { PoolTrust, type Verdict } from '../../controller/rollout/pool-trust.ts';
import type { ResolvedTarget } from '../../controller/rollout/target.ts';
import { imagesInUse } from '../../controller/rollout/images-in-use.ts';
import { trustedTarget, type TrustedTarget } from '../../controller/rollout/target-trust.ts';
import { digestOf } from '../../controller/rollout/digest.ts';
import type { Decision, Judgement, StatusJudgement } from '../../controller/trust/judgement.ts';
import type { ImageToJudge } from '../../controller/trust/trust.ts';
import { image } from './machine.ts';
import { Fleet } from './model.ts';
import { run, running } from './rounds.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

/** A judgement that trusts names who signed, or it is not believed. */
const signers = [{ authority: 'os/release', form: 'Signature' as const }];

function record(of: string, decision: Decision, basis = 'b1'): StatusJudgement {
  const reason = decision === 'Refused' ? 'Untrusted' : decision;
  return { decision, reason, message: `says ${decision}`, digest: digestOf(of), basis, signers };
}

/** A door of one basis, that says the same of every image, and notes what it was asked. */
function door(says: { decision: Decision | Error | Promise<never>; basis: string | undefined; revoked?: boolean }) {
  const asked: ImageToJudge[] = [];
  return {
    asked,
    basis: () => says.basis,
    withdrawn: ({ image: of }: Pick<ImageToJudge, 'image'>): Judgement | undefined =>
      says.revoked
        ? { ...record(of, 'Refused', says.basis), reason: 'Revoked', message: 'os revokes the key', candidates: [] }
        : undefined,
    judgeImage: async (of: ImageToJudge): Promise<Judgement> => {
      asked.push(of);
      if (says.decision instanceof Error) throw says.decision;
      if (says.decision instanceof Promise) return says.decision;
      // As the door does.
      if (of.recorded) return { ...of.recorded, candidates: [] };
      return { ...record(of.image, says.decision, says.basis), candidates: [] };
    },
  };
}

const asking = (o: { requestedAt?: string; again?: boolean } = {}) => ({
  pool: 'p',
  credentials: async () => undefined,
  requestedAt: o.requestedAt,
  again: o.again ?? false,
});
const inUse = (recorded: readonly (StatusJudgement | undefined)[] = []) => [{ image: image(1).image, recorded }];
const lookUpFailed = new TransientError('SignatureLookupFailed', 'the registry says 503');

describe('what a pool asks of trust', () => {
  it('F6: what was judged on the same basis is taken as it is recorded, also after a restart; on another basis it is judged again', async () => {
    const says = { decision: 'Trusted' as Decision, basis: 'b1' };
    const trust = door(says);
    const recorded = record(image(1).image, 'Trusted');
    await new PoolTrust({ trust, now: () => now }).judge(asking(), inUse([recorded]));
    assert.deepEqual(trust.asked.at(-1)?.recorded, recorded);
    says.basis = 'b2';
    const verdicts = await new PoolTrust({ trust, now: () => now }).judge(asking(), inUse([recorded]));
    assert.equal(trust.asked.at(-1)?.recorded, undefined);
    assert.equal(verdicts.get(image(1).image)?.record?.basis, 'b2');
  });

  it('lets nothing be staged or armed the moment what was judged does not stand any more', async () => {
    const says = { decision: 'Trusted' as Decision, basis: 'b1' };
    const pools = new PoolTrust({ trust: door(says), now: () => now });
    const { image: name } = image(1);
    assert.equal(pools.allows('p', name), false, 'before it was judged');
    await pools.judge(asking(), inUse());
    assert.equal(pools.allows('p', name), true);
    says.basis = 'b2';
    assert.equal(pools.allows('p', name), false);
    says.decision = 'Refused';
    await pools.judge(asking(), inUse());
    assert.equal(pools.allows('p', name), false);
  });

  it('tries a look-up that failed with growing waits, at once when a person asks, and keeps what was judged before beside it', async () => {
    const says: Parameters<typeof door>[0] = { decision: 'Trusted', basis: 'b1' };
    const trust = door(says);
    let time = now;
    const pools = new PoolTrust({ trust, now: () => time });
    await pools.judge(asking(), inUse());
    Object.assign(says, { decision: lookUpFailed, basis: 'b2' });
    const look = async (o = {}): Promise<Verdict | undefined> => (await pools.judge(asking(o), inUse())).get(image(1).image);
    assert.deepEqual(await look(), { record: record(image(1).image, 'Trusted'), error: lookUpFailed });
    const once = trust.asked.length;
    await look();
    assert.equal(trust.asked.length, once, 'not at once');
    assert.ok((pools.nextMs('p') ?? 0) > 0);
    await look({ requestedAt: 'now', again: true });
    assert.equal(trust.asked.length, once + 1, 'a person asked');
    time += 120_000;
    await look({ requestedAt: 'now' });
    assert.equal(trust.asked.length, once + 2);
  });

  it('is not ready before the policies are read', () => {
    assert.equal(new PoolTrust({ trust: door({ decision: 'Trusted', basis: undefined }), now: () => now }).isReady, false);
  });

  it('says nothing of an image while policies are being read: it looks again in a moment', async () => {
    const pools = new PoolTrust({
      trust: door({ decision: new TransientError('TrustNotLoaded', ''), basis: 'b1' }),
      now: () => now,
    });
    await assert.rejects(pools.judge(asking(), inUse()), WaitingError);
  });

  it('takes what a host runs under a name that is none for something nobody can judge', async () => {
    const pools = new PoolTrust({ trust: door({ decision: new Error('no'), basis: 'b1' }), now: () => now });
    const odd = `ostree-unverified-registry:x y@${image(1).digests[0]}`;
    assert.ok((await pools.judge(asking(), [{ image: odd, recorded: [] }])).get(odd)?.error);
  });
});

describe('a revocation by which too few signers are left', () => {
  const trusted = record(image(1).image, 'Trusted');
  const revoked = { basis: 'b2', revoked: true };
  const look = async (pools: PoolTrust, images = inUse([trusted]), o = {}): Promise<Verdict | undefined> =>
    (await pools.judge(asking(o), images)).get(image(1).image);

  it('waits for no registry: the image is refused at once, with what the registry says, and that is what is recorded', async () => {
    const says: Parameters<typeof door>[0] = { decision: lookUpFailed, ...revoked };
    const trust = door(says);
    let time = now;
    const pools = new PoolTrust({ trust, now: () => time });
    const verdict = await look(pools);
    assert.deepEqual(
      [verdict?.error, verdict?.record?.decision, verdict?.record?.reason, verdict?.record?.basis],
      [undefined, 'Refused', 'Revoked', 'b2'],
    );
    assert.match(verdict?.record?.message ?? '', /^os revokes the key; .* cannot be looked up: the registry says 503$/);
    assert.equal(pools.allows('p', image(1).image), false);
    const found = decide({ target: inStatus(1) }, target(1), { 1: verdict ?? {} });
    assert.deepEqual([found.trust.refused.length, found.trust.unknown, found.trusted?.status], [1, undefined, 'False']);

    const asked = trust.asked.length;
    assert.equal((await look(pools))?.record?.decision, 'Refused');
    assert.equal(trust.asked.length, asked, 'the registry is left alone for a moment');
    time += 120_000;
    assert.equal((await look(pools))?.record?.decision, 'Refused');
    assert.equal(trust.asked.length, asked + 1);
    const restarted = await look(new PoolTrust({ trust, now: () => time }), inUse([verdict?.record]));
    assert.deepEqual(restarted, { record: verdict?.record }, 'also to another process');
  });

  it('is taken back when the registry has the signature of another key', async () => {
    const says: Parameters<typeof door>[0] = { decision: lookUpFailed, ...revoked };
    const pools = new PoolTrust({ trust: door(says), now: () => now });
    assert.equal((await look(pools))?.record?.decision, 'Refused');
    says.decision = 'Trusted';
    assert.equal((await look(pools, inUse(), { requestedAt: 'now', again: true }))?.record?.decision, 'Trusted');
  });

  it('asks first, so that an image which another key has signed as well is never refused', async () => {
    const pools = new PoolTrust({ trust: door({ decision: 'Trusted', ...revoked }), now: () => now });
    assert.equal((await look(pools))?.record?.decision, 'Trusted');
  });

  it('waits for no slow registry either, whichever image that is asked for', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const pools = new PoolTrust({ trust: door({ decision: new Promise<never>(() => undefined), ...revoked }), now: () => now });
    const looking = pools.judge(asking(), [{ image: image(2).image, recorded: [] }, ...inUse([trusted])]);
    for (let i = 0; i < 2; i++) {
      t.mock.timers.tick(5_000);
      for (let turns = 0; turns < 10; turns++) await Promise.resolve();
    }
    const verdicts = await looking;
    assert.match(String(verdicts.get(image(2).image)?.error), /has not answered within 5 s/);
    assert.equal(verdicts.get(image(1).image)?.record?.reason, 'Revoked');
  });
});

const target = (n: number, trust?: StatusJudgement): ResolvedTarget => ({ ...image(n), ...(trust ? { trust } : {}) });

function decide(status: SystemPoolStatus, asked: ResolvedTarget | undefined, says: Record<number, Verdict>): TrustedTarget {
  const verdicts = new Map(Object.entries(says).map(([n, verdict]) => [image(Number(n)).image, verdict]));
  const images = imagesInUse({ pool: { name: 'p', status }, asked, definition: undefined, nodeTargets: [], buildsOf: () => [] });
  return trustedTarget({ status }, asked, { images, verdicts });
}

const says = (n: number, decision: Decision): Verdict => ({ record: record(image(n).image, decision) });
const inStatus = (n: number) => ({ ...image(n), digests: [...image(n).digests], revision: image(n).revision ?? '' });

describe('the target of a pool', () => {
  const status: SystemPoolStatus = { target: inStatus(1) };

  it('is what is asked for, with what was judged of it, when that is allowed', () => {
    for (const decision of ['Trusted', 'Warned', 'Skipped', 'NotConfigured'] as const) {
      const found = decide(status, target(2), { 1: says(1, 'Trusted'), 2: says(2, decision) });
      assert.equal(found.target?.image, image(2).image);
      assert.equal(found.target?.trust?.decision, decision);
      assert.equal(found.trouble, undefined);
      assert.equal(found.trusted?.reason, decision);
    }
  });

  it('stays the last good one when what is asked for is refused, and the pool says why', () => {
    const found = decide(status, target(2), { 1: says(1, 'Trusted'), 2: says(2, 'Refused') });
    assert.equal(found.target?.image, image(1).image);
    assert.deepEqual([found.trouble?.reason, found.trouble?.stalls], ['Untrusted', true]);
    assert.match(found.trouble?.message ?? '', /is not trusted: says Refused/);
    assert.deepEqual([found.trusted?.status, found.trusted?.reason], ['False', 'Untrusted']);
    assert.equal(found.trust.unknown, undefined, 'the last one goes on');
  });

  it('is none when there was none before', () => {
    const found = decide({}, target(2), { 2: says(2, 'Refused') });
    assert.equal(found.target, undefined);
    assert.deepEqual([found.frozen?.reason, found.frozen?.stalled], ['Untrusted', true]);
  });

  it('stays when nobody could judge what is asked for, and goes on', () => {
    const found = decide(status, target(2), { 1: says(1, 'Trusted'), 2: { error: lookUpFailed } });
    assert.equal(found.target?.image, image(1).image);
    assert.deepEqual([found.trouble?.reason, found.trouble?.stalls], ['SignatureLookupFailed', false]);
    assert.equal(found.trusted?.status, 'Unknown');
    assert.equal(found.trust.unknown, undefined);
  });

  it('stays but starts nothing while nobody can say whether it is still allowed', () => {
    const found = decide(status, target(1), { 1: { ...says(1, 'Trusted'), error: lookUpFailed } });
    assert.equal(found.target?.image, image(1).image);
    assert.equal(found.trust.unknown?.reason, 'SignatureLookupFailed');
    assert.deepEqual(found.trust.refused, []);
  });

  it('starts nothing when a person, or an older controller, wrote it and nobody has judged it', () => {
    assert.equal(decide(status, undefined, {}).trust.unknown, undefined);
    assert.equal(decide(status, target(1), { 1: { error: lookUpFailed } }).trust.unknown?.reason, 'SignatureLookupFailed');
  });

  it('stays refused while a look-up fails that might say otherwise', () => {
    const found = decide(status, target(1), { 1: { ...says(1, 'Refused'), error: lookUpFailed } });
    assert.equal(found.trust.refused.length, 1);
    assert.equal(found.trust.unknown, undefined);
  });
});

describe('a plan', () => {
  it('takes go-aheads back that no agent has used, sets nodes back to what they run, and names those that run it', () => {
    const fleet = running({ nodes: 4, maxUnavailable: 1 });
    run(
      fleet,
      f =>
        f.updated() === 1 && f.machines.some(m => m.nodeTarget?.state === 'Booted' && m.host.booted !== m.nodeTarget.digests[1]),
    );
    fleet.policies.revoke(image(2).image);
    fleet.writes.length = 0;
    fleet.pass();
    const waiting = fleet.machines.filter(m => m.host.booted === image(1).digests[1] && !m.told);
    assert.ok(waiting.length > 0);
    for (const { nodeTarget, node } of waiting) {
      assert.deepEqual([nodeTarget?.image, nodeTarget?.state, nodeTarget?.approval], [image(1).image, 'Staged', undefined]);
      assert.equal(node.unschedulable, false);
    }
    assert.ok(fleet.writes.every(w => w.type !== 'approve' && w.type !== 'cordon'));
    const { summary } = plan(fleet.state());
    assert.deepEqual([summary.outcome.kind, summary.outcome.reason], ['Stalled', 'Untrusted']);
    const [canary] = fleet.machines.filter(m => m.host.booted === image(2).digests[1]).map(m => m.node.name);
    assert.deepEqual(summary.untrusted?.nodes.includes(canary ?? ''), true);
    run(fleet);
    assert.equal(fleet.updated(), fleet.machines.filter(m => m.told || m.host.booted === image(2).digests[1]).length);
    fleet.policies.sign(image(2).image);
    run(fleet);
    assert.equal(fleet.updated(), 4, 'and goes on when it is signed again');
  });

  it('gives a node that has never said what it runs no target at all', () => {
    const fleet = new Fleet({ nodes: 1 });
    fleet.pass();
    const [machine] = fleet.machines;
    assert.equal(machine?.nodeTarget?.image, image(1).image);
    fleet.policies.revoke(image(1).image);
    fleet.pass();
    assert.equal(machine.nodeTarget, undefined);
  });
});
