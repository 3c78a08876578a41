/** What an agent without addons does not pay for. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('the client of registries is loaded with the first addon alone', async () => {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    await import(${JSON.stringify(import.meta.resolve('../../../controller/compose-agent.ts'))});
    console.log(loaded.filter(url => /controller\\/(registry|agent)\\//.test(url)).join('\\n'));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  assert.ok(stdout.includes('/agent/addons/addon-host.ts'), stdout);
  assert.ok(!stdout.includes('/controller/registry/'), stdout);
});
