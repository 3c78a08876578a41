/** A root file system with the real apt and dpkg of this machine, for foundations that install packages. Made in about a second. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ProgramRoot, programPath } from './program-root.ts';

/** What apt, dpkg and maintainer scripts run. */
const programs = wordsOf(`
  apt-get apt-config apt-mark dpkg dpkg-deb dpkg-query dpkg-split ldconfig start-stop-daemon sh tar gzip xz
  cat chmod chown cmp cp cut diff echo env find grep head id ln ls mkdir mktemp mv printf readlink rm rmdir
  sed sleep sort stat tail test touch tr true uname awk base64 basename comm dirname expr wc
`);
/** What apt checks signatures with, by its version. */
const verifiers = ['apt-key', 'gpgv', 'sqv'];
const methods = '/usr/lib/apt/methods';

/** What dpkg and apt expect to be there, and do not make themselves. */
const directories = wordsOf(`
  etc/apt/apt.conf.d etc/apt/preferences.d etc/apt/sources.list.d etc/apt/trusted.gpg.d etc/dpkg/dpkg.cfg.d
  var/lib/apt/lists/partial var/cache/apt/archives/partial var/lib/dpkg/info var/lib/dpkg/updates
  var/lib/dpkg/triggers var/log/apt tmp root run usr/sbin
`);

/**
 * Why such a base cannot be made here, or false when it can: it takes a Debian, or one of its children.
 * @throws Error instead where CI is set: there it must be made.
 */
export function withoutApt(): string | false {
  const missing = programs.filter(name => programPath(name) === undefined);
  if (!existsSync(methods)) missing.push(methods);
  if (missing.length === 0) return false;
  const reason = `${missing.join(', ')} not installed: this is no Debian`;
  if (process.env['CI']) throw new Error(`${reason}, and CI must run these tests`);
  return reason;
}

/** The base as one uncompressed layer: apt with no repository and no package. */
export function aptBaseLayer(): Uint8Array {
  const root = new ProgramRoot();
  const text = (path: string, content: string): ProgramRoot => root.add({ path, mode: 0o644, bytes: Buffer.from(content) });
  for (const name of [...programs, ...verifiers.filter(name => programPath(name) !== undefined)]) root.addProgram(name);
  for (const name of ['copy', 'file', 'gpgv', 'http', 'rred', 'sqv', 'store']) {
    if (existsSync(join(methods, name))) root.addFile(join(methods.slice(1), name), join(methods, name));
  }
  for (const name of readdirSync('/usr/lib/apt/solvers'))
    root.addFile(`usr/lib/apt/solvers/${name}`, `/usr/lib/apt/solvers/${name}`);
  for (const name of ['cputable', 'ostable', 'tupletable', 'abitable'])
    text(`usr/share/dpkg/${name}`, readFileSync(`/usr/share/dpkg/${name}`, 'utf8'));
  for (const name of directories) text(`${name}/.keep`, '');
  text('var/lib/dpkg/status', '');
  text('var/lib/dpkg/available', '');
  text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  text('etc/group', 'root:x:0:\n');
  text('etc/os-release', 'ID=test\nNAME=test\n');
  return root.tar();
}

function wordsOf(text: string): string[] {
  return text.trim().split(/\s+/);
}
