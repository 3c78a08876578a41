/** What the container of a build may do: the least with which buildah builds in it, with chroot isolation and no engine around it. */

/** Of the pod. */
export const podSecurity = {
  runAsUser: 0,
  runAsGroup: 0,
  seccompProfile: { type: 'RuntimeDefault' },
} as const;

/** Of the container. It is root in its own container, because it writes files of every owner; of root's capabilities it has only those. */
export const containerSecurity = {
  privileged: false,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: {
    drop: ['ALL'],
    add: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'MKNOD', 'SETFCAP', 'SETGID', 'SETUID', 'SYS_CHROOT'],
  },
} as const;
