/** systemd's own programs read what is generated, below a root directory of the test. */
import assert from 'node:assert/strict';
import { chmod, lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { render } from '../../controller/definition/render.ts';
import { run, specOf, temporaryDirectory, unpack } from './definition-fixture.ts';

const { code, stdout } = await run('systemctl', ['--version']).catch(() => ({ code: 1, stdout: '' }));
const version = Number(/^systemd (\d+)/.exec(stdout)?.[1] ?? 0);
// Base64 in tmpfiles.d came with 252; owners can be set by root only.
const skip = code !== 0 || version < 252 ? 'needs systemd 252 or newer' : process.getuid?.() !== 0 && 'needs root';

/** A root directory with the finish layers unpacked and what a base has. */
async function rootOf(t: { after(f: () => Promise<void>): void }, parts: Partial<SystemDefinitionSpec>): Promise<string> {
  const root = join(await temporaryDirectory(t), 'root');
  await mkdir(join(root, 'etc'), { recursive: true });
  await mkdir(join(root, 'root'));
  await mkdir(join(root, 'var/home'), { recursive: true });
  await chmod(root, 0o755);
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nwheel:x:10:\n');
  await unpack(render({ definition: 'worker', spec: specOf(parts), inputs: new Map() }).layers, root);
  return root;
}

async function succeed(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, args);
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${stderr}`);
  return `${stdout}${stderr}`;
}

test('accounts, homes and keys are made as declared, and keys follow the definition at the next boot', { skip }, async t => {
  const keys = ['ssh-ed25519 AAAA one@example', 'ssh-rsa BBBB two@example'];
  const root = await rootOf(t, {
    users: [
      {
        name: 'core',
        uid: 1234,
        description: 'On call, 100% \\ day',
        shell: '/bin/bash',
        groups: ['wheel', 'edge'],
        sshAuthorizedKeys: keys,
      },
      { name: 'svc', home: '/var/lib/svc' },
      { name: 'root', sshAuthorizedKeys: keys.slice(1) },
    ],
  });
  await succeed('systemd-sysusers', `--root=${root}`);
  const passwd = await readFile(join(root, 'etc/passwd'), 'utf8');
  assert.match(passwd, /^core:x:1234:1234:On call, 100% \\ day:\/var\/home\/core:\/bin\/bash$/m);
  assert.match(passwd, /^svc:x:\d+:\d+::\/var\/lib\/svc:\/usr\/sbin\/nologin$/m);
  const group = await readFile(join(root, 'etc/group'), 'utf8');
  assert.match(group, /^wheel:x:10:core$/m);
  assert.match(group, /^edge:x:\d+:core$/m);

  const authorized = join(root, 'var/home/core/.ssh/authorized_keys');
  const tmpfiles = () =>
    succeed('systemd-tmpfiles', '--create', `--root=${root}`, '--prefix=/var/home', '--prefix=/root', '--prefix=/var/lib');
  await tmpfiles();
  assert.equal(await readFile(authorized, 'utf8'), keys.map(key => `${key}\n`).join(''));
  const home = await lstat(join(root, 'var/home/core'));
  assert.deepEqual([home.uid, home.gid, home.mode & 0o7777], [1234, 1234, 0o700]);
  const file = await lstat(authorized);
  assert.deepEqual([file.uid, file.gid, file.mode & 0o7777], [1234, 1234, 0o600]);
  assert.equal((await lstat(join(root, 'root/.ssh/authorized_keys'))).uid, 0);

  await writeFile(authorized, 'ssh-rsa CCCC added by hand\n');
  await tmpfiles();
  assert.equal(await readFile(authorized, 'utf8'), keys.map(key => `${key}\n`).join(''));
});

test('systemctl sees units enabled, masked and disabled as declared', { skip }, async t => {
  const service = '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n';
  const root = await rootOf(t, {
    units: [
      { name: 'own.service', mask: false, enabled: true, contents: service },
      { name: 'many@.service', mask: false, contents: service },
      { name: 'many@one.service', mask: false, enabled: true },
      { name: 'off.service', mask: false, enabled: false, contents: service },
      { name: 'gone.service', mask: true },
    ],
  });
  const state = async (unit: string) => (await run('systemctl', [`--root=${root}`, 'is-enabled', unit])).stdout.trim();
  assert.equal(await state('gone.service'), 'masked');
  assert.equal(await state('off.service'), 'disabled');
  // A link below /usr/lib is the vendor's word: systemctl has no name for it, but the manager follows it (systemd.unit(5), .wants).
  const wants = join(root, 'usr/lib/systemd/system/multi-user.target.wants');
  for (const unit of ['own.service', 'many@one.service']) assert.match(await readFile(join(wants, unit), 'utf8'), /ExecStart/);
  // A base that disables by default, and presets all units at its first boot.
  await mkdir(join(root, 'etc/systemd/system-preset'), { recursive: true });
  await writeFile(join(root, 'etc/systemd/system-preset/99-default.preset'), 'disable *\n');
  await succeed('systemctl', `--root=${root}`, 'enable', 'off.service');
  await succeed('systemctl', `--root=${root}`, 'preset-all');
  assert.equal(await state('own.service'), 'enabled');
  assert.equal(await state('many@one.service'), 'enabled');
  assert.equal(await state('many@two.service'), 'disabled');
  assert.equal(await state('off.service'), 'disabled');
  assert.equal(await state('gone.service'), 'masked');
});
