/** Every reason that this folder gives in an ImageBuild's conditions and events, and what it means. The registry's own reasons pass through. */
export const buildReasons = {
  Queued: 'As many builds as may run at once are running; this one waits for its turn.',
  Building: 'An attempt is running.',
  BuildStarted: 'An attempt has started (event).',
  Succeeded: 'The image is pushed and was read back; status.image names it.',
  BuildFailed:
    'A step failed; status.failure says which, with its exit code and last output. Tried three times, then the build is Failed.',
  InvalidContext: 'The context is none, or none that this version of Scantling can read.',
  InvalidImage: 'A name in the spec is no image name with a registry host.',
  ContextNotFound: 'The context, or a layer of it, is not in the output repository.',
  BaseNotFound: 'The base image is not in its registry.',
  BaseNotBootable: 'The base image has neither label containers.bootc nor ostree.bootable.',
  BaseUnsupported: 'The base image cannot be built on; the message says why.',
  PlatformUnsupported: 'The base image has no manifest for the architecture that foundations are built on here.',
  BuilderUnavailable: 'buildah cannot be run beside the controller.',
  BuilderVersion: 'The build was asked for by another version of Scantling; the definition asks for a new one.',
  SecretNotFound: "The Secret of output.pushSecretRef is missing in the operator's namespace.",
  InvalidSecret: 'The Secret of output.pushSecretRef holds no registry credentials.',
  BuildsPruned: 'Builds that history does not keep were deleted (event of the definition).',
  PruneFailed: 'Builds that history does not keep could not be deleted, and stay until they can be (event of the definition).',
  DeletionUnsupported: 'The registry deletes no manifests, so builds are deleted without their images (event of the definition).',
} as const;
