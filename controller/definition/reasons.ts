/** Every reason of a SystemDefinition's conditions and events that this folder gives, and what it means. Reasons of the registry and of the repository pass through. */
export const definitionReasons = {
  Succeeded: 'status.image is the image of the present inputs.',
  BuildPending: 'The ImageBuild of the present inputs waits for its turn.',
  Building: 'The ImageBuild of the present inputs is at work.',
  BuildFailed: 'The ImageBuild of the present inputs gave up; the last good image stays.',
  BuildCanceled: 'The ImageBuild of the present inputs was canceled by its annotation; the last good image stays.',
  BuildRequested: 'An ImageBuild was created for new inputs (event).',
  BuildNotOwned: 'An ImageBuild of the same name belongs to a deleted definition and is waited for to go.',
  Suspended: 'spec.build.suspend is set: no new builds are asked for; the last good image stays.',
  RenderFailed: 'The spec, or a file it reads, cannot be rendered; the message names the field.',
  LintFailed: "spec.build.lint is Error, and the definition has findings of bootc's lint; the message names every one.",
  InputNotFound: 'A "from" names nothing in the repository.',
  SourceNotReady: 'The SystemSource is missing or has not applied a revision yet.',
  OutputConflict: 'An older definition pushes to the same output.repository; the message names it.',
  PolicyUnread:
    'An authority of a TrustPolicy cannot be read, so what the image has to tell its host is not known; waited for. The message names it.',
  BaseNotFound: 'The base image is not in its registry.',
  BaseNotReady: 'The definition that base.definitionRef names is missing or has no image yet.',
  BaseCycle: 'Definitions are based on each other in a circle; the message has the path.',
  BaseNotBootable: 'The base, or its new digest (BaseUpdateBlocked), has neither label containers.bootc nor ostree.bootable.',
  BaseUnsupported: 'The base, or its new digest (BaseUpdateBlocked), cannot be built on; the message says why.',
  PlatformUnsupported:
    'The base, or its new digest (BaseUpdateBlocked), lacks a platform of spec.platforms; the message lists what it has.',
  WorkloadImageNotFound: 'The image of a workload is not in its registry.',
  WaitingForApproval: 'base.update is Manual, and an image has a new digest that is not approved yet (BaseUpdateAvailable).',
  SecretNotFound: "The Secret of base.pullSecretRef or output.pushSecretRef is missing in the operator's namespace.",
  InvalidSecret: 'The Secret of base.pullSecretRef or output.pushSecretRef holds no registry credentials.',
} as const;

export type DefinitionReason = keyof typeof definitionReasons;
