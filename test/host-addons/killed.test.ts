import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAddon, serviceFiles } from './addon-image.ts';
import type { TestAddon } from './addon-image.ts';
import { boot } from './booted-host.ts';
import type { BootedHost } from './booted-host.ts';
import { makeDisk, rawPath, record } from './host-disk.ts';
import { prepareSteps, runKilled, runWatched, tellingSteps } from './killed.ts';
import { systemdVersions, withoutHosts } from './systemd-root.ts';

const skip = withoutHosts();

const paths = (addons: readonly TestAddon[]): string =>
  addons
    .map(addon => `/${rawPath(addon)}`)
    .toSorted()
    .join();

/** Merges what is linked; the addons that can be seen in /usr then. */
function merge(host: BootedHost): string[] {
  // It may start five times in ten seconds.
  host.say('systemctl', 'reset-failed', 'systemd-sysext.service');
  host.say('systemctl', 'restart', 'systemd-sysext.service');
  return host.say('ls', '/usr/share/addons').split('\n').toSorted();
}

const names = (addons: readonly TestAddon[]): string[] => addons.map(({ name }) => name).toSorted();

for (const systemd of systemdVersions) {
  test(`systemd ${systemd}: a boot that is killed at any step has the old set or the new one`, { skip }, async t => {
    const disk = await makeDisk(t, systemd);
    let from = [await makeAddon('tool', '1'), await makeAddon('old', '1')];
    let to = [await makeAddon('tool', '2'), await makeAddon('new', '1')];
    record(disk, from);
    const host = await boot(disk);
    prepareSteps(host);
    // As after a soft reboot: everything of before is still there, and the key is another.
    const next = () => {
      record(disk, to);
      host.say('rm', '-f', '/run/scantling/addons/key');
    };
    next();
    const steps = runWatched(host, 'boot');
    for (const { command, links } of steps)
      assert.ok([paths(from), paths(to)].includes(links.join()), `${command}: ${links.join()}`);
    assert.deepEqual([steps.at(0)?.links.join(), steps.at(-1)?.links.join()], [paths(from), paths(to)]);
    assert.ok(steps.length > 30, `${steps.length} commands`);

    const outcomes = new Set<string>();
    for (const n of tellingSteps(steps)) {
      [from, to] = [to, from];
      next();
      if (!runKilled(host, 'boot', n)) continue;
      // What systemd-sysext makes of it, also where links lead nowhere.
      const found = merge(host);
      assert.ok([names(from).join(), names(to).join()].includes(found.join()), `killed at ${n}: ${found.join()}`);
      outcomes.add(found.join() === names(to).join() ? 'new' : 'old');
      runKilled(host, 'boot', 100_000);
      assert.deepEqual(merge(host), names(to), `after ${n}`);
    }
    assert.deepEqual([...outcomes].toSorted(), ['new', 'old']);
  });
}

test('a live change that is killed has merged the old set or the new one, and can be done again', { skip }, async t => {
  const disk = await makeDisk(t, 257);
  let from = [await makeAddon('tool', '1'), await makeAddon('old', '1')];
  let to = [await makeAddon('tool', '2'), await makeAddon('new', '1')];
  record(disk, from);
  const host = await boot(disk);
  prepareSteps(host);
  record(disk, to);
  const steps = tellingSteps(runWatched(host, 'live'));
  const seen = () => host.say('ls', '/usr/share/addons').split('\n').toSorted().join();
  assert.equal(seen(), names(to).join());
  for (const n of steps) {
    [from, to] = [to, from];
    record(disk, to);
    host.say('systemctl', 'reset-failed', 'systemd-sysext.service');
    runKilled(host, 'live', n);
    await host.settled();
    assert.ok([names(from).join(), names(to).join()].includes(seen()), `killed at ${n}: ${seen()}`);
    runKilled(host, 'live', 100_000);
    assert.deepEqual([seen(), host.seal().state], [names(to).join(), 'Merged'], `after ${n}`);
  }
});

test('a seal that is killed is the one before or whole, and can be made again', { skip }, async t => {
  const disk = await makeDisk(t, 257);
  const runtime = await makeAddon('runtime', '1', { files: serviceFiles('runtime', '1'), services: ['runtime.service'] });
  record(disk, [runtime]);
  const host = await boot(disk);
  const whole = host.seal();
  prepareSteps(host);
  for (const n of tellingSteps(runWatched(host, 'seal'))) {
    runKilled(host, 'seal', n);
    assert.deepEqual(host.seal(), whole);
    host.say('rm', '/run/scantling/seal.json');
    runKilled(host, 'seal', n);
    if (host.read('run/scantling/seal.json') !== undefined) assert.deepEqual(host.seal(), whole);
    runKilled(host, 'seal', 100_000);
    assert.deepEqual(host.seal(), whole);
  }
  assert.equal(host.read('run/runtime.started'), '1\n');
});

test('a boot whose script is killed merges all the same: it is run twice', { skip }, async t => {
  const disk = await makeDisk(t, 257);
  record(disk, [await makeAddon('tool', '1')]);
  const host = await boot(disk);
  host.say('systemctl', 'stop', 'scantling-addons.service', 'systemd-sysext.service');
  host.say('sh', '-c', 'rm -r /run/scantling/addons /run/extensions');
  // The first of two never comes to its end: it waits for the lock, which the test holds until it is killed.
  host.say('mkdir', '-p', '/run/scantling/addons');
  const script = `exec 9>/run/scantling/addons/lock; flock 9; systemctl start --no-block scantling-addons.service
until pid=$(systemctl show --property=MainPID --value scantling-addons.service); [ "$pid" != 0 ]; do :; done
kill -KILL "$pid"; flock -u 9`;
  host.say('sh', '-c', script);
  await host.settled();
  host.say('systemctl', 'start', 'systemd-sysext.service');
  assert.equal(host.read('usr/share/addons/tool'), '1', host.journal());
});
