/** Every reason of a SystemAddon's conditions, variants and events, and what it means. Those of registries, of trust and of the repository pass through. */
export const addonReasons = {
  Succeeded: 'Every variant has the artifact of its present source.',
  Building: 'A variant is being made, or waits for its turn: one is made at a time.',
  Built: 'A variant was made anew and pushed (event).',
  Suspended: 'spec.suspend is set: nothing is looked up or made; the last good artifacts stay.',
  SourceNotReady: 'The SystemSource is missing or has not applied a revision yet.',
  InputNotFound: 'A "from" names nothing in the repository.',
  RenderFailed: 'A field of the source, or a file it reads, cannot be placed; the message names the field.',
  ImageNotFound: 'The image that a variant is made of is not in its registry.',
  ImageUnsupported: 'What the source names is no image that can be read; the message says why.',
  PlatformUnsupported: 'The image that a variant is made of is not for its platform; the message lists what it has.',
  BaseMismatch:
    'The image is not built from the base that its additions are taken over, or the base is another system than the variant is for; the message says which.',
  PackagesBuilding:
    'The packages are being installed, by the SystemDefinition that the message names, or wait for that; the message has its words.',
  PackagesFailed:
    'The packages could not be installed, and a person has to do something; the message names the SystemDefinition, and has its words.',
  PackagesNotOwned:
    "A SystemDefinition of the name that is needed is there and is not the addon's, or is being deleted; the packages wait until it is gone.",
  InvalidLayer: 'A layer of the source image is damaged, of a type that cannot be read, or made to cost; the message says which.',
  ContentRefused:
    'The source has files that an addon must not have: outside /usr and /opt, an os-release, setuid without allowSetuid, devices. The message lists their paths.',
  AddonTooLarge: 'The source has more files, or larger ones, than an addon may have; the message says which bound.',
  InvalidMatch: 'The name, the os or the architecture of a variant cannot be written into extension-release.',
  ImageFailed: 'The image could not be made here, such as for want of disk space; tried again.',
  InvalidArtifact: 'What the registry has under the digest is no addon, or not the one that it says it is.',
  ArtifactGone: 'The registry no longer has an artifact; it is made again (event).',
  ArtifactSigned: 'An artifact that was there already is signed as the addon wants it now, without being made anew (event).',
  SigningKeyNotFound:
    "A Secret that spec.signing names is missing in the operator's namespace, or has no key cosign.key: nothing is made that could not be signed; looked for again every half minute.",
  SigningKeyNotAllowed:
    'A Secret that spec.signing names does not say, in its annotation scantling.dev/signs, that its key signs in the output repository; the message has the command that says so.',
  SigningKeyInvalid:
    'What a Secret of spec.signing holds is no key that can be signed with, or is not opened by its password; the message says why.',
  SigningFailed:
    'The artifact is pushed, and its signatures, or what is said of it, could not be pushed or not be read back; tried again.',
  ArtifactsPruned: 'Former artifacts that nobody needs were removed from the registry (event).',
  PruneFailed: 'Former artifacts could not be removed; they stay, and it is tried again (event).',
  SecretNotFound: "The Secret of pullSecretRef or output.pushSecretRef is missing in the operator's namespace.",
  InvalidSecret: 'The Secret of pullSecretRef or output.pushSecretRef holds no registry credentials.',
} as const;

export type AddonReason = keyof typeof addonReasons;
