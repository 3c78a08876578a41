import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decide } from '../../controller/agent/decide.ts';
import type { Facts, Step } from '../../controller/agent/decide.ts';
import { failureOf } from '../../controller/agent/host-failure.ts';
import { emptyMemory } from '../../controller/agent/memory.ts';
import type { Intent, Memory } from '../../controller/agent/memory.ts';
import type { BootEntry } from '../../controller/agent/bootc-status.ts';
import { StallingError, TransientError, reasonOf } from '../../controller/api/errors.ts';
import { digest, imageOf, specOf } from './world.ts';

const approval = `2026-01-01T00:00:00Z/${digest(2)}`;
const booted = specOf(2, { state: 'Booted', approval });
const intent: Intent = { approval, digest: digest(2), digests: [digest(2)], bootID: 'boot-1', before: digest(1) };

function entry(n: number, more: Partial<BootEntry> = {}): BootEntry {
  return {
    reference: { image: imageOf(n), transport: 'registry' },
    digest: digest(n),
    locked: false,
    incompatible: false,
    pinned: false,
    softRebootCapable: false,
    deployment: `${n}.0`,
    ...more,
  };
}

function facts(
  more: Partial<Omit<Facts, 'memory'>> & { staged?: BootEntry; runs?: BootEntry | null; memory?: Partial<Memory> } = {},
): Facts {
  const { staged, runs = entry(1), memory, ...rest } = more;
  return {
    now: 1_000_000,
    spec: specOf(2),
    retried: [],
    boot: { bootID: 'boot-1', imageBooted: true },
    status: {
      others: [],
      rollbackQueued: false,
      usrOverlay: false,
      readOnly: false,
      ...(runs ? { booted: runs } : {}),
      ...(staged ? { staged } : {}),
    },
    features: { bootcVersion: '1.17.0', switchDownloadOnly: true, upgradeDownloadOnly: true, lockFinalization: false },
    signaturePolicy: { lookups: [] },
    stopping: false,
    lockTried: { deployment: '', methods: [] },
    rebootGraceMs: 30_000,
    rebootTimeoutMs: 600_000,
    ...rest,
    memory: { ...emptyMemory(), ...memory },
  };
}

function rests(step: Step): { phase: string; condition: string; reason: string } {
  assert.equal(step.do, 'Rest');
  const { phase, condition } = step.situation;
  if (condition.kind !== 'Failed') return { phase, condition: condition.kind, reason: condition.reason };
  const kind =
    condition.error instanceof StallingError ? 'Stalled' : condition.error instanceof TransientError ? 'Retrying' : 'Waiting';
  return { phase, condition: kind, reason: reasonOf(condition.error) };
}

describe('a clock that was set back by hours', () => {
  const ahead = 1_000_000 + 7_200_000;
  const diskFull = failureOf({ code: 1, stdout: '', stderr: 'error: No space left on device' }, 'StageFailed');

  test('does not put off the next try of a staging', () => {
    const trouble = { digest: digest(2), failure: diskFull, count: 1, firstAt: ahead, retryAt: ahead };
    assert.equal(decide(facts({ trouble })).do, 'Stage');
  });
  test('does not put off the next try of a reboot', () => {
    const bootTrouble = { ...diskFull, retryAt: ahead };
    assert.equal(decide(facts({ spec: booted, staged: entry(2, { locked: true }), bootTrouble })).do, 'Arm');
  });
  test('does not put off telling a host once more that did not go down', () => {
    const memory = { intent: { ...intent, rebootAt: ahead, toldAt: ahead } };
    assert.equal(decide(facts({ spec: booted, staged: entry(2), memory })).do, 'Reboot');
  });
});

