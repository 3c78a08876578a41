/** What can be wrong with a registry, and what it means. These pass through to the object whose work needed the registry. */
export const registryReasons = {
  InvalidImage: 'A name is no image name with a registry host, or a digest is malformed.',
  DigestMismatch: 'The registry sent or took other bytes than those of the digest; tried again.',
  RegistryAccessDenied: 'The registry refused the credentials, or wants some, for the action that the message names.',
  RegistryQuotaExceeded:
    'The registry has no room for what is pushed, or takes nothing so large; its own words are in the message.',
  RegistryRefused: 'The registry refused a request, or answered what the protocol does not allow.',
  RegistryUnavailable: 'The registry is overloaded, broken or cannot be reached.',
  DeletionUnsupported: 'The registry does not let manifests be deleted.',
  InvalidRegistries: 'registries.yaml in the ConfigMap of --registries-config is wrong; the last good one is in use.',
} as const;
