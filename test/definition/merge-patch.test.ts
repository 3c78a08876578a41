import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergePatch } from '../../controller/definition/merge-patch.ts';

const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 2 }));
const key = fc.constantFrom('a', 'b', 'c');
const { tree } = fc.letrec(tie => ({
  tree: fc.dictionary(key, fc.oneof({ depthSize: 'small' }, leaf, tie('tree')), { noNullPrototype: true }),
}));

/** RFC 7386, section 2. */
function applied(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const out: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = applied(out[name], value);
  }
  return out;
}

test('the patch makes the one of the other, and is empty for equal ones', () => {
  fc.assert(
    fc.property(tree, tree, (from, to) => {
      assert.deepEqual(applied(from, mergePatch(from, to)), to);
      assert.deepEqual(mergePatch(from, structuredClone(from)), {});
    }),
  );
});