describe('staging', () => {
  test('what is not on the host is staged', () => {
    assert.deepEqual(decide(facts()), { do: 'Stage', image: imageOf(2), digest: digest(2) });
  });
  test('also in place of something else', () => {
    assert.equal(decide(facts({ staged: entry(3, { locked: true }) })).do, 'Stage');
  });
  test('staged and locked rests until there is an approval', () => {
    const step = decide(facts({ staged: entry(2, { locked: true }) }));
    assert.deepEqual(rests(step), { phase: 'Staged', condition: 'Progressing', reason: 'Staged' });
    // Its turn may have come: it is drained first.
    const condition = step.do === 'Rest' ? step.situation.condition : undefined;
    assert.match(condition && 'message' in condition ? condition.message : '', /^staged .*, waits for the go-ahead$/);
  });
  test("the platform's digest counts, also where the image names the index", () => {
    const spec = specOf(2, { digests: [digest(2), digest('aa')] });
    assert.equal(decide(facts({ spec, staged: entry(2, { digest: digest('aa'), locked: true }) })).do, 'Rest');
  });
  test('without the lock it is locked, by ostree first, then by bootc, and then it rests', () => {
    const features = { switchDownloadOnly: false, upgradeDownloadOnly: true, lockFinalization: true };
    const staged = entry(2);
    const first = decide(facts({ features, staged }));
    assert.deepEqual(first, { do: 'Lock', method: 'ostree', deployment: '2.0', digest: digest(2) });
    const second = decide(facts({ features, staged, lockTried: { deployment: '2.0', methods: ['ostree'] } }));
    assert.deepEqual(second, { do: 'Lock', method: 'bootc', deployment: '2.0', digest: digest(2) });
    const third = decide(facts({ features, staged, lockTried: { deployment: '2.0', methods: ['ostree', 'bootc'] } }));
    assert.deepEqual(rests(third), { phase: 'Staged', condition: 'Progressing', reason: 'Staged' });
    const another = decide(facts({ features, staged, lockTried: { deployment: '2.1', methods: ['ostree', 'bootc'] } }));
    assert.equal(another.do, 'Lock');
  });
  test('a failure is waited out, then tried again', () => {
    const failure = failureOf({ code: 1, stdout: '', stderr: 'error: unexpected HTTP status: 503' }, 'StageFailed');
    const trouble = { digest: digest(2), failure, count: 1, firstAt: 0, retryAt: 1_000_001 };
    const step = decide(facts({ trouble }));
    assert.deepEqual(rests(step), { phase: 'Failed', condition: 'Retrying', reason: 'RegistryUnavailable' });
    assert.equal(step.do === 'Rest' && step.until, 1_000_001);
    assert.equal(decide(facts({ trouble: { ...trouble, retryAt: 1_000_000 } })).do, 'Stage');
    assert.equal(decide(facts({ trouble: { ...trouble, digest: digest(3) } })).do, 'Stage');
    const withSecret = specOf(2, { pullSecret: { name: 'pool-a', revision: '2' } });
    assert.equal(decide(facts({ trouble, spec: withSecret })).do, 'Stage', 'with other credentials at once');
    assert.equal(decide(facts({ trouble: { ...trouble, pullSecret: '2' }, spec: withSecret })).do, 'Rest');
  });
  test('a failure that waits for a person stalls', () => {
    const failure = failureOf({ code: 1, stdout: '', stderr: 'error: A signature was required' }, 'StageFailed');
    const step = decide(facts({ trouble: { digest: digest(2), failure, count: 1, firstAt: 0, retryAt: 2_000_000 } }));
    assert.deepEqual(rests(step), { phase: 'Failed', condition: 'Stalled', reason: 'SignatureRejected' });
  });
});

describe('booting', () => {
  test('approved and locked is armed', () => {
    assert.deepEqual(decide(facts({ spec: booted, staged: entry(2, { locked: true }) })), { do: 'Arm', intent });
  });
  test('approved and unlocked is rebooted into', () => {
    const step = decide(facts({ spec: booted, staged: entry(2), memory: { intent } }));
    assert.equal(step.do, 'Reboot');
  });
  test('approved and not staged is staged', () => {
    assert.equal(decide(facts({ spec: booted })).do, 'Stage');
  });
  test('something else that is staged is never armed', () => {
    assert.equal(decide(facts({ spec: booted, staged: entry(3, { locked: true }) })).do, 'Stage');
  });
  test('an approval of another digest is none', () => {
    const spec = specOf(2, { state: 'Booted', approval: `2026-01-01T00:00:00Z/${digest(3)}` });
    assert.deepEqual(rests(decide(facts({ spec, staged: entry(2, { locked: true }) }))).phase, 'Staged');
  });
  test('an approval that had its boot gives no second', () => {
    const step = decide(facts({ spec: booted, staged: entry(2, { locked: true }), memory: { spent: [approval] } }));
    assert.deepEqual(rests(step), { phase: 'Failed', condition: 'Stalled', reason: 'ApprovalSpent' });
  });
  test('told to reboot, the host is left alone, then told again', () => {
    const told = { ...intent, rebootAt: 990_000, toldAt: 990_000 };
    const step = decide(facts({ spec: booted, staged: entry(2), memory: { intent: told } }));
    assert.deepEqual(rests(step), { phase: 'Rebooting', condition: 'Progressing', reason: 'Rebooting' });
    assert.equal(step.do === 'Rest' && step.until, 1_020_000);
    assert.equal(decide(facts({ now: 1_020_000, spec: booted, staged: entry(2), memory: { intent: told } })).do, 'Reboot');
    assert.equal(
      decide(facts({ now: 1_020_000, stopping: true, spec: booted, staged: entry(2), memory: { intent: told } })).do,
      'Rest',
    );
  });
  test('a host that does not go down is reported', () => {
    const told = { ...intent, rebootAt: 0, toldAt: 990_000 };
    const step = decide(facts({ spec: booted, staged: entry(2), memory: { intent: told } }));
    assert.deepEqual(rests(step), { phase: 'Rebooting', condition: 'Retrying', reason: 'RebootOverdue' });
  });
  test('an approval that is taken back withdraws the intent, and what was armed is locked', () => {
    assert.deepEqual(decide(facts({ staged: entry(2), memory: { intent } })), { do: 'Withdraw' });
    assert.equal(decide(facts({ staged: entry(2) })).do, 'Lock');
  });
  test('a refusal to arm or to reboot is waited out', () => {
    const failure = failureOf({ code: 1, stdout: '', stderr: 'Operation inhibited' }, 'RebootRefused');
    const bootTrouble = { ...failure, retryAt: 1_000_001 };
    const step = decide(facts({ spec: booted, staged: entry(2), memory: { intent }, bootTrouble }));
    assert.deepEqual(rests(step), { phase: 'Failed', condition: 'Retrying', reason: 'RebootRefused' });
  });
});

