/**
 * The SELinux labels of an addon's files: pure. systemd merges an image as it is, and what has no label is `unlabeled_t`: merged, that is also what the
 * host's own /usr/bin and /usr/lib64 are then, and under a policy that is enforced its confined services lose their programs and libraries. So each file gets
 * the label that the targeted policy (selinux-policy of Fedora, file_contexts) gives to its path. Other hosts pass over it; a type that a policy does not know
 * is what no label is.
 */

/** The first that matches counts. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/^\/$/, 'root_t'],
  [/^\/usr\/lib\/systemd\/(system|user)(\/|$)/, 'systemd_unit_file_t'],
  [/^\/usr\/lib\/modules(\/|$)/, 'modules_object_t'],
  // Of container-selinux: what they start gets its own domain by this.
  [/^\/usr\/s?bin\/(containerd[^/]*|dockerd?|crio|runc|crun|podman)$/, 'container_runtime_exec_t'],
  [/^\/usr\/share\/man(\/|$)/, 'man_t'],
  [/^\/usr\/share\/locale(\/|$)/, 'locale_t'],
  [/^\/(usr|opt)\/(.*\/)?(s?bin|libexec)(\/|$)/s, 'bin_t'],
  [/^\/(usr|opt)\/(.*\/)?lib(32|64)?(\/|$)/s, 'lib_t'],
];

/** Value of the extended attribute security.selinux of what is at an absolute path. */
export function selinuxLabel(path: string): string {
  const type = rules.find(([pattern]) => pattern.test(path))?.[1] ?? 'usr_t';
  return `system_u:object_r:${type}:s0`;
}
