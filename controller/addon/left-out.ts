/**
 * What the installation of software leaves in a system beside the software. An addon is merged over /usr and /opt of other hosts, so what belongs to the one system that
 * it was installed in is left out, as docs/addons.md says.
 */

/** Directories of the host itself, with the configuration and the state that scripts of packages make there. */
const ofHosts: readonly string[] = [
  '/boot',
  '/dev',
  '/etc',
  '/home',
  '/media',
  '/mnt',
  '/proc',
  '/root',
  '/run',
  '/srv',
  '/sys',
  '/tmp',
  '/var',
];

/** Below /usr: merged, they would say of a host what is true of the system of the installation only. */
const databases: readonly string[] = [
  // rpm, dnf and zypper since Fedora 36 and openSUSE 15.5; rpm-ostree.
  '/usr/lib/sysimage',
  '/usr/share/rpm',
  // What images tell their hosts of trust policies, and other files of ours.
  '/usr/lib/scantling',
  // The list of all manuals of a system, which install-info(1) writes anew with each package.
  '/usr/share/info/dir',
];

/** Of what is added to a base: absolute paths, each for itself and all below it. */
export const leftOutOverBase: readonly string[] = [...ofHosts, ...databases];
