/** The variant that is chosen is one that a real systemd merges: every variant here is tried on every system here. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { parseOsRelease } from '../../controller/addon/os-release.ts';
import { type VariantMatch, architectureOf, variantFor, variantName } from '../../controller/addon/variant.ts';
import { type Systemd, systemdRoot, systemdVersions, withoutHosts } from '../host-addons/systemd-root.ts';

const here = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
const elsewhere = here === 'linux/arm64' ? 'linux/amd64' : 'linux/arm64';

const systems: Record<string, string> = {
  'a system with a version': 'ID=fedora\nVERSION_ID=42\n',
  'one with another version, in quotation marks': 'NAME="Fedora Linux"\nVERSION_ID="43"\nID="fedora"\n',
  'one with a level': 'ID=fedora\nVERSION_ID=42\nSYSEXT_LEVEL=2\n',
  'one with a level alone': 'ID=fedora\nSYSEXT_LEVEL=2\n',
  'a rolling one': 'ID=arch\nBUILD_ID=rolling\n',
  'one that is like others': 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="42"\n',
  'one that says its name twice': 'ID=fedora\nID=debian\nVERSION_ID=42\n',
};

const variants: VariantMatch[] = [here, elsewhere, '_any'].flatMap(platform =>
  [
    { id: '_any' },
    { id: 'fedora' },
    { id: 'fedora', versionId: '42' },
    { id: 'fedora', versionId: '43' },
    { id: 'fedora', sysextLevel: '2' },
    { id: 'fedora', sysextLevel: '3' },
    { id: 'arch' },
    { id: 'arch', versionId: '1' },
    { id: 'rhel', versionId: '42' },
    { id: 'debian', versionId: '42' },
  ].map(os => ({ platform, os })),
);

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** As the images of addons say it. */
function extensionRelease({ platform, os }: VariantMatch): string {
  const lines = [`ID=${os.id}`];
  if (os.versionId !== undefined) lines.push(`VERSION_ID=${os.versionId}`);
  if (os.sysextLevel !== undefined) lines.push(`SYSEXT_LEVEL=${os.sysextLevel}`);
  return `${[...lines, `ARCHITECTURE=${architectureOf(platform)}`].join('\n')}\n`;
}

/** The variants that a systemd merges on a system, by their names. */
function merged(root: string, osRelease: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'variants-'));
  try {
    const upper = join(directory, 'upper');
    put(join(upper, 'etc/os-release'), osRelease);
    variants.forEach((variant, i) => {
      const extension = join(upper, `var/lib/extensions/v${i}/usr`);
      put(join(extension, `lib/extension-release.d/extension-release.v${i}`), extensionRelease(variant));
      put(join(extension, `share/variants/v${i}`), '');
    });
    for (const name of ['work', 'root']) mkdirSync(join(directory, name));
    // systemd-sysext mounts in a namespace of its own and hands the result on, which needs a tree that is shared.
    const script = `
      set -e
      mount --make-rshared /
      mount -t tmpfs tmpfs "$1"/work
      mkdir "$1"/work/upper "$1"/work/work
      cp -a "$1"/upper/. "$1"/work/upper
      mount -t overlay overlay -o lowerdir="$2",upperdir="$1"/work/upper,workdir="$1"/work/work "$1"/root
      mount -t proc proc "$1"/root/proc
      mount -t tmpfs tmpfs "$1"/root/run
      chroot "$1"/root systemd-sysext merge >&2
      ls "$1"/root/usr/share/variants`;
    const words = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', directory, root];
    const answer = execFileSync('unshare', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const numbers = answer.split('\n').flatMap(name => (name === '' ? [] : Number(name.slice(1))));
    return numbers.toSorted((a, b) => a - b).flatMap(i => (variants[i] ? variantName(variants[i]) : []));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Which rules each of them has. Stable releases of 257 took ID_LIKE over from 258, which their number does not tell, so on 257 it is not counted on. */
const rules: Record<Systemd, number> = { 252: 252, 257: 258 };

describe('a variant is chosen where systemd merges it', { skip: withoutHosts() }, () => {
  for (const systemd of systemdVersions) {
    for (const [what, osRelease] of Object.entries(systems)) {
      test(`systemd ${systemd}, ${what}`, async () => {
        const os = parseOsRelease(osRelease);
        const chosen = (version: number): string[] =>
          variants
            .filter(variant => 'variant' in variantFor([variant], { os, platform: here, systemd: version }))
            .map(variantName);
        const there = merged(await systemdRoot(systemd), osRelease);
        assert.deepEqual(chosen(rules[systemd]), there);
        assert.ok(there.length > 0 && there.length < variants.length);
        for (const name of chosen(systemd)) assert.ok(there.includes(name), name);
      });
    }
  }
});
