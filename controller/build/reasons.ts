/** Every reason that this folder gives in an ImageBuild's conditions and events, and what it means. The registry's own reasons pass through. */
export const buildReasons = {
  SourceNotReady:
    'The image is there, and the SystemSource has not said yet that it applied the definition; waited for, for half a minute at most.',
  Queued:
    'As many builds as may run at once are running, of all definitions or of this one; the build waits for its turn, the oldest first.',
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
  PlatformUnsupported:
    'The base image lacks a wanted platform, or steps are to run beside a controller of another architecture (Stalled); or they need an architecture that no node has yet: the build waits for one and uses up no attempt. The message says which there are.',
  BuilderUnavailable: 'buildah cannot be run beside the controller.',
  BuilderVersion: 'The build was asked for by another version of Scantling; the definition asks for a new one.',
  BuilderNotAllowed: 'The definition asks for a builder that the flag --builders does not list.',
  FoundationBuilding:
    'Another build is making the same foundation; this one uses it when it is there. The message names the other.',
  FoundationNotFound: 'A builder said that it had pushed the foundation, and the registry does not have it.',
  FoundationGone:
    'The registry has the manifest of a foundation and definitely not all of its blobs: the foundation is built again (event).',
  ImageGone:
    'Somebody asked whether the image is there still, and the registry definitely no longer has it: it is built again (event).',
  Canceled: 'A person ended the build with the annotation scantling.dev/cancel; without it the build runs again.',
  Superseded:
    'The definition had a newer build before this one began; it goes on when the definition wants it again. No failure.',
  JobRefused:
    "The API server refuses the build's Job, and the message has its words: for what build.resources, nodeSelector or tolerations say (Stalled), or for now, such as a quota; then it is asked for again, and others of the build go on.",
  PodMissing:
    "The build's Job has no pod: a quota, a policy or a missing ServiceAccount. The message has the words of the Job's newest event.",
  JobExists: 'A Job of the wanted name belongs to something else.',
  Unschedulable: "No node can take the build's pod; the message has the scheduler's words. It waits, and uses up no attempt.",
  ErrImagePull: "The node cannot pull the builder's image; it tries again. Uses up no attempt.",
  ImagePullBackOff: "The node cannot pull the builder's image and waits before it tries again. Uses up no attempt.",
  InvalidImageName: "The name of the builder's image (--builder-image) is none.",
  CreateContainerConfigError: "The build's container cannot be made as its pod asks; the message has the kubelet's words.",
  OOMKilled: 'In status.failure.reason: the build needed more memory than its limit. Uses up an attempt.',
  DeadlineExceeded: 'In status.failure.reason: the build was not done within build.timeout. Uses up an attempt.',
  Evicted: "The build's pod was evicted. Uses up an attempt only where the pod broke a limit of its own, or at the sixth loss.",
  Preempted:
    "The build's pod had to make room for a more important one; its Job is made again. Uses up no attempt before the sixth loss.",
  NodeLost: "The node under the build's pod was lost; its Job is made again. Uses up no attempt before the sixth loss.",
  PodLost: "The build's pod was deleted; its Job is made again. Uses up no attempt before the sixth loss.",
  PodFailed:
    "The build's pod was ended by its node; the message has the kubelet's words. Uses up no attempt before the sixth loss.",
  ConfigMapNotFound: "The ConfigMap of build.caBundleRef, or its key, is missing in the operator's namespace.",
  SecretNotFound: "A Secret that the build needs is missing in the operator's namespace; no pod is started before it is there.",
  InvalidSecret: 'A Secret that the build needs lacks a key, or holds no registry credentials.',
  SigningKeyNotFound:
    "A Secret that spec.signing names is missing in the operator's namespace, or has no key cosign.key: nothing is built that could not be signed; the build waits, and goes on when it is there.",
  SigningKeyNotAllowed:
    'A Secret that spec.signing names does not say, in its annotation scantling.dev/signs, that its key signs in the output repository; the message has the command that says so. Nothing is built that could not be signed; the build waits, and goes on when it is said.',
  SigningKeyInvalid:
    'What a Secret of spec.signing holds is no key that images can be signed with, or is not opened by its password; the message says why.',
  SigningFailed:
    'The image is pushed, and its signatures, or what is said of it, could not be pushed or not be read back; tried again.',
  ImageSigned: 'An image that was there already is signed as the definition wants it now, without a build (event).',
  Untrusted:
    'A TrustPolicy refuses the base, or the image that was built; or the image is to be signed, and was made on a foundation that nobody vouches for. The message says what is missing. Tried again when policies or keys change.',
  FoundationRefused: 'A foundation that was found by its tag is not trusted and was passed over: it is built again (event).',
  NoContext: 'The image names no context: it was not built by Scantling (of scantling context).',
  ImageNotFound: 'The image, or the context that it names, is not in its registry (of scantling context).',
  CacheNotSynced: 'Not all objects are listed yet; looked at again at once (log).',
  BuildsPruned: 'Builds that history does not keep were deleted (event of the definition).',
  PruneFailed: 'Builds that history does not keep could not be deleted, and stay until they can be (event of the definition).',
  DeletionUnsupported: 'The registry deletes no manifests, so builds are deleted without their images (event of the definition).',
} as const;

export type BuildReason = keyof typeof buildReasons;
