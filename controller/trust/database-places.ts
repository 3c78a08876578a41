/** Where package managers have their databases in an image, and what layers remove of them: pure. */

export type Kind = 'dpkg' | 'apk' | 'rpm' | 'unreadable' | 'release';

const rpmDirectories = ['var/lib/rpm', 'usr/lib/sysimage/rpm', 'usr/share/rpm'];
/** Where each is. bootc's images have no state below /var, so their databases are below /usr. */
const places: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['usr/lib/os-release', 'release'],
  ['etc/os-release', 'release'],
  ['var/lib/dpkg/status', 'dpkg'],
  ['usr/lib/sysimage/dpkg/status', 'dpkg'],
  ['usr/lib/sysimage/lib/dpkg/status', 'dpkg'],
  ['lib/apk/db/installed', 'apk'],
  ['usr/lib/apk/db/installed', 'apk'],
  ...rpmDirectories.flatMap((directory): [string, Kind][] => [
    [`${directory}/rpmdb.sqlite`, 'rpm'],
    // Berkeley DB and rpm's own ndb.
    [`${directory}/Packages`, 'unreadable'],
    [`${directory}/Packages.db`, 'unreadable'],
  ]),
]);
/** A file for each package, in images that were made without dpkg. */
const statusDirectory = 'var/lib/dpkg/status.d/';

/** All that a removal of takes a database away: the places and the directories that they are in. */
const above: ReadonlySet<string> = new Set([...places.keys(), statusDirectory.slice(0, -1)].flatMap(ancestorsOf));

export function kindOf(path: string): Kind | undefined {
  if (path.startsWith(statusDirectory) && !path.endsWith('.md5sums')) return 'dpkg';
  return places.get(path);
}

/**
 * What a whiteout removes of the layers below (OCI image specification, "Whiteouts"); undefined of what is none, and of one that no database is behind: an
 * image may have any number of these.
 */
export function removedBy(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  const [directory, name] = [path.slice(0, Math.max(0, slash)), path.slice(slash + 1)];
  if (!name.startsWith('.wh.') || name === '.wh.') return undefined;
  const bare = name.slice('.wh.'.length);
  const gone = name === '.wh..wh..opq' ? directory : directory === '' ? bare : `${directory}/${bare}`;
  return above.has(gone) || gone.startsWith(statusDirectory) ? gone : undefined;
}

/** Whether that path, or a directory that it is in, is among what was removed. */
export function isRemoved(removed: ReadonlySet<string>, path: string): boolean {
  return removed.size > 0 && ancestorsOf(path).some(each => removed.has(each));
}

/** The path itself first, the root (``) last. */
function ancestorsOf(path: string): string[] {
  const found = [path];
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) found.push(path.slice(0, at));
  return [...found, ''];
}
