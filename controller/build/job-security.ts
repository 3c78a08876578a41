/**
 * What the container of a build may do: the least with which buildah runs steps in chroot isolation, with no engine around it, tried out on a
 * real node (docs/images.md). Steps run in a user namespace that buildah makes: root there is no one outside, and what a step may do to the
 * kernel is what any program of any user may.
 */

/** The user of the builder image, who has ids of its own (/etc/subuid) for the files of an image. */
const user = 65532;

/** Of the pod. */
export const podSecurity = {
  runAsNonRoot: true,
  runAsUser: user,
  runAsGroup: user,
  // containerd's default profile lets only CAP_SYS_ADMIN make namespaces and mount, also inside of a namespace of one's own.
  seccompProfile: { type: 'Unconfined' },
} as const;

/** Of the container. Both capabilities are for newuidmap and newgidmap, which write the namespace's ids; the steps get none of them. */
export const containerSecurity = {
  privileged: false,
  // Programs with file capabilities, which those two are, get nothing without it.
  allowPrivilegeEscalation: true,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'], add: ['SETGID', 'SETUID'] },
} as const;
