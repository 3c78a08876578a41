/** Every reason of a SystemAddon's conditions, variants and events, and what it means. The registry's own reasons pass through. */
export const addonReasons = {
  InvalidLayer: 'A layer of the source image is damaged, of a type that cannot be read, or made to cost; the message says which.',
  RefusedContent:
    'The source has files that an addon must not have: outside /usr and /opt, an os-release, setuid without allowSetuid, devices. The message lists their paths.',
  AddonTooLarge: 'The source has more files, or larger ones, than an addon may have; the message says which bound.',
  InvalidMatch: 'The name, the os or the architecture of a variant cannot be written into extension-release.',
  ImageFailed: 'The image could not be made here, such as for want of disk space; tried again.',
  InvalidArtifact: 'What the registry has under the digest is no addon, or not the one that it says it is.',
} as const;

export type AddonReason = keyof typeof addonReasons;
