import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { BuildError } from '../../controller/build/build-error.ts';
import {
  encodeTermination,
  errorOf,
  failureOf,
  maxTerminationBytes,
  parseTermination,
} from '../../controller/build/termination.ts';
import type { FoundationFailure } from '../../controller/build/termination.ts';

const line = fc.string({ unit: 'grapheme', maxLength: 400 });
const anyFailure = fc.record(
  {
    kind: fc.constantFrom('step' as const, 'transient' as const, 'stalling' as const),
    reason: fc.stringMatching(/^[A-Z][A-Za-z0-9]{0,63}$/),
    step: fc.string({ unit: 'grapheme', maxLength: 40 }),
    stepNumber: fc.nat(),
    exitCode: fc.integer({ min: 0, max: 255 }),
    message: fc.string({ unit: 'grapheme', maxLength: 60 }),
    log: fc.array(line, { maxLength: 40 }),
  },
  { requiredKeys: ['kind', 'step', 'message', 'log'] },
);

function failureIn(text: string): FoundationFailure {
  const outcome = parseTermination(text);
  assert.ok(outcome && 'failure' in outcome, text);
  return outcome.failure;
}

test('a failure comes back as it was but for the head of its log, and never takes more than Kubernetes keeps', () => {
  fc.assert(
    fc.property(anyFailure, failure => {
      const text = encodeTermination({ failure });
      assert.ok(Buffer.byteLength(text) <= maxTerminationBytes);
      const { log, ...rest } = failureIn(text);
      const { log: whole, ...expected } = failure;
      assert.deepEqual(rest, expected);
      const complete = log.length > 0 && log[0]?.startsWith('…') && log[0] !== whole.at(-log.length) ? log.slice(1) : log;
      assert.deepEqual(complete, whole.slice(whole.length - complete.length));
    }),
  );
});

test('as much of the log is kept as fits', () => {
  const log = Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat(300)}`);
  const text = encodeTermination({ failure: { kind: 'step', step: '1/2: RUN x', message: 'exit code 1', log } });
  assert.ok(Buffer.byteLength(text) > maxTerminationBytes - 10, `${Buffer.byteLength(text)} bytes`);
  assert.equal(failureIn(text).log.at(-1), log.at(-1));
});

test('texts that are too long even without a log are cut', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 9000 }),
      fc.string({ unit: 'binary', maxLength: 9000 }),
      (step, message) => {
        const text = encodeTermination({ failure: { kind: 'step', step, message, log: ['last'] } });
        assert.ok(Buffer.byteLength(text) <= maxTerminationBytes);
        assert.deepEqual(failureIn(text).log, ['last']);
      },
    ),
  );
});

test('a result keeps its digest however many warnings it has', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 64 }), warnings => {
      const digest = `sha256:${'a'.repeat(64)}`;
      const text = encodeTermination({ result: { digest, warnings } });
      assert.ok(Buffer.byteLength(text) <= maxTerminationBytes);
      const outcome = parseTermination(text);
      assert.ok(outcome && 'result' in outcome);
      assert.equal(outcome.result.digest, digest);
      assert.ok(outcome.result.warnings.length <= warnings.length);
    }),
  );
});

test('anything else is no termination message', () => {
  for (const text of [
    '',
    'Error: killed',
    '{}',
    'null',
    '[]',
    '{"version":2,"result":{}}',
    '{"version":1,"result":{"digest":"x"}}',
  ])
    assert.equal(parseTermination(text), undefined, text);
});

test('what a step forged has nothing that a status cannot hold', () => {
  const forged = {
    kind: 'stalling',
    reason: 'no reason!',
    step: 'x',
    stepNumber: 2 ** 40,
    exitCode: -1.5,
    message: 'y',
    log: [1, 'z'],
  };
  const failure = failureIn(JSON.stringify({ version: 1, failure: forged }));
  assert.deepEqual(failure, { kind: 'stalling', step: 'x', message: 'y', log: ['z'] });
});

test('an error is the same one after it went through a message', () => {
  const step = new BuildError('exit code 3', { step: '2/3: RUN x', stepNumber: 2, exitCode: 3, log: ['a', 'b'] });
  for (const error of [
    step,
    new StallingError('InvalidContext', 'is none'),
    new TransientError('RegistryUnavailable', 'is down'),
  ]) {
    const back = errorOf(failureIn(encodeTermination({ failure: failureOf(error, 'push') })));
    assert.equal(back.name, error.name);
    assert.deepEqual(failureOf(back, 'push'), failureOf(error, 'push'));
  }
  assert.equal(failureOf(new Error('odd'), 'push').kind, 'transient');
});
