import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { claimStep, holderOf, type Claimable, type ClaimStep } from '../../controller/sharding/claim.ts';

const unsharded = 'scantling-controller';
const object = (matches: boolean, holder?: string, o: { begun?: boolean; atWork?: boolean } = {}): Claimable => ({
  matches,
  holder,
  begun: o.begun ?? true,
  atWork: o.atWork ?? false,
});

describe('a controller without a selector', () => {
  const cases: [string, Claimable, ClaimStep][] = [
    ['acts on what has no shard', object(true), 'Act'],
    ['acts on what is new', object(true, undefined, { begun: false }), 'Act'],
    ['lets go of what it acted on, when that gets a shard', object(false), 'Release'],
    ['ends what runs first', object(false, undefined, { atWork: true }), 'Finish'],
    ['leaves alone what always had a shard', object(false, undefined, { begun: false }), 'Leave'],
    ['takes what was let go', object(true, ''), 'Take'],
    ['waits for who has it', object(true, 'a'), 'Wait'],
  ];
  for (const [name, view, step] of cases) it(name, () => assert.equal(claimStep(view, { own: unsharded, unsharded }), step));
});

describe('a controller with a selector', () => {
  const cases: [string, Claimable, ClaimStep][] = [
    ['acts on what is its own', object(true, 'a'), 'Act'],
    ['takes what is new', object(true, undefined, { begun: false }), 'Take'],
    ['takes what was let go', object(true, ''), 'Take'],
    ['waits for the one without a selector', object(true), 'Wait'],
    ['waits for another', object(true, 'b'), 'Wait'],
    ['lets go', object(false, 'a'), 'Release'],
    ['ends what runs first', object(false, 'a', { atWork: true }), 'Finish'],
    ["leaves another's alone", object(false, 'b'), 'Leave'],
    ["leaves alone what is nobody's", object(false, ''), 'Leave'],
  ];
  for (const [name, view, step] of cases) it(name, () => assert.equal(claimStep(view, { own: 'a', unsharded }), step));
});

it('never two act on the same state of an object, and of those who match one comes to act', () => {
  const controllers = [unsharded, 'a', 'b'];
  const steps = fc.array(fc.record({ who: fc.nat(2), label: fc.option(fc.nat(2)) }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(steps, fc.boolean(), (moves, begun) => {
      const seen = { owner: 0, holder: undefined as string | undefined, begun };
      const stepOf = (who: number): ClaimStep => {
        const view = { matches: seen.owner === who, holder: seen.holder, begun: seen.begun, atWork: false };
        return claimStep(view, { own: controllers[who] ?? '', unsharded });
      };
      const turn = (who: number): void => {
        const step = stepOf(who);
        if (step === 'Act') seen.begun = true;
        // Each write has the version that was judged as its precondition, so that a turn is one step.
        if (step === 'Release') seen.holder = '';
        if (step === 'Take') seen.holder = who === 0 ? undefined : controllers[who];
        assert.ok(controllers.filter((_, other) => stepOf(other) === 'Act').length <= 1);
      };
      for (const { who, label } of moves) {
        if (label !== null) seen.owner = label;
        turn(who);
      }
      for (let round = 0; round < 3; round++) for (const who of controllers.keys()) turn(who);
      assert.equal(stepOf(seen.owner), 'Act');
      assert.equal(holderOf(seen, { own: controllers[seen.owner] ?? '', unsharded }), controllers[seen.owner]);
    }),
  );
});
