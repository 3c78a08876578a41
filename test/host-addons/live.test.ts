import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addonOf, makeAddon, serviceFiles } from './addon-image.ts';
import { boot } from './booted-host.ts';
import { makeDisk, record } from './host-disk.ts';
import { systemdVersions, withoutHosts } from './systemd-root.ts';

const skip = withoutHosts();
const program = '/usr/libexec/scantling/scantling-addons';

const runtime = (version: string) =>
  makeAddon('runtime', version, { files: serviceFiles('runtime', version), services: ['runtime.service'] });

for (const systemd of systemdVersions) {
  test(`systemd ${systemd}: addons come, change and go on a running host`, { skip }, async t => {
    const disk = await makeDisk(t, systemd);
    const agent = await makeAddon('agent', '1', { files: serviceFiles('agent', '1'), services: ['agent.service'] });
    const host = await boot(disk);
    assert.equal(host.seal().state, 'None');

    // From nothing: there is no gap that could be measured.
    record(disk, [await runtime('1'), agent]);
    host.say(program, 'live');
    assert.deepEqual([host.seal().state, host.seal().live?.outcome, host.seal().live?.gapMs], ['Merged', 'Applied', null]);
    await host.settled();
    assert.deepEqual([host.read('run/runtime.started'), host.read('run/agent.started')], ['1\n', '1\n']);
    const one = host.seal();

    host.say(program, 'live');
    assert.deepEqual([host.seal().live?.outcome, host.seal().since], ['Unchanged', one.since]);

    // What changed is restarted, and what did not is left alone.
    record(disk, [await runtime('2'), agent]);
    host.say(program, 'live');
    await host.settled();
    const two = host.seal();
    assert.deepEqual([two.state, two.live?.outcome, two.live?.set], ['Merged', 'Applied', two.set]);
    const gap = two.live?.gapMs;
    assert.ok(typeof gap === 'number' && gap >= 0, `a gap of ${gap} ms`);
    assert.notEqual(two.set, one.set);
    assert.equal(host.read('usr/share/addons/runtime'), '2');
    assert.deepEqual([host.read('run/runtime.started'), host.read('run/agent.started')], ['1\n2\n', '1\n']);

    // One bad file: nothing is changed, and what is merged stays sealed.
    record(disk, [await runtime('3'), addonOf('bad', Buffer.alloc(8192, 'x'))]);
    assert.equal(host.run(program, 'live').code, 1);
    const refused = host.seal();
    assert.deepEqual(
      [refused.state, refused.set, refused.since, refused.live?.outcome],
      ['Merged', two.set, two.since, 'Refused'],
    );
    assert.deepEqual(
      refused.live?.problems.map(({ name, reason }) => [name, reason]),
      [['bad', 'NotErofs']],
    );
    assert.equal(host.read('run/runtime.started'), '1\n2\n');

    // It goes: its service is stopped first.
    record(disk, [agent]);
    host.say(program, 'live');
    await host.settled();
    assert.equal(host.run('systemctl', 'is-active', 'runtime.service').stdout.trim(), 'inactive');
    assert.equal(host.say('systemctl', 'is-active', 'agent.service'), 'active');
    assert.equal(host.read('run/agent.started'), '1\n');
    record(disk, []);
    host.say(program, 'live');
    assert.deepEqual([host.seal().state, host.seal().set, host.seal().live?.outcome], ['None', null, 'Applied']);
    assert.equal(host.read('usr/share/addons/agent'), undefined);
  });

  test(`systemd ${systemd}: a live change that does not merge is taken back`, { skip }, async t => {
    const disk = await makeDisk(t, systemd);
    record(disk, [await runtime('1')]);
    const host = await boot(disk);
    const before = host.seal();
    // systemd-sysext takes the first of two that have a name in its directories; a link in /run can be overruled in /etc only after the check.
    host.say('mkdir', '-p', '/run/systemd/system/systemd-sysext.service.d');
    const guard =
      '[ -e /run/scantling/addons/current/second.raw ] && mkdir -p /etc/extensions/second || rm -rf /etc/extensions/second';
    host.say('sh', '-c', `printf '#!/bin/sh\\n%s\\n' "$1" >/run/guard; chmod 755 /run/guard`, 'sh', guard);
    const hook =
      'printf "[Service]\\nExecStartPre=/run/guard\\nExecReload=\\nExecReload=/run/guard\\nExecReload=/usr/bin/systemd-sysext refresh\\n"';
    host.say('sh', '-c', `${hook} >/run/systemd/system/systemd-sysext.service.d/guard.conf`);
    host.say('systemctl', 'daemon-reload');

    const second = await makeAddon('second', '1');
    record(disk, [await runtime('2'), second]);
    assert.equal(host.run(program, 'live').code, 1);
    await host.settled();
    const after = host.seal();
    assert.deepEqual([after.state, after.set, after.live?.outcome], ['Merged', before.set, 'Restored'], host.journal());
    assert.deepEqual(
      after.live?.problems.map(({ name }) => name),
      ['second'],
    );
    assert.equal(host.read('usr/share/addons/runtime'), '1');
    assert.equal(host.read('run/runtime.started')?.endsWith('1\n'), true);
  });
}
