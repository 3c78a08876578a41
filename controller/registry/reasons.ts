/** What can be wrong with a registry, and what it means. These pass through to the object whose work needed the registry. */
export const registryReasons = {
  InvalidImage: 'A name is no image name with a registry host, or a digest is malformed.',
  RegistryAccessDenied: 'The registry refused the credentials, or wants some, for the action that the message names.',
  RegistryRefused: 'The registry refused a request, or sent what the protocol or a digest does not allow.',
  RegistryUnavailable: 'The registry is overloaded, broken or cannot be reached.',
} as const;
