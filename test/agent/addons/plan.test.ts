/** What seal, support and records come to, without a host. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addonsRun, isRecorded, mergeFailure, supportCondition, unsupported } from '../../../controller/agent/addons/plan.ts';
import type { AddonSeal, AddonSupport } from '../../../controller/host-addons/seal.ts';
import { digest, hex, recordOf } from './record-fixture.ts';

const seal: AddonSeal = {
  boot: 'this',
  softReboots: 0,
  deployment: hex(0xd0),
  image: digest(0xa0),
  set: digest(1),
  record: 'current',
  state: 'Merged',
  addons: [{ name: 'runtime', digest: digest(16), state: 'Merged' }],
  foreign: [],
  since: 1,
};
const damaged: AddonSeal = {
  ...seal,
  deployment: null,
  image: null,
  set: null,
  record: 'none',
  state: 'Failed',
  addons: [],
  since: null,
  reason: 'RecordDamaged',
  message: 'it is not known which deployment this is',
};

test('where nothing is wanted and nothing is merged, no word about records is a failure', () => {
  assert.equal(mergeFailure(undefined, undefined), undefined);
  assert.equal(mergeFailure({ ...damaged, state: 'None' }, undefined), undefined);
  assert.equal(mergeFailure(damaged, undefined), undefined);
  assert.equal(addonsRun({ seal: damaged, booted: {}, staged: {} }, {}), true);
  assert.match(mergeFailure(seal, undefined) ?? '', /merged the addons sha256:/);
  assert.match(mergeFailure(damaged, digest(1)) ?? '', /merged no addons instead: it is not known/);
  assert.match(mergeFailure(undefined, digest(1)) ?? '', /nothing on the host says/);
  assert.match(mergeFailure({ ...seal, state: 'Partial' }, digest(1)) ?? '', /not all addons/);
  assert.equal(mergeFailure(seal, digest(1)), undefined);
});

test('a host whose scripts do not know their deployment can merge none: they would look for no record of it', () => {
  const support: AddonSupport = { boot: 'this', softReboots: 0, deployment: hex(0xd0), supported: true, systemd: 257 };
  const facts = { booted: {}, staged: {} };
  assert.equal(unsupported({ ...facts, support }), undefined);
  assert.match(unsupported({ ...facts, support: { ...support, deployment: null } }) ?? '', /which deployment runs/);
  assert.match(unsupported(facts) ?? '', /no units/);
});

test('the condition AddonsSupported has the words of the boot scripts, and no reason that the API would refuse', () => {
  const support: AddonSupport = { boot: 'this', softReboots: 0, deployment: hex(0xd0), supported: false, systemd: 257 };
  const said = (change: Partial<AddonSupport>): string => {
    const facts = { booted: {}, staged: {}, support: { ...support, ...change } };
    const { status, reason, message } = supportCondition(facts, {}) ?? {};
    return `${status}: ${reason}: ${message}`;
  };
  assert.equal(said({ supported: true }), 'True: AddonsSupported: systemd 257 can merge addons over the image');
  assert.equal(said({ reason: 'OverlayDepth', message: 'too deep' }), 'False: OverlayDepth: too deep');
  assert.equal(said({ reason: 'two words', message: 'of a newer image' }), 'False: AddonsUnsupported: of a newer image');
  assert.match(said({ supported: true, deployment: null }), /^False: AddonsUnsupported: .*which deployment runs/);
  const bare = { booted: {}, staged: {} };
  assert.equal(supportCondition(bare, {}), undefined);
  assert.equal(supportCondition(bare, { addonSet: digest(1) })?.status, 'False');
});

test('a record that cannot be written is not what is there, whatever is there', () => {
  const wanted = recordOf(2);
  const odd = { ...wanted, addons: wanted.addons.map(addon => ({ ...addon, services: ['two words.service'] })) };
  assert.equal(isRecorded(wanted, wanted), true);
  assert.equal(isRecorded(wanted, odd), false);
  assert.equal(isRecorded(undefined, odd), false);
  assert.equal(isRecorded('is cut', wanted), false);
});
