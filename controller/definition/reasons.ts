/** Every reason of a SystemDefinition's conditions and events that this folder gives, and what it means. Reasons of the registry and of the repository pass through. */
export const definitionReasons = {
  Succeeded: 'status.image is the image of the present inputs.',
  BuildPending: 'The ImageBuild of the present inputs waits for its turn.',
  Building: 'The ImageBuild of the present inputs is at work.',
  BuildFailed: 'The ImageBuild of the present inputs gave up; the last good image stays.',
  BuildRequested: 'An ImageBuild was created for new inputs (event).',
  BuildNotOwned: 'An ImageBuild of the same name belongs to a deleted definition and is waited for to go.',
  Suspended: 'spec.build.suspend is set: no new builds are asked for; the last good image stays.',
  RenderFailed: 'The spec, or a file it reads, cannot be rendered; the message names the field.',
  InputNotFound: 'A "from" names nothing in the repository.',
  SourceNotReady: 'The SystemSource is missing or has not applied a revision yet.',
  BaseNotFound: 'The base image is not in its registry.',
  SecretNotFound: "The Secret of output.pushSecretRef is missing in the operator's namespace.",
  InvalidSecret: 'The Secret of output.pushSecretRef holds no registry credentials.',
} as const;

export type DefinitionReason = keyof typeof definitionReasons;
