/**
 * What an addon is in a registry: an OCI image manifest with the artifact type below, a configuration, and one layer, which is the image itself: an erofs
 * file system of /usr and /opt that systemd-sysext merges over the host's. The digest of the layer is that of the file on the node.
 */
export const addonMediaTypes = {
  /** `artifactType` of the manifest. */
  artifact: 'application/vnd.scantling.addon.v1',
  /** Its `config`: AddonConfig in canonical JSON. */
  config: 'application/vnd.scantling.addon.config.v1+json',
  /** Its one layer. */
  image: 'application/vnd.scantling.addon.image.v1.erofs',
  /** `artifactType` of what refers to it with the list of its files, and the type of that list. */
  files: 'application/vnd.scantling.addon.files.v1+json',
} as const;

/** As systemd writes ARCHITECTURE= in extension-release. */
export type AddonArchitecture = 'x86-64' | 'arm64' | '_any';

/** Which hosts an image is for, as extension-release says it: ID, and of the two that follow at most one. */
export interface AddonMatch {
  /** ID of os-release, or `_any`, which is for all of them. */
  id: string;
  versionId?: string | undefined;
  /** Compared instead of VERSION_ID where it is set. */
  sysextLevel?: string | undefined;
}

/** What must be there beside an image for it to work. Absent: nothing. */
export interface AddonRequirements {
  /** Names of other addons. */
  addons?: readonly string[] | undefined;
  /** Least version of systemd. */
  systemd?: number | undefined;
  kernelModules?: readonly string[] | undefined;
  /** Absolute paths on the host, or of another addon. */
  paths?: readonly string[] | undefined;
}

/** A blob by its digest (`sha256:<64 hex>`), with its size in bytes. */
export interface AddonBlob {
  digest: string;
  size: number;
}

/** The configuration of an addon's artifact. */
export interface AddonConfig {
  /** Of the addon, and so of extension-release.NAME and NAME.raw. */
  name: string;
  match: AddonMatch;
  architecture: AddonArchitecture;
  /** The layer. */
  image: AddonBlob;
  /** Units that are started after the merge, in this order. */
  services: readonly string[];
  requires: AddonRequirements;
  /** The list of its files (`files` above), a blob of the same repository. Absent: not listed. */
  files?: AddonBlob | undefined;
}

/** One name in an addon's image. Directories are listed as well. */
export interface AddonFile {
  /** Absolute. */
  path: string;
  type: 'file' | 'directory' | 'symlink';
  /** Permissions, with setuid, setgid and sticky: 0 to 0o7777. Of a symbolic link 0o777. */
  mode: number;
  /** Bytes; only of a file. */
  size?: number | undefined;
  /** Of the content; only of a file. Names of one file (hard links) have equal ones. */
  digest?: string | undefined;
  /** Where a symbolic link leads, as it is written. */
  target?: string | undefined;
}
