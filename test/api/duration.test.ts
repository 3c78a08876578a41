import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseDuration } from '../../controller/api/duration.ts';

test('durations are read as the API writes them', () => {
  const table: [string, number][] = [
    ['1m', 60_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1m500ms', 60_500],
    ['0s', 0],
  ];
  for (const [text, ms] of table) assert.equal(parseDuration(text), ms, text);
  for (const bad of ['', '1', '1d', '-1s', '1 m', 'm']) assert.throws(() => parseDuration(bad), /is not a duration/, bad);
});

test('durations are shown in the two largest units', () => {
  const table: [number, string][] = [
    [400, '0s'],
    [42_000, '42s'],
    [60_000, '1m'],
    [61_000, '1m1s'],
    [3_600_000, '1h'],
    [3_900_000, '1h5m'],
  ];
  for (const [ms, text] of table) assert.equal(formatDuration(ms), text);
});
