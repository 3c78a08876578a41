/** A base for the Dockerfile made of Debian's packages and Node's, for machines that can reach these and no image registry. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { hostArchitecture, type Architecture, type Base } from './image-plan.ts';
import { runCommand } from './run-command.mjs';
import { cacheDirectory } from './server-binaries.mjs';

/** Runs buildah on one storage; returns what it prints. Rejects with the end of what it said. */
export type Buildah = (...args: string[]) => Promise<string>;

const root = join(import.meta.dirname, '../..');
/** The release that the published base is of. */
const suite = 'bookworm';
/** Its essential packages, and apt. */
const essential = `base-files,base-passwd,bash,bsdutils,coreutils,dash,debianutils,diffutils,dpkg,findutils,grep,gzip,hostname,
  init-system-helpers,libc-bin,login,ncurses-base,ncurses-bin,perl-base,sed,sysvinit-utils,tar,util-linux,apt`;
/** Changed when what is done here changes the base. */
const recipe = '1';

/**
 * Beside the essential packages and apt nothing. For the machine's own architecture they are installed; for another they are only
 * unpacked, because to install them is to run their programs. Then dpkg's database and the users, which installing makes, are made here.
 */
const unpackedOnly = `set -eu
for deb in "$1"/var/cache/apt/archives/*.deb; do
  name=$(dpkg-deb --field "$deb" Package)
  dpkg-deb --fsys-tarfile "$deb" | tar --list | sed 's#^\\.##; s#/$##' > "$1/var/lib/dpkg/info/$name.list"
  { dpkg-deb --field "$deb"; printf 'Status: install ok installed\\n\\n'; } >> "$1/var/lib/dpkg/status"
done
cp "$1/usr/share/base-passwd/passwd.master" "$1/etc/passwd"
cp "$1/usr/share/base-passwd/group.master" "$1/etc/group"
`;

/**
 * Makes sure of the base for an architecture in buildah's storage.
 * @param epoch seconds: the time of its files
 */
export async function debianBase(buildah: Buildah, architecture: Architecture, epoch: number): Promise<Base> {
  const image = await ensureBase(buildah, architecture, epoch);
  const tools = architecture === hostArchitecture ? undefined : await ensureBase(buildah, hostArchitecture, epoch);
  const digest = (await buildah('inspect', '--type', 'image', '--format', '{{.FromImageDigest}}', image)).trim();
  return { image, ...(tools === undefined ? {} : { tools }), name: image, digest };
}

async function ensureBase(buildah: Buildah, architecture: Architecture, epoch: number): Promise<string> {
  const node = await nodePackage(architecture);
  const key = createHash('sha256')
    .update(`${recipe} ${suite} ${epoch} ${unpackedOnly}`)
    .update(readFileSync(join(node, 'bin/node')));
  const name = `scantling.test/node:${key.digest('hex').slice(0, 12)}-${architecture}`;
  const present = (await buildah('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n');
  if (present.includes(name)) return name;
  const work = temporaryDirectory('debian');
  try {
    const system = await packages(work, architecture, epoch);
    const container = (await buildah('from', '--arch', architecture, 'scratch')).trim();
    await buildah('add', '--quiet', container, system, '/');
    await buildah('copy', '--quiet', container, join(node, 'bin/node'), '/usr/local/bin/node');
    await buildah('copy', '--quiet', container, join(node, 'LICENSE'), '/usr/local/LICENSE');
    await buildah('config', '--env', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', container);
    await buildah('commit', '--quiet', '--rm', '--timestamp', String(epoch), '--identity-label=false', container, name);
  } finally {
    removeDirectory(work);
  }
  return name;
}

/** An archive with the root of a Debian. */
async function packages(work: string, architecture: Architecture, epoch: number): Promise<string> {
  const system = join(work, 'system.tar');
  const hook = join(work, 'unpacked-only');
  writeFileSync(hook, `#!/bin/sh\n${unpackedOnly}`, { mode: 0o755 });
  const merged = '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr';
  const unpacked = ['--variant=extract', `--include=${essential.replaceAll(/\s/g, '')}`, `--extract-hook=${hook}`, merged];
  const how = architecture === hostArchitecture ? ['--variant=apt'] : unpacked;
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch) };
  await runCommand('mmdebstrap', ['--quiet', '--mode=root', `--architectures=${architecture}`, ...how, suite, system], { env });
  return system;
}

interface Lock {
  packages: Readonly<Record<string, { version: string; integrity: string } | undefined>>;
}

/** The directory of Node's package for an architecture: npm installs that of this machine, the other is fetched and checked against the lock file. */
async function nodePackage(architecture: Architecture): Promise<string> {
  const name = `node-linux-${architecture === 'amd64' ? 'x64' : architecture}`;
  const installed = join(root, 'node_modules', name);
  if (existsSync(join(installed, 'bin/node'))) return installed;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const locked = lock.packages[`node_modules/${name}`];
  if (!locked) throw new Error(`package-lock.json has no ${name}`);
  const directory = join(cacheDirectory(), 'images', `${name}-${locked.version}`);
  if (existsSync(join(directory, 'package/bin/node'))) return join(directory, 'package');
  mkdirSync(dirname(directory), { recursive: true });
  const work = temporaryDirectory('node', dirname(directory));
  try {
    await runCommand('npm', ['pack', '--silent', '--pack-destination', work, `${name}@${locked.version}`], { cwd: work });
    const archive = join(work, `${name}-${locked.version}.tgz`);
    const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (integrity !== locked.integrity)
      throw new Error(`${name} ${locked.version} is ${integrity}, not as package-lock.json says`);
    await runCommand('tar', ['--extract', '--gzip', '--file', archive, '--directory', work]);
    renameSync(work, directory);
  } finally {
    removeDirectory(work);
  }
  return join(directory, 'package');
}
