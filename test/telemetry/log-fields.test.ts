/** Every field that a line of the source can log is documented. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { logFields } from '../../controller/telemetry/log-fields.ts';

const root = join(import.meta.dirname, '../../controller');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'));

/** Names of the fields in the object that a call of a log begins with. */
function fieldsIn(text: string): string[] {
  return [...text.matchAll(/\blog\??\.(?:debug|info|warn|error|child)\(\s*\{([^{}]*)\}/g)].flatMap(([, inner = '']) =>
    inner
      .split(',')
      .map(part => /^\s*(\w+)\s*(?::|$)/.exec(part)?.[1])
      .filter(name => name !== undefined),
  );
}

test('every field that is logged is documented', () => {
  const used = new Map(
    files.flatMap(file => fieldsIn(readFileSync(join(root, file), 'utf8')).map(field => [field, file] as const)),
  );
  assert.ok(used.size > 25);
  assert.deepEqual(
    [...used].filter(([field]) => !Object.hasOwn(logFields, field)),
    [],
  );
});
