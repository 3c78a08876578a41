/** Every value of the chart has a comment, a place in the schema and an effect; a wrong one is refused with its name. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { UsageError, parseCommandLine } from '../../controller/command-line.ts';
import { CommandError } from '../cluster/administrator-command.ts';
import { chartValues } from '../tools/chart-values.ts';
import { everythingChanged, valueEffects, valuesOf, type ValueEffect } from './chart-value-effects.ts';
import { chart, render } from './rendered-chart.ts';

const valuesYaml = readFileSync(join(chart, 'values.yaml'), 'utf8');
const values = chartValues(valuesYaml);

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: unknown;
}

/** What is rendered, as one text of sorted JSON. */
async function text(paths: Readonly<Record<string, unknown>>): Promise<string> {
  return JSON.stringify(await render(valuesOf(paths)));
}

function assertEffect(path: string, { shows, hides }: ValueEffect, without: string, withValue: string): void {
  assert.ok(shows ?? hides, `${path}: the table says of no effect`);
  if (shows) {
    assert.doesNotMatch(without, shows, `${path}: ${shows} is there without it`);
    assert.ok(shows.test(withValue), `${path}: ${shows} is not there with it`);
  }
  if (hides) {
    assert.ok(hides.test(without), `${path}: ${hides} is not there without it`);
    assert.doesNotMatch(withValue, hides, `${path}: ${hides} is still there with it`);
  }
}

const someSelectors = [
  'scantling.dev/shard in (a, b)',
  'scantling.dev/shard==a,region!=west,!example.com/old',
  'region notin (west,),scantling.dev/shard=a',
];

const wrongFlags: readonly (readonly ['controller' | 'agent', string, RegExp])[] = [
  ['controller', '--concurrent-build=8', /controller.extraArgs: "--concurrent-build=8" is no flag of the controller/],
  ['controller', '--host-root=/', /is no flag of the controller/],
  ['agent', '--builders=job', /is no flag of the agent/],
  ['controller', '--leader-elect', /has no value/],
  ['controller', '--leader-elect=yes', /is true or false/],
  ['controller', '--concurrent-builds=0', /is a whole number from 1/],
  ['agent', '--heartbeat-interval=5', /agent.extraArgs: "--heartbeat-interval=5" is a duration/],
];

const refused = async (values: object, message: RegExp): Promise<void> => {
  await assert.rejects(render(values), (error: unknown) => error instanceof CommandError && message.test(error.stderr));
};

