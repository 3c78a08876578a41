import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { parseVendorProfile, vendorProfileMark } from '../../controller/api/vendor-profile.ts';
import { renderAddons } from '../../controller/definition/addons.ts';
import { render } from '../../controller/definition/render.ts';
import { sealReasons } from '../../controller/host-addons/seal.ts';
import { specOf } from '../definition/definition-fixture.ts';

const scripts = join(import.meta.dirname, '../../controller/host-addons/scripts');

test('an image carries the scripts and units only where its definition says so', () => {
  assert.deepEqual(renderAddons(specOf({})), []);
  assert.deepEqual(renderAddons(specOf({ addons: { support: false } })), []);
  const placements = renderAddons(specOf({ addons: { support: true } }));
  const paths = placements.map(({ path }) => path);
  assert.ok(paths.includes('/usr/lib/systemd/system/sysinit.target.wants/scantling-addons.service'));
  assert.ok(!paths.some(path => path.includes('boot-complete')));
  const required = renderAddons(specOf({ addons: { support: true, required: true } }));
  assert.deepEqual(
    required.map(({ path }) => path).filter(path => !paths.includes(path)),
    [
      '/usr/lib/systemd/system/boot-complete.target.d/50-scantling-addons.conf',
      '/usr/lib/greenboot/check/required.d/50-scantling-addons.sh',
    ],
  );
  const program = placements.find(({ path }) => path === '/usr/libexec/scantling/scantling-addons');
  assert.equal(program && 'mode' in program.content ? program.content.mode : 0, 0o755);
});

test('they are one layer, which is that of the system', () => {
  const { plan } = render({ definition: 'worker', spec: specOf({ addons: { support: true } }), inputs: new Map() });
  assert.deepEqual(
    plan.layers.map(({ comment }) => comment),
    ['system: kernel arguments, users, units'],
  );
});

const labels = (addons: SystemDefinitionSpec['addons']) =>
  render({ definition: 'worker', spec: specOf(addons ? { addons } : {}), inputs: new Map() }).plan.labels;

test('the profile of a definition is a file of the image, of which a label tells', () => {
  const profile = [
    { name: 'runtime', addon: 'containerd-2' },
    { name: 'debug', addon: '' },
  ];
  const addons = { support: true, profile };
  const file = renderAddons(specOf({ addons })).find(({ path }) => path === '/usr/share/scantling/profile.json');
  assert.ok(file && 'bytes' in file.content);
  const text = Buffer.from(file.content.bytes).toString();
  assert.equal(
    text,
    '{"entries":[{"addon":"containerd-2","name":"runtime"},{"addon":"","name":"debug"}],"kind":"AddonProfile","version":1}\n',
  );
  assert.deepEqual(parseVendorProfile(text), profile);
  assert.deepEqual(labels(addons), { [vendorProfileMark]: '1' });
  assert.deepEqual(labels({ support: true, profile: [] }), { [vendorProfileMark]: '1' });
  assert.deepEqual(labels({ support: true }), {});
});

test('a definition that writes one of their files is refused', () => {
  const path = '/usr/libexec/scantling/scantling-addons';
  const spec = specOf({ addons: { support: true }, files: [{ path, mode: '0755', content: 'mine' }] });
  assert.throws(() => render({ definition: 'worker', spec, inputs: new Map() }), /is also written by/);
});

/** Every script of the folder, read by the shell without being run. */
test('the scripts can be read by each shell that there is', () => {
  const files = [
    join(scripts, 'scantling-addons'),
    ...readdirSync(join(scripts, 'addons')).map(name => join(scripts, 'addons', name)),
  ];
  for (const shell of ['sh', 'dash', 'bash']) {
    for (const file of files) {
      const { status, stderr, error } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
      if (error === undefined) assert.equal(status, 0, `${shell} ${file}: ${stderr}`);
    }
  }
});

test('each reason of a seal is one of the scripts, and the other way round', () => {
  const texts = readdirSync(join(scripts, 'addons')).map(name => readFileSync(join(scripts, 'addons', name), 'utf8'));
  const said = texts
    .join('\n')
    .matchAll(/(?:found |refuse_all |unmerged="|free_why="|echo '|echo "|printf '|add_problem \S+ |record_reason=)([A-Z]\w+)/g);
  assert.deepEqual([...new Set([...said].map(([, reason = '']) => reason))].toSorted(), Object.keys(sealReasons).toSorted());
});

test('the scripts run nothing but coreutils, util-linux and systemd', () => {
  const forbidden = /(?:^|[|;&(]\s*|\$\()\s*(?:grep|sed|awk|jq|find|xargs|cmp|diff|perl|python\d?|curl)\s/m;
  for (const name of readdirSync(join(scripts, 'addons'))) {
    const text = readFileSync(join(scripts, 'addons', name), 'utf8');
    assert.doesNotMatch(text.replaceAll(/^\s*#.*$/gm, ''), forbidden, name);
  }
});
