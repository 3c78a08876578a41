import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { addonOf, makeAddon } from './addon-image.ts';
import type { TestAddon } from './addon-image.ts';
import { boot } from './booted-host.ts';
import { first, imageOf, makeDisk, place, rawPath, record, recordFile, writeRecordText } from './host-disk.ts';
import type { AddonSeal } from '../../controller/host-addons/seal.ts';
import { systemdVersions, withoutHosts } from './systemd-root.ts';

const skip = withoutHosts();

const greenbootCheck = '/usr/lib/greenboot/check/required.d/50-scantling-addons.sh';

/** `name: state reason` of each addon. */
function states({ addons }: AddonSeal): string[] {
  return addons.map(({ name, state, reason }) => `${name}: ${[state, reason].filter(Boolean).join(' ')}`);
}

/** Writes any bytes at a path of the disk, without its way through the store. */
function writeRaw(directory: string, path: string, bytes: Buffer): void {
  mkdirSync(join(directory, dirname(path)), { recursive: true });
  rmSync(join(directory, path), { force: true });
  writeFileSync(join(directory, path), bytes);
}

const flip = (bytes: Buffer) => (bytes.writeUInt8(bytes.readUInt8(4000) ^ 1, 4000), bytes);

const changed = ({ name, digest, bytes }: TestAddon, change: (bytes: Buffer) => Buffer): TestAddon => ({
  name,
  digest,
  bytes: change(Buffer.from(bytes)),
  services: [],
});

