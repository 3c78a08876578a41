/** Which addons a node gets: plain data that the rollout, the agent and people's commands share. */

import type { AddonRequirements } from './addon-artifact.ts';

/** Who asked for an addon, from the bottom: the image itself, the pool, the one node. What is further up replaces what is below. */
export type AddonOrigin = 'vendor' | 'pool' | 'node';

/** The most addons that a node gets; the bound of profiles and of a NodeTarget. */
export const maxAddons = 64;

/** One addon of a node, down to the bytes that are merged. */
export interface ResolvedAddon {
  /** Of the SystemAddon, of the file NAME.raw and of its extension-release. */
  name: string;
  /** The artifact, as `repository@sha256:<manifest>`. */
  image: string;
  /** `sha256:<64 hex>` of the raw file, which is the artifact's one layer. */
  digest: string;
  /** Of the raw file, in bytes. */
  size: number;
  /** Units that are started after the merge. */
  services?: readonly string[];
  /** What its host judges before it counts as prepared. */
  requires?: Pick<AddonRequirements, 'kernelModules' | 'paths'>;
  /** How it comes, changes and goes on a host that runs; absent: with a reboot. */
  apply?: AddonApply;
  from: AddonOrigin;
}

export interface AddonApply {
  mode: 'Reboot' | 'Live';
  /** With Live, whether the node is cordoned and drained for it all the same; absent: it is. */
  drain?: boolean;
}

/** What a set's digest is made of: which files are merged under which names, and where they come from. Neither order nor services change it. */
export type AddonIdentity = Pick<ResolvedAddon, 'name' | 'image' | 'digest'>;

/** True for a name that a SystemAddon may have: that of a systemd extension, and of a directory in the store on hosts. */
export function isAddonName(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(text);
}
