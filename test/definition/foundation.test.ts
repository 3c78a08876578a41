import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { render } from '../../controller/definition/render.ts';
import { inputsOf, run, specOf } from './definition-fixture.ts';

const foundationOf = (spec: Partial<SystemDefinitionSpec>, inputs = {}) =>
  render({ definition: 'worker', spec: specOf(spec), inputs: inputsOf(inputs) }).plan.foundation;
/** What comes after the base's own stage. */
const stepsOf = (foundation: ReturnType<typeof foundationOf>): string => {
  const start = 'ARG SCANTLING_BASE\nFROM ${SCANTLING_BASE} AS base\n';
  const text = foundation?.containerfile ?? start;
  assert.ok(text.startsWith(start), text);
  return text.slice(start.length);
};
const unit = (name: string, rest: object = {}) => ({ name, mask: false, enabled: true, ...rest });

for (const manager of ['dnf', 'apt', 'zypper'] as const) {
  test(`${manager}: one RUN that a shell can read, whatever the order of the packages`, async () => {
    const one = foundationOf({ packages: { manager, install: ['g++', 'b*', 'a=1:2~3'], remove: ['x', 'y'] } });
    const other = foundationOf({ packages: { manager, install: ['a=1:2~3', 'b*', 'g++'], remove: ['y', 'x'] } });
    assert.deepEqual(one, other);
    const text = stepsOf(one);
    assert.match(text, /^RUN /);
    assert.match(text, /'a=1:2~3' \\\n +'b\*' \\\n +'g\+\+' /);
    const { code, stderr } = await run('sh', ['-n', '-c', text.slice('RUN '.length)]);
    assert.equal(code, 0, stderr);
  });
}

test('only packages, an inline Containerfile and units of the base make a foundation', () => {
  assert.equal(foundationOf({}), undefined);
  const finish: Partial<SystemDefinitionSpec> = {
    files: [{ path: '/etc/a', mode: '0644', content: '' }],
    kernelArguments: ['quiet'],
    users: [{ name: 'core' }],
    labels: { 'com.example': '1' },
    units: [
      unit('own.service', { contents: '[Service]\n' }),
      unit('linked.service', { wantedBy: ['graphical.target'] }),
      { name: 'off.service', mask: false, enabled: false },
      { name: 'masked.service', mask: true },
      { name: 'tuned.service', mask: false, dropIns: [{ name: '10-a.conf', contents: '' }] },
    ],
  };
  assert.equal(foundationOf(finish), undefined);
  assert.equal(
    stepsOf(foundationOf({ ...finish, units: [unit('sshd.service'), unit('chronyd.service')] })),
    'RUN ["systemctl","enable","--","chronyd.service","sshd.service"]\n',
  );
});

test('a unit file that a file or a tree brings is enabled by links: it is not there when the foundation runs', () => {
  const spec: Partial<SystemDefinitionSpec> = {
    sourceRef: { name: 'fleet', path: '.' },
    trees: [{ from: 'rootfs', to: '/usr/lib/systemd/system' }],
    files: [{ path: '/etc/systemd/system/local.service', mode: '0644', content: '' }],
    units: [unit('a.service'), unit('b@1.service'), unit('local.service')],
  };
  const inputs = { 'rootfs/a.service': '', 'rootfs/b@.service': '' };
  assert.equal(foundationOf(spec, inputs), undefined);
});

test('its digest is over the instructions alone', () => {
  const units = [unit('sshd.service')];
  const one = foundationOf({ units });
  const other = foundationOf({
    units,
    files: [{ path: '/etc/a', mode: '0644', content: 'x' }],
    base: { image: 'r.example/b:2', update: 'Always', interval: '10m' },
  });
  assert.deepEqual(one, other);
  assert.match(one?.digest ?? '', /^sha256:[0-9a-f]{64}$/);
});
