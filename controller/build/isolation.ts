/**
 * How buildah runs steps. A process that may change its root directory leaves the one that it was given, and then reads the files of the builder:
 * registry credentials and secrets that no step asked for. Package managers that work on "/" do not need the capability (rpm and dpkg change
 * the root only for another one), nor does dracut, whose `ldconfig -r` does without.
 */
export const isolation: readonly string[] = ['--isolation', 'chroot', '--cap-drop', 'CAP_SYS_CHROOT'];