describe("the chart's values", () => {
  let untouched: Promise<string>;
  before(() => {
    untouched = text({});
  });

  test('are all in the table of effects, and no others', () => {
    assert.deepEqual(Object.keys(valueEffects).toSorted(), values.map(({ path }) => path).toSorted());
  });

  test('each change what is rendered, all together', async () => {
    const together = Object.entries(valueEffects).filter(([, effect]) => !effect.alone);
    const without = await untouched;
    const withValues = await text(everythingChanged());
    for (const [path, effect] of together) assertEffect(path, effect, without, withValues);
  });

  for (const [path, effect] of Object.entries(valueEffects).filter(([, { alone }]) => alone)) {
    test(`${path} changes what is rendered by itself`, async () => {
      const without = effect.needs ? await text(effect.needs) : await untouched;
      assertEffect(path, effect, without, await text({ ...effect.needs, [path]: effect.value }));
    });
  }

  test('are all in the schema, which knows no others', () => {
    const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as JsonSchema;
    const compare = (at: JsonSchema | undefined, value: unknown, path: string): void => {
      const documented = values.some(v => v.path === path);
      if (documented || value === null || typeof value !== 'object') return;
      assert.equal(at?.additionalProperties, false, `${path}: the schema allows any key`);
      const known = Object.keys(at?.properties ?? {}).filter(key => path !== '' || !['global', 'enabled'].includes(key));
      assert.deepEqual(known.toSorted(), Object.keys(value).toSorted(), `${path}: the schema has other keys than values.yaml`);
      for (const [key, child] of Object.entries(value))
        compare(at?.properties?.[key], child, path === '' ? key : `${path}.${key}`);
    };
    compare(schema, parse(valuesYaml), '');
  });

  test('that are wrong are refused with their name', async () => {
    await refused({ controller: { replica: 3 } }, /'\/controller'.*'replica' not allowed/);
    await refused({ wbhook: {} }, /'wbhook' not allowed/);
    await refused({ webhook: { ingress: { hots: 'x' } } }, /'\/webhook\/ingress'.*'hots' not allowed/);
    await refused({ image: { digest: 'abc' } }, /'\/image\/digest'/);
    for (const repository of ['registry.example.com/scantling:0.2.0', 'https://registry.example.com/scantling', '/scantling', ''])
      for (const set of [{ image: { repository } }, { builder: { image: { repository } } }])
        await refused(set, /\/image\/repository': .*does not match pattern/);
    for (const repository of ['scantling', 'localhost:5000/scantling', 'registry.example.com:443/a/b-c/d_e.f'])
      await render({ image: { repository }, builder: { image: { repository } } });
    await refused({ agent: { tolerations: 'all' } }, /'\/agent\/tolerations': got string, want array/);
    await refused({ logLevel: 'loud' }, /'\/logLevel'/);
    await refused({ admission: { controllers: ['west'] } }, /'\/admission\/controllers\/0'/);
    await refused({ builder: { builders: ['docker'] } }, /'\/builder\/builders\/0'/);
  });

  test('that do not go together are refused with what to do', async () => {
    await refused({ caBundle: { configMapName: 'a', secretName: 'b' } }, /set only one of them/);
    await refused({ webhook: { ingress: { enabled: true } } }, /webhook.ingress.enabled needs webhook.enabled/);
    await refused({ nameOverride: 'west' }, /set agent.enabled=false/);
    await refused(
      { agent: { namespace: 'scantling-system' } },
      /agent.namespace: scantling-system is the release's own namespace/,
    );
    await assert.rejects(
      render({}, { namespace: 'scantling-agents' }),
      /agent.namespace: scantling-agents is the release's own namespace/,
    );
    await refused({ admission: { controllers: ['elsewhere:west-controller'] } }, /of another namespace than this release/);
  });

  test('that become flags are refused as the program would refuse them, and only then', async () => {
    for (const shardSelector of [
      '',
      '!scantling.dev/shard',
      'scantling.dev/shard',
      'scantling.dev/shard = a',
      ...someSelectors,
    ]) {
      const args = shardSelector === '' ? [] : [`--shard-selector=${shardSelector}`];
      assert.doesNotThrow(() => parseCommandLine('controller', args));
      await render({ controller: { shardSelector } });
    }
    for (const shardSelector of [
      'region=west',
      'scantling.dev/shard!=a',
      '!scantling.dev/shard,a=b',
      'scantling.dev/shard=a b',
      ' ',
    ]) {
      assert.throws(() => parseCommandLine('controller', [`--shard-selector=${shardSelector}`]), UsageError);
      await refused(
        { controller: { shardSelector } },
        /controller.shardSelector: ".*" is no label selector that requires the label/,
      );
    }
    for (const [program, flag, words] of wrongFlags) {
      assert.throws(() => parseCommandLine(program, [...(program === 'agent' ? ['--node-name=n'] : []), flag]), UsageError);
      await refused({ [program]: { extraArgs: [flag] } }, words);
    }
    await render({ controller: { extraArgs: ['--leader-elect=false', '--concurrent-builds=8', '--identity=a=b'] } });
  });

  test('of builds are quantities, whether they are written as numbers or not', async () => {
    await refused({ builder: { resources: { limits: { memory: '2 GB' } } } }, /'\/builder\/resources\/limits\/memory'/);
    await refused({ builder: { resources: { requests: { cpu: -1 } } } }, /'\/builder\/resources\/requests\/cpu'/);
    await refused({ builder: { resources: { limits: { 'a b': 1 } } } }, /'\/builder\/resources\/limits'.*'a b' not allowed/);
    await refused({ builder: { resources: { limits: { memory: '.' } } } }, /'\/builder\/resources\/limits\/memory'/);
    const forms = Object.fromEntries(['.5', '5.', '+1', '1e-3', '2E+3'].map((form, i) => [`example.com/r${i}`, form]));
    assert.match(
      JSON.stringify(await render({ builder: { resources: { limits: forms } } })),
      /"--builder-limits=example.com\/r0=\.5,example.com\/r1=5\.,example.com\/r2=\+1,/,
    );
    const requests = { cpu: 0.5, memory: 1_073_741_824, 'example.com/gpu': 2 };
    const [, flag = ''] =
      /"(--builder-requests=[^"]*)"/.exec(JSON.stringify(await render({ builder: { resources: { requests } } }))) ?? [];
    assert.equal(flag, '--builder-requests=cpu=0.5,example.com/gpu=2,memory=1073741824');
    assert.doesNotThrow(() => parseCommandLine('controller', [flag]));
  });

  test('leave the name of each process to itself: that of its pod is also that of its next life', async () => {
    assert.doesNotMatch(JSON.stringify(await render()), /--identity/);
  });

  test('of an older chart, used without the defaults of this one, are refused with what to do', async () => {
    await refused({ crds: null, uninstall: null, monitoring: null }, /--reset-then-reuse-values/);
  });

  test('of a chart that this one is part of are let through', async () => {
    await render({ global: { imageRegistry: 'registry.example.com' }, enabled: true });
  });
});
