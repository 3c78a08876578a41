/** No value is more than a value: neither in the file, nor in the service that podman's generator makes of it, nor when systemd starts that. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SystemDefinitionSpecWorkloadContainer } from '../../controller/api/system-definition.ts';
import { quadletFile, refuseValue } from '../../controller/definition/quadlet.ts';
import { temporaryDirectory } from './definition-fixture.ts';
import {
  containerOf,
  generate,
  generators,
  placementsOf,
  quadletOf,
  skipWithoutGenerator,
  workloadOf,
  writeQuadlets,
} from './quadlet-fixture.ts';
import { commandOf, expandSpecifiers, expandVariables, parseUnit, splitWords, valuesOf } from './unit-file.ts';

type Container = SystemDefinitionSpecWorkloadContainer;

/** Text that means something to one of the three readers, and any other that a container can be handed. */
const hard = [
  '',
  ';',
  '\\;',
  '%',
  '%%',
  '%n',
  '$',
  '$$',
  '$HOME',
  '${HOME}',
  '$$$',
  'a$b',
  '${SCANTLING_EMPTY}',
  '"',
  "'",
  '\\',
  'a\\',
  '\\n',
  '\n',
  'a\nExecStartPre=/bin/false',
  '\n[Service]\nUser=root',
  '\r\n',
  '\t',
  ' ',
  ' a ',
  'a b',
  '#',
  '; a',
  '-x',
  '@x',
  '|',
  '&&',
  '`id`',
  '*',
  '{"a": ["b"]}',
  'é ü 漢 🐘',
  '\u00a0',
  '\u2028',
  '\ufeff',
  '\u0001\u007f',
  'a=b=c',
] as const;
const value = fc
  .oneof(
    fc.constantFrom(...hard),
    fc.array(fc.constantFrom(...hard, 'x'), { maxLength: 4 }).map(parts => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom('\\', '"', "'", '%', '$', '{', '}', ' ', '\n', ';', 'a', 'n'), maxLength: 12 }),
  )
  .filter(text => refuseValue(text) === undefined);
const program = value.filter(text => text !== '');
const container: fc.Arbitrary<Partial<Container>> = fc.record({
  command: fc.oneof(
    fc.constant<string[]>([]),
    fc.tuple(program, fc.array(value, { maxLength: 4 })).map(([first, rest]) => [first, ...rest]),
  ),
  args: fc.array(value, { maxLength: 5 }),
  env: fc.uniqueArray(fc.record({ name: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/), value }), {
    maxLength: 4,
    selector: ({ name }) => name,
  }),
  healthCheck: fc
    .tuple(
      program.filter(text => !/^(cmd|cmd-shell|none)$/i.test(text)),
      fc.array(value, { minLength: 1, maxLength: 3 }),
    )
    .map(([first, rest]) => ({
      command: [first, ...rest],
      interval: '30s',
      timeout: '30s',
      startPeriod: '0s',
      retries: 3,
      onFailure: 'None' as const,
    })),
});

const expand = (text: string): string => expandVariables([expandSpecifiers(text)], new Map())[0] ?? '';

test('every value of a Quadlet file reads back as it was given', () => {
  fc.assert(
    fc.property(container, parts => {
      const unit = quadletOf(placementsOf(workloadOf([parts])), 'office-web.container');
      assert.deepEqual([...unit.keys()], ['Unit', 'Container', 'Service']);
      assert.deepEqual(commandOf(unit, 'Container', 'Exec'), parts.args);
      const environment = valuesOf(unit, 'Container', 'Environment').flatMap(splitWords).map(expand);
      assert.deepEqual(
        environment,
        parts.env?.map(({ name, value }) => `${name}=${value}`),
      );
      const entrypoint = valuesOf(unit, 'Container', 'Entrypoint').map(text => JSON.parse(expand(text)) as unknown);
      assert.deepEqual(entrypoint, parts.command?.length ? [parts.command] : []);
      const health = valuesOf(unit, 'Container', 'HealthCmd').map(text => JSON.parse(expand(text)) as unknown);
      assert.deepEqual(health, [parts.healthCheck?.command]);
    }),
    { numRuns: 500 },
  );
});

test('every value reaches podman as it was given', { skip: skipWithoutGenerator }, async t => {
  const directory = await temporaryDirectory(t);
  let round = 0;
  const hardest = containerOf({ name: 'hard', args: [...hard] });
  await fc.assert(
    fc.asyncProperty(fc.array(container, { minLength: 1, maxLength: 20 }), async parts => {
      const containers = [hardest, ...parts.map((each, i) => containerOf({ ...each, name: `c${i}` }))];
      const at = join(directory, String(round++));
      await writeQuadlets(placementsOf(workloadOf(containers)), at);
      for (const { name, path } of generators) {
        const services = await generate(path, at);
        for (const each of containers) checkCommand(services.get(`office-${each.name}.service`) ?? '', each, name);
      }
    }),
    { numRuns: 15 },
  );
});

/** What `podman run` is given in a generated service. */
function checkCommand(service: string, { command = [], args = [], env = [], healthCheck }: Container, message: string): void {
  const unit = parseUnit(service);
  assert.equal(valuesOf(unit, 'Service', 'ExecStart').length, 1, message);
  const words = commandOf(unit, 'Service', 'ExecStart');
  const image = words.findIndex(word => word.startsWith('registry.example/web@sha256:'));
  assert.deepEqual(words.slice(image + 1), args, message);
  const optionsOf = (option: string) => words.slice(0, image).flatMap((word, i) => (words[i - 1] === option ? [word] : []));
  const flag = (option: string) =>
    words
      .slice(0, image)
      .flatMap((word, i) =>
        word.startsWith(`${option}=`) ? [word.slice(option.length + 1)] : words[i - 1] === option ? [word] : [],
      );
  assert.deepEqual(optionsOf('--env').toSorted(), env.map(({ name, value }) => `${name}=${value}`).toSorted(), message);
  assert.deepEqual(
    flag('--entrypoint').map(text => JSON.parse(text) as unknown),
    command.length > 0 ? [command] : [],
    message,
  );
  assert.deepEqual(
    flag('--health-cmd').map(text => JSON.parse(text) as unknown),
    healthCheck ? [healthCheck.command] : [],
    message,
  );
}

test('a value that is more than a line is an error of the program', () => {
  for (const wrong of ['a\nb', 'a\\', ' a', 'a ', '\0']) {
    assert.throws(
      () => quadletFile([['Container', [['Volume', wrong]]]]),
      /is not one line of a Quadlet file/,
      JSON.stringify(wrong),
    );
  }
});
