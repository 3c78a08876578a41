/** Images as systemd-sysext of this machine takes them: merged over a /usr that only the test sees. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { AddonMatch } from '../../controller/api/addon-artifact.ts';
import { makeAddonImage } from '../../controller/addon/make-image.ts';
import { whyNoMount } from './erofs-mount.ts';
import { Workplace, member, tar } from './layer-fixture.ts';

const place = new Workplace();
after(() => place.remove());

/** Why it cannot be tried here; false where it can. Throws where `CI` is set and it cannot. */
function hindrance(): string | false {
  const reason = whyNoMount();
  if (reason !== undefined) return reason;
  if (spawnSync('systemd-sysext', ['--version']).error === undefined) return false;
  if (process.env['CI']) throw new Error('systemd-sysext is not installed, and CI must run these tests');
  return 'systemd-sysext is not installed';
}

/** An image of a program that says the name, in the directory of extensions. */
async function addon(extensions: string, name: string, match: AddonMatch): Promise<void> {
  const directory = place.path('made');
  mkdirSync(directory);
  const archive = tar(
    member(`usr/bin/addon-${name}`, `#!/bin/sh\necho ${name}\n`, { mode: 0o755 }),
    member(`opt/${name}/file`, name),
  );
  const source = { kind: 'layers' as const, layers: [place.layer(archive, 'zstd')] };
  const { file } = await makeAddonImage({ name, match, architecture: '_any', allowSetuid: false, source, directory });
  copyFileSync(file, join(extensions, `${name}.raw`));
}

/** In mounts of its own, so that neither /run nor /usr of the machine has any of it. */
function merged(extensions: string, then: string): string {
  const script = `set -e
mount --make-rshared /
mount -t tmpfs tmpfs /run
mkdir /run/extensions
cp ${extensions}/*.raw /run/extensions/
systemd-sysext merge
trap 'systemd-sysext unmerge' EXIT
${then}`;
  return execFileSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('images are merged by systemd-sysext, those for another system are not', { skip: hindrance() }, async () => {
  const extensions = place.path('extensions');
  mkdirSync(extensions);
  const own = new Map(
    readFileSync('/etc/os-release', 'utf8')
      .split('\n')
      .map(line => [line.split('=')[0] ?? '', (line.split('=')[1] ?? '').replaceAll('"', '')]),
  );
  const id = own.get('ID') ?? '';
  const versionId = own.get('VERSION_ID');
  await addon(extensions, 'any', { id: '_any' });
  await addon(extensions, 'own', { id, ...(versionId === undefined ? {} : { versionId }) });
  await addon(extensions, 'other', { id: 'no-such-system' });
  const said = merged(
    extensions,
    'addon-any; addon-own; cat /opt/*/file; echo; ls /usr/bin | grep ^addon-; stat -c %U:%G:%a /usr/bin /usr/bin/addon-any',
  );
  assert.deepEqual(said.split('\n'), ['any', 'own', 'anyown', 'addon-any', 'addon-own', 'root:root:755', 'root:root:755', '']);
});