for (const systemd of systemdVersions) {
  test(`systemd ${systemd}: what is bad is left out by name, and what is good beside it is merged`, { skip }, async t => {
    const disk = await makeDisk(t, systemd);
    const good = await makeAddon('good', '1');
    const gone = await makeAddon('gone', '1');
    const spoiled = await makeAddon('spoiled', '1');
    const cut = await makeAddon('cut', '1');
    const addons = [
      good,
      gone,
      spoiled,
      cut,
      addonOf('garbage', Buffer.alloc(8192, 'garbage')),
      await makeAddon('elsewhere', '1', { release: 'ID=another\nVERSION_ID=1\n' }),
      await makeAddon('older', '1', { release: 'ID=debian\nVERSION_ID=1\n' }),
      await makeAddon('foreigner', '1', { release: 'ID=_any\nARCHITECTURE=s390x\n' }),
      await makeAddon('misnamed', '1', { releaseName: 'other' }),
      await makeAddon('system', '1', { files: { 'usr/lib/os-release': 'ID=debian\n' } }),
      await makeAddon('masked', '1'),
    ];
    record(disk, addons);
    rmSync(join(disk.directory, rawPath(gone)));
    for (const { name, digest, bytes } of [changed(spoiled, flip), changed(cut, bytes => bytes.subarray(0, -1))]) {
      writeRaw(disk.directory, rawPath({ name, digest }), bytes);
    }
    // One that does not work takes no addon away.
    place(disk, first, '/usr/bin/openssl', '#!/bin/sh\necho "$*" >>/run/openssl\necho nonsense\n', 0o755);
    const host = await boot(disk);
    assert.match(host.read('run/openssl') ?? '', /^dgst -sha256 -r$/m);
    host.say('mkdir', '-p', '/etc/extensions/masked');
    host.again();
    const seal = host.seal();
    assert.deepEqual(states(seal), [
      'good: Merged',
      'gone: Quarantined NotInStore',
      'spoiled: Quarantined Spoiled',
      'cut: Quarantined Spoiled',
      'garbage: Quarantined NotErofs',
      'elsewhere: Quarantined WrongRelease',
      'older: Quarantined WrongRelease',
      'foreigner: Quarantined WrongRelease',
      'misnamed: Quarantined NameMismatch',
      'system: Quarantined HasOSRelease',
      'masked: Quarantined NotLinked',
    ]);
    assert.equal(seal.state, 'Partial');
    assert.equal(host.read('usr/share/addons/good'), '1');
    assert.match(seal.addons.find(({ name }) => name === 'older')?.message ?? '', /VERSION_ID=1, and this host is 1[23]/);
    assert.match(host.journal(), /addon garbage is left out: NotErofs/);
    host.run('systemctl', 'restart', 'scantling-addons.target');
    assert.notEqual(host.run('systemctl', 'is-active', 'scantling-addons.target').stdout.trim(), 'active');

    // The file below a merged addon is deleted: it is merged all the same, and not at the next boot.
    rmSync(join(disk.directory, rawPath(good)));
    host.say('systemctl', 'restart', 'scantling-addons-seal.service');
    assert.equal(states(host.seal())[0], 'good: Merged');
    host.again();
    assert.equal(states(host.seal())[0], 'good: Quarantined NotInStore');
    assert.equal(host.seal().state, 'Failed');
    assert.equal(host.read('usr/share/addons/good'), undefined);

    // Nothing that was linked before stays linked.
    record(disk, []);
    host.again();
    assert.deepEqual([host.seal().state, host.seal().set], ['None', null]);
    assert.equal(host.say('ls', '/run/extensions'), '');
    // That nothing is to be merged is what was good last.
    assert.doesNotMatch(host.say('cat', `/var/lib/scantling/addons/.records/${first}.good`), /^addon /m);
  });

  test(
    `systemd ${systemd}: a record that cannot be read gives way to the one before, and that to the last good one`,
    { skip },
    async t => {
      const disk = await makeDisk(t, systemd);
      const [one, two] = [await makeAddon('tool', '1'), await makeAddon('tool', '2')];
      record(disk, [one]);
      const host = await boot(disk);
      const outcome = () => {
        host.again();
        const { state, record, reason } = host.seal();
        return [host.read('usr/share/addons/tool'), state, record, reason];
      };
      assert.deepEqual(outcome(), ['1', 'Merged', 'current', undefined]);

      record(disk, [one], { kind: 'before' });
      record(disk, [two]);
      assert.deepEqual(outcome(), ['2', 'Merged', 'current', undefined]);
      const text = (name: string): string => host.read(`var/lib/scantling/addons/.records/${name}`) ?? '';
      writeRecordText(disk, first, text(first).replace('tool', 'fool'));
      assert.deepEqual(outcome(), ['1', 'Merged', 'before', 'RecordDamaged']);
      // Lost, as by a file system that was repaired.
      rmSync(recordFile(disk, first));
      assert.deepEqual(outcome(), ['1', 'Merged', 'before', 'RecordDamaged']);
      writeRecordText(disk, first, '');
      writeRecordText(disk, `${first}.before`, text(`${first}.before`).slice(0, 100));
      // The second was never proven, so the last good one is the first.
      assert.deepEqual(outcome(), ['1', 'Merged', 'good', 'RecordDamaged']);
      assert.match(host.seal().message ?? '', /the last that was merged whole was used/);
      writeRecordText(disk, `${first}.good`, 'scantling addons 1\n');
      assert.deepEqual(outcome(), [undefined, 'Failed', 'none', 'RecordDamaged']);
    },
  );

  test(
    `systemd ${systemd}: a changed set with which no agent comes up is booted three times, then the former one`,
    { skip },
    async t => {
      const disk = await makeDisk(t, systemd, { required: true });
      const [one, two] = [await makeAddon('tool', '1'), await makeAddon('tool', '2')];
      const outcome = async () => {
        const host = await boot(disk);
        // Run again in one boot, it is one boot.
        host.again();
        const { state, record, reason } = host.seal();
        const isComplete = host.run('systemctl', 'start', 'boot-complete.target').code === 0;
        assert.equal(host.run(greenbootCheck).code, isComplete ? 0 : 1);
        const seen = [host.read('usr/share/addons/tool'), state, record, reason, isComplete];
        await host.cut();
        return seen;
      };
      record(disk, [one], { kind: 'before' });
      record(disk, [two]);
      for (let n = 1; n <= 3; n++) assert.deepEqual(await outcome(), ['2', 'Merged', 'current', undefined, true], `boot ${n}`);
      assert.deepEqual(await outcome(), ['1', 'Merged', 'before', 'GivenUp', true]);
      assert.deepEqual(await outcome(), ['1', 'Merged', 'before', 'GivenUp', true]);
      // One that had nothing before has nothing again.
      record(disk, [], { kind: 'before' });
      assert.deepEqual(await outcome(), [undefined, 'None', 'before', 'GivenUp', true]);
      // Proven, it is booted as often as the host likes; and one that cannot be gone back from too.
      rmSync(recordFile(disk, `${first}.before`));
      assert.deepEqual(await outcome(), ['2', 'Merged', 'current', undefined, true]);
      writeRecordText(disk, `${first}.before`, 'scantling addons 1\n');
      assert.deepEqual(await outcome(), ['2', 'Merged', 'current', undefined, true]);
    },
  );

  test(`systemd ${systemd}: what others merge or break is told`, { skip }, async t => {
    const disk = await makeDisk(t, systemd);
    record(disk, [await makeAddon('tool', '1')]);
    const other = await makeAddon('other', '1');
    writeRaw(disk.directory, 'var/lib/extensions/other.raw', other.bytes);
    const host = await boot(disk);
    assert.deepEqual(host.seal().foreign, ['other']);
    assert.equal(host.seal().state, 'Merged');

    writeRaw(disk.directory, 'var/lib/extensions/broken.raw', Buffer.alloc(8192, 'x'));
    host.again();
    const [tool] = host.seal().addons;
    // Where one bad image of somebody else stops the merge, the message says where to look; what can be seen is what counts.
    if (tool?.state === 'Merged') assert.equal(host.read('usr/share/addons/tool'), '1');
    else {
      assert.match(tool?.message ?? '', /systemd-sysext.service failed/);
      assert.equal(host.read('usr/share/addons/tool'), undefined);
    }

    // A merge that only systemd-sysext itself sees: its exit code is 0, and its own list has the addon.
    rmSync(join(disk.directory, 'var/lib/extensions/broken.raw'));
    host.say('mkdir', '-p', '/run/systemd/system/systemd-sysext.service.d');
    host.say('sh', '-c', 'printf "[Service]\\nPrivateMounts=yes\\n" >/run/systemd/system/systemd-sysext.service.d/private.conf');
    host.say('systemctl', 'daemon-reload');
    host.again();
    assert.equal(host.read('usr/share/addons/tool'), undefined);
    assert.deepEqual(states(host.seal()), ['tool: NotMerged NotMerged']);
  });

  test(`systemd ${systemd}: a host that cannot merge says why`, { skip }, async t => {
    const disk = await makeDisk(t, systemd, { required: true });
    record(disk, [await makeAddon('tool', '1')]);
    const deep = await boot(disk, { depth: 2 });
    assert.deepEqual([deep.support().supported, deep.support().reason], [false, 'OverlayDepth']);
    assert.deepEqual(states(deep.seal()), ['tool: NotMerged OverlayDepth']);
    assert.deepEqual([deep.seal().state, deep.seal().reason], ['Failed', 'OverlayDepth']);
    // With the drop-in, such a boot is not complete.
    assert.notEqual(deep.run('systemctl', 'start', 'boot-complete.target').code, 0);
    assert.equal(deep.run(greenbootCheck).code, 1);
    await deep.cut();

    const off = await boot(disk, { words: 'quiet systemd.sysext=0' });
    assert.deepEqual([off.support().supported, off.support().reason], [false, 'Disabled']);
    assert.deepEqual(states(off.seal()), ['tool: Quarantined Disabled']);
    assert.equal(off.read('usr/share/addons/tool'), undefined);
    await off.cut();

    place(disk, first, '/usr/lib/systemd/system/systemd-sysext.service', '');
    const masked = await boot(disk);
    assert.deepEqual([masked.support().reason, masked.seal().state], ['Disabled', 'Failed']);
    await masked.cut();

    // What overlayfs takes for a file that is deleted.
    const program = join(imageOf(disk, first), 'usr/bin/systemd-sysext');
    mkdirSync(dirname(program), { recursive: true });
    execFileSync('mknod', [program, 'c', '0', '0']);
    const without = await boot(disk);
    assert.deepEqual([without.support().supported, without.support().reason], [false, 'NoSysext']);
    assert.deepEqual(states(without.seal()), ['tool: NotMerged NoSysext']);
    assert.deepEqual([without.seal().state, without.seal().reason], ['Failed', 'NoSysext']);
  });
}
