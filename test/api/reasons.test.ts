/** Every reason that the program can give is in a table, and so in docs/conditions.md. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { profileReasons } from '../../controller/addon/profile-reasons.ts';
import { addonReasons } from '../../controller/addon/reasons.ts';
import { agentReasons } from '../../controller/agent/reasons.ts';
import { buildReasons } from '../../controller/build/reasons.ts';
import { definitionReasons } from '../../controller/definition/reasons.ts';
import { registryReasons } from '../../controller/registry/reasons.ts';
import { poolReasons } from '../../controller/rollout/reasons.ts';
import { sourceReasons } from '../../controller/source/reasons.ts';
import * as trustReasons from '../../controller/trust/reasons.ts';

const root = join(import.meta.dirname, '../..');
const tables: Record<string, object> = {
  addon: { ...addonReasons, ...profileReasons },
  agent: agentReasons,
  build: buildReasons,
  definition: definitionReasons,
  registry: registryReasons,
  rollout: poolReasons,
  source: sourceReasons,
  trust: Object.assign({}, ...Object.values(trustReasons).filter(table => typeof table === 'object')),
};

/** Of errors, conditions and events, as the source writes them. */
const written = /(?:new (?:Stalling|Waiting|Transient)Error\(\s*|\breason: )'([A-Z][A-Za-z]+)'/g;

for (const [folder, table] of Object.entries(tables)) {
  test(`the reasons of ${folder}/ are in its table`, () => {
    const known = new Set([
      ...Object.keys(table),
      ...Object.keys(registryReasons),
      ...Object.keys(trustReasons.judgementReasons),
    ]);
    const missing = globSync(`controller/${folder}/*.ts`, { cwd: root }).flatMap(file =>
      [...readFileSync(join(root, file), 'utf8').matchAll(written)].flatMap(([, reason]) =>
        reason === undefined || known.has(reason) ? [] : [`${file}: ${reason}`],
      ),
    );
    assert.deepEqual(missing, []);
  });
}
