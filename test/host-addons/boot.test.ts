import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAddon, serviceFiles } from './addon-image.ts';
import { boot } from './booted-host.ts';
import { first, makeDisk, record } from './host-disk.ts';
import { systemdVersions, withoutHosts } from './systemd-root.ts';

const skip = withoutHosts();

for (const systemd of systemdVersions) {
  test(`systemd ${systemd}: a host boots with the addons of its deployment, without a network`, { skip }, async t => {
    const disk = await makeDisk(t, systemd);
    const files = {
      ...serviceFiles('runtime', '1'),
      'usr/lib/sysusers.d/runtime.conf': 'u runtime 777 "Runtime"\n',
      'usr/lib/tmpfiles.d/runtime.conf': 'd /var/lib/runtime 0750 runtime runtime\n',
    };
    const runtime = await makeAddon('runtime', '1', { files, services: ['runtime.service'] });
    const tool = await makeAddon('tool', '1');
    record(disk, [runtime, tool]);
    const host = await boot(disk);
    const seal = host.seal();
    assert.equal(seal.state, 'Merged', host.journal());
    assert.deepEqual([seal.deployment, seal.record, seal.softReboots], [first, 'current', 0]);
    assert.deepEqual(
      seal.addons,
      [runtime, tool].map(({ name, digest }) => ({ name, digest, state: 'Merged' })),
    );
    assert.ok(seal.since !== null && seal.since > 0);
    assert.deepEqual(host.support(), {
      boot: seal.boot,
      softReboots: 0,
      deployment: first,
      supported: true,
      systemd,
      live: true,
    });
    assert.equal(host.read('usr/share/addons/tool'), '1');
    assert.equal(host.say('systemctl', 'is-active', 'runtime.service'), 'active');
    assert.equal(host.say('systemctl', 'is-active', 'scantling-addons.target'), 'active');
    // By the files that the addon brought, before its service was started.
    assert.equal(host.say('stat', '-c', '%U %a', '/var/lib/runtime'), 'runtime 750');
    assert.equal(host.say('stat', '-c', '%a', '/run/scantling/seal.json'), '444');
    assert.match(host.journal(), /addons: Merged runtime tool \(record: current\)/);

    // Once more, both: nothing is other than before, and the service is not started again.
    const links = host.say('ls', '-l', '--time-style=full-iso', '/run/extensions', '/run/scantling/addons/current/');
    host.say('systemctl', 'restart', 'scantling-addons.service');
    assert.equal(host.say('ls', '-l', '--time-style=full-iso', '/run/extensions', '/run/scantling/addons/current/'), links);
    host.say('systemctl', 'restart', 'scantling-addons-seal.service');
    assert.deepEqual(host.seal(), seal);
    assert.equal(host.read('run/runtime.started'), '1\n');
  });
}
