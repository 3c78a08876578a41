/** What the corpus of images that must not count has to have. Whether they count, the tests of each of its parts say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidateReasons } from '../../controller/trust/reasons.ts';
import { refusedAttestations } from './corpus/refused-attestations.ts';
import { refusedBundles } from './corpus/refused-bundles.ts';
import { refusedIdentities } from './corpus/refused-identities.ts';
import { refusedKeys } from './corpus/refused-keys.ts';
import { refusedLogs } from './corpus/refused-logs.ts';
import { refusedSignatures } from './corpus/refused-signatures.ts';

const tables = [refusedAttestations, refusedBundles, refusedIdentities, refusedKeys, refusedLogs, refusedSignatures].flat();
const all = tables.flatMap(({ cases }) => cases);
const refused = all.filter(({ trusted }) => !trusted);

test('the corpus has eighty images at least that must be refused', () => {
  assert.ok(refused.length >= 80, String(refused.length));
});

test('no two cases of a table have one name, and no two tables one title', () => {
  const names = tables.flatMap(({ title, cases }) => cases.map(({ name }) => `${title}: ${name}`));
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
  assert.equal(new Set(tables.map(({ title }) => title)).size, tables.length);
});

test('every case says what comes out, and every reason to refuse a candidate has one', () => {
  for (const { name, trusted, refused: reasons, reason, says } of all) assert.ok(trusted ?? reasons ?? reason ?? says, name);
  // No registry takes a list of what it does not have; refused-lookups.test.ts has it go missing.
  const elsewhere = ['Accepted', 'Missing'];
  const known = Object.keys(candidateReasons).filter(reason => !elsewhere.includes(reason));
  const held = new Set(all.flatMap(({ refused: reasons = [] }) => reasons));
  assert.deepEqual(
    known.filter(reason => !held.has(reason)),
    [],
  );
});
