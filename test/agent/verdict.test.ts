import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootEntry, BootcStatus } from '../../controller/agent/bootc-status.ts';
import type { Intent } from '../../controller/agent/memory.ts';
import { judge } from '../../controller/agent/verdict.ts';
import { targetOf } from '../../controller/agent/target.ts';
import type { NodeTargetStatusVerdict } from '../../controller/api/node-target.ts';
import { digest } from './world.ts';

const told: Intent = {
  approval: 'now/x',
  digest: digest(2),
  digests: [digest(2), digest('aa')],
  bootID: 'before',
  before: digest(1),
  rebootAt: 1,
  toldAt: 1,
};
const { rebootAt: _rebootAt, toldAt: _toldAt, ...untold } = told;

const entry = (d: string): BootEntry => ({
  digest: d,
  locked: false,
  incompatible: false,
  pinned: false,
  softRebootCapable: false,
});
const status = (booted: string | undefined, rollback?: string, others: string[] = []): BootcStatus => ({
  others: others.map(entry),
  rollbackQueued: false,
  usrOverlay: false,
  readOnly: false,
  ...(booted === undefined ? {} : { booted: entry(booted) }),
  ...(rollback === undefined ? {} : { rollback: entry(rollback) }),
});

const cases: [string, Intent, BootcStatus, string | undefined, NodeTargetStatusVerdict['type'] | undefined][] = [
  ['the target runs', told, status(digest(2), digest(1)), undefined, 'Succeeded'],
  ["the target's platform runs", told, status(digest('aa')), undefined, 'Succeeded'],
  ['the target runs, whatever a stamp says', told, status(digest(2)), 'old stamp', 'Succeeded'],
  ['the target runs though we never told the host to reboot', untold, status(digest(2)), undefined, 'Succeeded'],
  ['the old one runs and the stamp is there', told, status(digest(1)), 'No space left', 'FinalizeFailed'],
  ['the old one runs and the target is in the rollback slot', told, status(digest(1), digest(2)), undefined, 'FellBack'],
  [
    'the old one runs and the target is pinned elsewhere',
    told,
    status(digest(1), undefined, [digest('aa')]),
    undefined,
    'FellBack',
  ],
  ['it fell back though we never told the host to reboot', untold, status(digest(1), digest(2)), undefined, 'FellBack'],
  ['the old one runs and nothing is left of the target', told, status(digest(1), digest(0)), undefined, 'Unapplied'],
  ['a third one runs', told, status(digest(3)), undefined, 'Unknown'],
  ['nothing runs that bootc knows', told, status(undefined), undefined, 'Unknown'],
  ['the host went down before it was told', untold, status(digest(1)), undefined, undefined],
];

for (const [name, intent, after, finalizeFailure, type] of cases) {
  test(`${name}: ${type ?? 'no verdict'}`, () => {
    const now = Date.parse('2026-01-01T00:00:00.500Z');
    const verdict = judge(intent, { bootID: 'after', status: after, now, ...(finalizeFailure ? { finalizeFailure } : {}) });
    assert.equal(verdict?.type, type);
    if (!verdict) return;
    assert.equal(verdict.approval, 'now/x');
    assert.equal(verdict.digest, digest(2));
    assert.equal(verdict.bootID, 'after');
    assert.equal(verdict.time, '2026-01-01T00:00:00Z');
    if (finalizeFailure && type !== 'Succeeded') assert.match(verdict.message ?? '', new RegExp(finalizeFailure));
  });
}

test('an image that ran before and falls back with other addons is not bad itself: the pair is', () => {
  const intent: Intent = { ...told, set: digest('5e'), addonsOf: 'd0'.repeat(32) };
  const verdict = judge(intent, { bootID: 'after', status: status(digest(1), digest(2)), now: 0 });
  assert.equal(verdict?.type, 'AddonsFailed');
  assert.equal(verdict?.digest, targetOf({ image: digest(2), addonSet: digest('5e') }));
  assert.notEqual(verdict?.digest, digest(2));
});
