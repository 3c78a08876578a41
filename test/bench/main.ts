/** `npm run bench -- start|rollout|source|build|trust|addons [--json]`: the budgets, measured. Exit code 0 when all are kept. */
import { parseArgs } from 'node:util';
import { measureAddons } from './addons.ts';
import { measureBuild } from './build.ts';
import { judge, measureTable, type Measure } from './measure.ts';
import { measureRollout } from './rollout.ts';
import { measureSource } from './source.ts';
import { measureStart } from './start.ts';
import { measureTrust } from './trust.ts';

const benches: Readonly<Record<string, (progress: (line: string) => void) => Promise<Measure[]>>> = {
  start: measureStart,
  rollout: measureRollout,
  source: measureSource,
  build: measureBuild,
  trust: measureTrust,
  addons: measureAddons,
};
const usage = `Usage: npm run bench -- ${Object.keys(benches).join('|')} [--json]\n`;

async function main(): Promise<number> {
  let name: string | undefined;
  let json: boolean;
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
    json = values.json;
    [name] = positionals;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  const bench = benches[name ?? ''];
  if (!bench) {
    process.stderr.write(usage);
    return 2;
  }
  const measures = judge(await bench(line => process.stderr.write(`${line}\n`)));
  const ok = measures.every(m => m.ok);
  if (json) process.stdout.write(`${JSON.stringify({ bench: name, ok, measures }, null, 2)}\n`);
  else process.stdout.write(`${measureTable(measures).join('\n')}\n`);
  return ok ? 0 : 1;
}

process.exitCode = await main();
