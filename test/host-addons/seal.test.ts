import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSeal, parseSupport, SealFormatError } from '../../controller/host-addons/seal.ts';

const hex = 'a1'.repeat(32);
const boot = { boot: '5b0d7a4e-0000-4000-8000-000000000001', softReboots: 0, deployment: hex };
const seal = {
  kind: 'scantling-addons-seal',
  version: 1,
  ...boot,
  image: `sha256:${hex}`,
  set: `sha256:${hex}`,
  record: 'current',
  state: 'Partial',
  addons: [
    { name: 'good', digest: `sha256:${hex}`, state: 'Merged' },
    { name: 'bad', digest: `sha256:${hex}`, state: 'Quarantined', reason: 'Spoiled', message: 'has 3 bytes and should have 4' },
  ],
  foreign: ['hand-made'],
  since: 1_700_000_000_000,
  live: { set: null, outcome: 'Refused', gapMs: null, at: 1, problems: [{ name: 'bad', reason: 'Spoiled', message: 'why' }] },
};
const support = { kind: 'scantling-addons-support', version: 1, ...boot, supported: false, systemd: 252, reason: 'OverlayDepth' };

const without = (value: object, ...keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));

test('a seal is read whole, and what a newer image adds is ignored', () => {
  const parsed = parseSeal(JSON.stringify({ ...seal, color: 'green' }));
  assert.deepEqual(parsed, without(seal, 'kind', 'version'));
});

test('a host without a record, a deployment or a merge says so by null', () => {
  const none = { image: null, set: null, record: 'none', state: 'None', addons: [], foreign: [], since: null, deployment: null };
  const parsed = parseSeal(JSON.stringify({ ...without(seal, 'live'), ...none }));
  assert.equal(parsed.set, null);
  assert.equal(parsed.since, null);
  assert.equal(parsed.live, undefined);
});

test('what a host supports is read', () => {
  const parsed = parseSupport(JSON.stringify({ ...support, message: 'too deep' }));
  assert.deepEqual(parsed, { ...boot, supported: false, systemd: 252, reason: 'OverlayDepth', message: 'too deep' });
  assert.equal(parseSupport(JSON.stringify({ ...support, systemd: null })).systemd, null);
});

const wrong: Record<string, string> = {
  'a cut text': JSON.stringify(seal).slice(0, 100),
  'another kind': JSON.stringify(support),
  'a later version': JSON.stringify({ ...seal, version: 2 }),
  'a list': '[]',
  'a state that is none': JSON.stringify({ ...seal, state: 'Fine' }),
  'a set that is no digest': JSON.stringify({ ...seal, set: hex }),
  'no addons': JSON.stringify(without(seal, 'addons')),
  'an addon without a name': JSON.stringify({ ...seal, addons: [{ digest: `sha256:${hex}`, state: 'Merged' }] }),
  'a negative count': JSON.stringify({ ...seal, softReboots: -1 }),
  'a time that is a text': JSON.stringify({ ...seal, since: 'now' }),
};
for (const [what, text] of Object.entries(wrong)) {
  test(`${what} is no seal`, () => {
    assert.throws(() => parseSeal(text), SealFormatError);
  });
}
