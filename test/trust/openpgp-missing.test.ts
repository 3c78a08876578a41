/** The module that reads OpenPGP, which is a file of its own beside the program, where it is not there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const script = `
import { registerHooks } from 'node:module';
registerHooks({ resolve: (name, context, next) => { if (name === 'openpgp') throw new Error('no such file'); return next(name, context); } });
const { readOpenPGPKeyring } = await import(${JSON.stringify(join(import.meta.dirname, '../../controller/trust/openpgp-signature.ts'))});
const error = await readOpenPGPKeyring(['']).catch(error => error);
console.log(JSON.stringify([error.name, error.reason, error.message]));
`;

test('nothing is judged without it: it is an outage, and no missing signature', () => {
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.deepEqual(JSON.parse(said), [
    'TransientError',
    'OpenPGPUnavailable',
    'the module openpgp, which is beside the program, cannot be loaded: no such file',
  ]);
});
