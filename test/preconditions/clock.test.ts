import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { aheadMs, clockFinding, ClockWatch } from '../../controller/preconditions/clock.ts';

it('is never said to be ahead or behind by more than it is', () => {
  const answers = fc.record({
    ahead: fc.integer({ min: -100_000, max: 100_000 }),
    asked: fc.integer({ min: 0, max: 10_000_000 }),
    toServer: fc.nat(5_000),
    back: fc.nat(5_000),
  });
  fc.assert(
    fc.property(answers, ({ ahead, asked, toServer, back }) => {
      // The Date of an answer has no fraction of a second.
      const date = Math.floor((asked + toServer) / 1000) * 1000;
      const told = aheadMs({ date, sentAt: asked + ahead, receivedAt: asked + toServer + back + ahead });
      assert.ok(Math.abs(told) <= Math.abs(ahead) && told * ahead >= 0, String(told));
      // And by no less than the trip and the fraction can explain.
      assert.ok(Math.abs(ahead) - Math.abs(told) <= toServer + back + 1_000);
    }),
  );
});

it('is a warning from 2 s on, and blocks from 15 s on', () => {
  const severities = [0, 2_000, -2_001, 15_000, 15_001, -3_600_000].map(ahead => clockFinding(ahead)?.severity);
  assert.deepEqual(severities, [undefined, undefined, 'warning', 'warning', 'blocking', 'blocking']);
});

it('is not to be decided by while it is far off, and tells when there is another thing to say', () => {
  const clock = new ClockWatch();
  const saw = (ahead: number): boolean => {
    const now = Date.now();
    return clock.saw({ date: new Date(now - ahead).toUTCString(), sentAt: now, receivedAt: now });
  };
  assert.deepEqual([clock.isFarOff, saw(0), clock.isFarOff], [false, false, false]);
  assert.deepEqual([saw(60_000), clock.isFarOff, saw(70_000)], [true, true, false]);
  assert.deepEqual([saw(5_000), clock.isFarOff], [true, false]);
  assert.equal(clock.saw({ date: undefined, sentAt: 0, receivedAt: 0 }), false);
});
