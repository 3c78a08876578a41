/** The page that a person reads whose build does not come says nothing that is not so. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildReasons } from '../../controller/build/reasons.ts';
import { definitionReasons } from '../../controller/definition/reasons.ts';
import { registryReasons } from '../../controller/registry/reasons.ts';
import { contentRows } from '../build/bad-input-content.ts';
import { registryRows } from '../build/bad-input-registry.ts';
import { stepRows } from '../build/bad-input-steps.ts';

const docs = join(import.meta.dirname, '../../docs');
const page = readFileSync(join(docs, 'troubleshooting.md'), 'utf8');
const rows = page
  .split('\n')
  .filter(line => line.startsWith('| ') && !/^\| (?:Symptom|---)/.test(line))
  .map(line => line.split(' | ').map(cell => cell.trim()));
const named = new Set(rows.flatMap(([, reasons = '']) => [...reasons.matchAll(/`(\w+)`/g)].map(([, word = '']) => word)));

test('every row has a symptom, a condition, a message and what to do', () => {
  assert.ok(rows.length >= 25);
  for (const cells of rows) assert.equal(cells.length, 4, cells[0]);
});

test('every reason that it names is one', () => {
  const known = new Set(Object.keys({ ...buildReasons, ...definitionReasons, ...registryReasons }));
  // A condition type, and where another reason stands.
  const others = new Set(['BaseUpdateAvailable']);
  assert.deepEqual(
    [...named].filter(word => !known.has(word) && !others.has(word)),
    [],
  );
});

test('it names every reason that bad input is told with', () => {
  const told = Object.values({ ...contentRows, ...registryRows, ...stepRows }).map(({ reason }) => reason);
  assert.deepEqual(
    told.filter(reason => !named.has(reason)),
    [],
  );
});

test('its links lead somewhere', () => {
  const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link.split('#'));
  assert.ok(links.length > 4);
  for (const [file = '', anchor] of links) {
    assert.ok(existsSync(join(docs, file)), file);
    if (anchor !== undefined) assert.ok(anchorsOf(readFileSync(join(docs, file), 'utf8')).includes(anchor), anchor);
  }
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
