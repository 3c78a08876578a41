/** What an addon must not have. systemd merges /usr and /opt over the host's, for every process of it. */
import { StallingError } from '../api/errors.ts';
import type { AddonReason } from './reasons.ts';
import type { RefusalList } from './refusal-list.ts';
import { walk } from './tree.ts';
import type { Directory, TreeNode } from './tree.ts';

/** systemd-sysext refuses an image with one of them, and with it every other image of the node. */
const releases: readonly string[] = ['/usr/lib/os-release', '/etc/os-release'];
const merged: readonly string[] = ['/usr', '/opt'];
/** Hosts have a directory there: merged over it, anything else hides it with all programs that are in it, and the host does not boot. */
const ofHosts: readonly string[] = ['bin', 'include', 'lib', 'lib32', 'lib64', 'libexec', 'sbin', 'share'].map(
  name => `/usr/${name}`,
);
/** The host's kernel reads nothing longer. */
const maxPathBytes = 4095;

export interface ContentRules {
  allowSetuid: boolean;
  /** Files, directories and links together. */
  maxEntries: number;
}

/**
 * Notes everything in the tree that an image must not have.
 * @throws StallingError `AddonTooLarge` when it has too many names
 */
export function refuseContent(root: Directory, { allowSetuid, maxEntries }: ContentRules, refusals: RefusalList): void {
  let [entries, contents] = [0, 0];
  for (const { path, node } of walk(root)) {
    if (++entries > maxEntries) {
      const why = `the source has more than ${maxEntries} files, which is the most for one addon; leave out what it does not need`;
      throw new StallingError('AddonTooLarge' satisfies AddonReason, why);
    }
    if (node.kind !== 'directory') contents++;
    const why = refuse(path, node, allowSetuid);
    if (why !== undefined) refusals.add(path, why);
  }
  if (contents === 0) refusals.add('/', 'has no file at all, so nothing would be merged; put some below /usr or /opt');
}

/** Why, or undefined when an addon may have it. */
function refuse(path: string, node: TreeNode, allowSetuid: boolean): string | undefined {
  if (releases.includes(path)) return 'would make the addon a system of its own; leave it out (ignore)';
  if (merged.includes(path))
    return node.kind === 'directory' ? shared(path, node.mode) : 'is no directory, and the host has one there';
  if (!merged.some(root => path.startsWith(`${root}/`))) return outside(node);
  if (Buffer.byteLength(path) > maxPathBytes) return 'is too long a path';
  if (node.kind !== 'directory' && ofHosts.includes(path))
    return 'is no directory, and hosts have one there, which it would hide with all that is in it; leave it out (ignore)';
  switch (node.kind) {
    case 'special':
      return `is ${node.what}, which images of addons do not have; leave it out`;
    case 'symlink':
      return undefined;
    case 'directory':
      return setuid(node, allowSetuid) ?? shared(path, node.mode);
    case 'file':
      if (node.capability && !allowSetuid) return 'has file capabilities; take them away, or allow them (allowSetuid)';
      if (!node.content) return 'is another name of a file that is left out; leave this out too, or keep the other';
      return setuid(node, allowSetuid);
  }
}

/** Directories are named only when nothing is in them: what is in them says more. */
function outside(node: TreeNode): string | undefined {
  if (node.kind === 'directory' && node.children.size > 0) return undefined;
  return `is outside of /usr and /opt, which are all that an addon has; move it there, or leave it out (ignore)`;
}

/**
 * The directories that every host has: merged, they have the mode that the addon gives them, so one that is for root alone would take the host's programs away from
 * everybody else.
 */
function shared(path: string, mode: number): string | undefined {
  if (!/^\/(opt|usr(\/[^/]+)?)$/.test(path) || ((mode & 0o555) === 0o555 && (mode & 0o022) === 0)) return undefined;
  return `has the mode ${mode.toString(8).padStart(4, '0')}, which the host's would have too; make it 0755`;
}

function setuid({ mode, owner }: { mode: number; owner?: string | undefined }, allowSetuid: boolean): string | undefined {
  if ((mode & 0o6000) === 0) return undefined;
  if (owner !== undefined)
    return `would give the rights of root in place of those of ${owner}, since all files of an addon are root's`;
  if (allowSetuid) return undefined;
  const bits = [...(mode & 0o4000 ? ['setuid'] : []), ...(mode & 0o2000 ? ['setgid'] : [])].join(' and ');
  return `is ${bits}; take that away, or allow it (allowSetuid)`;
}
