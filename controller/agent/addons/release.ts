/** Whether an addon fits a system, by the two release files, as systemd-sysext itself decides it (extension-util.c, extension_release_validate): pure. */

/** The fields of os-release or of an extension-release. */
export type Release = ReadonlyMap<string, string>;

/** Reads `NAME=value` lines, quoted or not (os-release(5)). What is no such line is passed over, as systemd does. */
export function parseRelease(text: string): Release {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^\s*([A-Z0-9_]+)=(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) found.set(name, unquoted(value));
  }
  return found;
}

/** systemd's words for what OCI calls amd64 and arm64; undefined for others, for which no addons are built. */
export function systemdArchitecture(oci: string | undefined): string | undefined {
  return { amd64: 'x86-64', arm64: 'arm64', 'x86-64': 'x86-64' }[oci ?? ''];
}

/**
 * Undefined where the addon fits; else why it does not, in words. `architecture` is systemd's word for the host's, undefined where it is not known.
 * ID_LIKE counts for systemd 258 and later; for an older one the boot script has the last word.
 */
export function mismatchOf(extension: Release, os: Release, architecture: string | undefined): string | undefined {
  const field = (name: string): [string, string] => [extension.get(name) ?? '', os.get(name) ?? ''];
  const [built] = field('ARCHITECTURE');
  if (!['', '_any', architecture ?? built].includes(built)) return `is for ${built}, and the host is ${architecture}`;
  const [id, hostID] = field('ID');
  if (id === '_any') return undefined;
  const [, like] = field('ID_LIKE');
  if (id === '') return 'is for no system: it has no ID';
  if (![hostID, ...like.split(' ')].includes(id)) return `is for ${id}, and the host runs ${hostID}`;
  const [level, hostLevel] = field('SYSEXT_LEVEL');
  if (level !== '' && hostLevel !== '')
    return level === hostLevel ? undefined : `is for level ${level} of ${id}, and the host has ${hostLevel}`;
  const [version, hostVersion] = field('VERSION_ID');
  if (hostVersion === '' || version === hostVersion) return undefined;
  return `is for ${id} ${version === '' ? 'of no version' : version}, and the host runs ${hostID} ${hostVersion}`;
}

function unquoted(value: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(value)?.[2];
  return (quoted ?? value).replace(/\\(["'\\$`])/g, '$1');
}