describe('after the boot', () => {
  const boot = { bootID: 'boot-2', imageBooted: true };
  test('the boot is judged before anything else', () => {
    assert.deepEqual(decide(facts({ spec: specOf(3), boot, memory: { intent } })), { do: 'Judge', intent });
  });
  test('what runs is what should: ready', () => {
    const step = decide(facts({ spec: booted, boot, runs: entry(2), memory: { spent: [approval] } }));
    assert.deepEqual(rests(step), { phase: 'Idle', condition: 'Ready', reason: 'Booted' });
  });
  test('an approval of what runs already is acknowledged', () => {
    const step = decide(facts({ spec: booted, runs: entry(2) }));
    assert.deepEqual(step, { do: 'Acknowledge', approval, digest: digest(2) });
  });
  test('a digest that failed is neither staged nor armed', () => {
    const failed = [{ digest: digest(2), reason: 'FellBack', time: '2026-01-01T00:00:00Z', approval }];
    for (const staged of [undefined, entry(2, { locked: true })]) {
      for (const spec of [specOf(2), booted]) {
        const step = decide(facts({ spec, memory: { failed }, ...(staged ? { staged } : {}) }));
        assert.deepEqual(rests(step), { phase: 'Failed', condition: 'Stalled', reason: 'FellBack' });
      }
    }
  });
  test('a new approval, or the word of a person, lifts that', () => {
    const failure = { digest: digest(2), reason: 'FellBack', time: '2026-01-01T00:00:00Z', approval };
    const fresh = specOf(2, { state: 'Booted', approval: `2026-01-02T00:00:00Z/${digest(2)}` });
    assert.equal(decide(facts({ spec: fresh, memory: { failed: [failure] } })).do, 'Stage');
    assert.equal(decide(facts({ retried: [`${digest(2)}/${failure.time}`], memory: { failed: [failure] } })).do, 'Stage');
    assert.equal(decide(facts({ retried: [`${digest(2)}/other`], memory: { failed: [failure] } })).do, 'Rest');
  });
});

describe('hosts that cannot be managed', () => {
  test('not booted from an image', () => {
    const step = decide(facts({ runs: null, boot: { bootID: 'boot-1', imageBooted: false } }));
    assert.deepEqual(rests(step), { phase: 'Unmanaged', condition: 'Stalled', reason: 'Unmanaged' });
  });
  test('an empty host that was booted from an image is our own mistake', () => {
    assert.deepEqual(rests(decide(facts({ runs: null }))), {
      phase: 'Failed',
      condition: 'Stalled',
      reason: 'AgentMisconfigured',
    });
  });
  test('layered packages', () => {
    assert.equal(rests(decide(facts({ runs: entry(1, { incompatible: true }) }))).reason, 'HostIncompatible');
  });
  test('a live system', () => {
    const f = facts();
    assert.equal(rests(decide({ ...f, status: { ...f.status, readOnly: true } })).reason, 'HostReadOnly');
  });
});
