import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAddon, serviceFiles } from './addon-image.ts';
import { boot } from './booted-host.ts';
import { awaited, first, makeDisk, record, second, stagedAs } from './host-disk.ts';
import { systemdVersions, withoutHosts } from './systemd-root.ts';

const skip = withoutHosts();

for (const systemd of systemdVersions) {
  test(`systemd ${systemd}: each deployment boots with its own addons, also after a rollback`, { skip }, async t => {
    const disk = await makeDisk(t, systemd);
    const shared = await makeAddon('shared', '1');
    record(disk, [shared, await makeAddon('tool', '1')], { deployment: first });
    record(disk, [await makeAddon('tool', '2'), shared, await makeAddon('extra', '1')], { deployment: second });
    const seen: Record<string, (string | undefined)[]> = {};
    for (const [turn, deployment] of [first, second, first].entries()) {
      const host = await boot(disk, { deployment });
      assert.deepEqual([host.seal().state, host.seal().deployment], ['Merged', deployment], host.journal());
      seen[turn] = ['tool', 'shared', 'extra'].map(name => host.read(`usr/share/addons/${name}`));
      await host.cut();
    }
    assert.deepEqual(Object.values(seen), [
      ['1', '1', undefined],
      ['2', '1', '1'],
      ['1', '1', undefined],
    ]);
  });
}

test('a deployment without a record has the one that waits for its image, and keeps it', { skip }, async t => {
  const disk = await makeDisk(t, 257);
  record(disk, [await makeAddon('tool', '1')], { deployment: first });
  stagedAs(disk, first);
  stagedAs(disk, second);
  record(disk, [await makeAddon('tool', '2')], { deployment: awaited });
  const host = await boot(disk, { deployment: second });
  assert.deepEqual(
    [host.seal().state, host.seal().record, host.read('usr/share/addons/tool')],
    ['Merged', 'current', '2'],
    host.journal(),
  );
  await host.cut();
  // What waits by now is for a later staging of the image; each of these has its own.
  record(disk, [await makeAddon('tool', '3')], { deployment: awaited });
  for (const [deployment, tool] of [
    [second, '2'],
    [first, '1'],
  ] as const) {
    const again = await boot(disk, { deployment });
    assert.deepEqual([again.seal().state, again.read('usr/share/addons/tool')], ['Merged', tool], again.journal());
    await again.cut();
  }
});

test('a soft reboot, which keeps /run, changes to the addons of the next deployment', { skip }, async t => {
  const disk = await makeDisk(t, 257);
  const files = serviceFiles('runtime', '2');
  record(disk, [await makeAddon('tool', '1'), await makeAddon('old', '1')], { deployment: first });
  const runtime = await makeAddon('runtime', '2', { files, services: ['runtime.service'] });
  record(disk, [await makeAddon('tool', '2'), runtime], { deployment: second });
  const host = await boot(disk, { deployment: first });
  const before = host.seal();
  assert.deepEqual([before.state, before.softReboots, host.read('usr/share/addons/old')], ['Merged', 0, '1']);

  await host.softReboot(second);
  const after = host.seal();
  // The kernel, and with it its command line, is that of before.
  assert.deepEqual([after.boot, after.softReboots, after.deployment], [before.boot, 1, second], host.journal());
  assert.deepEqual(
    [after.state, host.read('usr/share/addons/tool'), host.read('usr/share/addons/old')],
    ['Merged', '2', undefined],
  );
  assert.equal(host.say('systemctl', 'is-active', 'runtime.service'), 'active');
});
