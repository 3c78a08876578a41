import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RefusedCandidate } from '../../controller/trust/refused.ts';
import { base64Of, parseStrictly } from '../../controller/trust/strict-json.ts';

const parse = (text: string | Uint8Array): unknown =>
  parseStrictly(typeof text === 'string' ? Buffer.from(text) : text, 'the text');

function refuses(text: string | Uint8Array, words: RegExp): void {
  assert.throws(
    () => parse(text),
    (error: unknown) => error instanceof RefusedCandidate && error.reason === 'Malformed' && words.test(error.message),
    String(text),
  );
}

void describe('JSON of signed documents', () => {
  void test('is what JSON.parse says of any value', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 1, 2), (text, indent) => {
        const value: unknown = JSON.parse(text);
        assert.deepEqual(parse(JSON.stringify(value, null, indent)), value);
      }),
    );
  });

  void test('a member that is there twice is refused, however deep and however it is written', () => {
    refuses('{"a":1,"a":1}', /member "a" twice/);
    refuses('{"a":1,"\\u0061":2}', /member "a" twice/);
    refuses('[{"x":{"b":1 , "c":[],"b" : 2}}]', /member "b" twice/);
    refuses('{"\\\\":1,"\\\\":2}', /twice/);
    refuses('{"a\\"":1,"a\\"":2}', /twice/);
    refuses('{"__proto__":1,"__proto__":2}', /twice/);
  });

  void test('the same name in two objects, or as a value, is not', () => {
    for (const text of ['{"a":{"a":"a"},"b":["a","a"]}', '[{"a":1},{"a":2}]', '{"a":"a\\":1,\\"a"}', '{"a":"\\\\","b":1}']) {
      assert.deepEqual(parse(text), JSON.parse(text));
    }
  });

  void test('what is no JSON, no UTF-8 or nested without end is refused', () => {
    for (const text of ['', '{', '{}x', "{'a':1}", '{"a":1,}', '\ufeff{}', 'NaN']) refuses(text, /is not JSON/);
    refuses(Buffer.from([0x22, 0xff, 0x22]), /is not UTF-8/);
    refuses('['.repeat(65) + ']'.repeat(65), /deeper than 64/);
    refuses('['.repeat(1_000_000), /deeper than 64/);
  });

  void test('base64 has one form', () => {
    assert.deepEqual(base64Of('AAE=', 'x'), Buffer.from([0, 1]));
    for (const text of ['', 'AAE', 'AAF=', 'AA E=', 'AAE=\n', '-_8=', 'AAE==', 7, undefined]) {
      assert.throws(() => base64Of(text, 'x'), RefusedCandidate, String(text));
    }
  });
});
