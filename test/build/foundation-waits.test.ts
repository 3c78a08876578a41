import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FoundationWaits } from '../../controller/build/foundation-waits.ts';
import { keyLabel } from '../../controller/build/job-manifest.ts';
import { sha256 } from '../../controller/registry/digest.ts';

const key = (name: string): string => sha256(name).slice('sha256:'.length);

test('just those that wait for a foundation are woken, once, whether its key or its label is named', () => {
  const waits = fc.array(fc.record({ of: fc.constantFrom('x', 'y', 'z'), build: fc.constantFrom('a', 'b', 'c') }));
  fc.assert(
    fc.property(waits, waits, fc.constantFrom('x', 'y', 'z'), fc.boolean(), (came, left, of, byLabel) => {
      const woken: string[] = [];
      const all = new FoundationWaits(build => void woken.push(build));
      for (const { of: name, build } of came) all.wait(key(name), build);
      for (const { of: name, build } of left) all.leave(key(name), build);
      const gone = new Set(left.map(w => `${w.of} ${w.build}`));
      const expected = new Set(came.filter(w => w.of === of && !gone.has(`${w.of} ${w.build}`)).map(w => w.build));
      all.changed(byLabel ? keyLabel(key(of)) : key(of));
      assert.deepEqual([...woken].toSorted(), [...expected].toSorted());
      all.changed(key(of));
      assert.equal(woken.length, expected.size);
    }),
  );
});

test('a foundation is worked on by one build at a time; those that came meanwhile are woken when it is done, and nobody else', () => {
  const woken: string[] = [];
  const waits = new FoundationWaits(build => void woken.push(build));
  assert.equal(waits.claim(key('x'), 'a'), undefined);
  assert.equal(waits.claim(key('x'), 'a'), undefined);
  assert.equal(waits.claim(key('x'), 'b'), 'a');
  assert.equal(waits.claim(key('y'), 'c'), undefined);
  waits.wait(key('x'), 'd');
  waits.release(key('y'));
  assert.deepEqual(woken, []);
  waits.release(key('x'));
  assert.deepEqual(woken, ['b']);
  assert.equal(waits.claim(key('x'), 'b'), undefined);
});
