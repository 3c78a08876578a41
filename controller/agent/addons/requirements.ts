/** Whether a system has what addons need of it, as far as that can be seen before it boots: modules of its kernel, and paths. */
import { join } from 'node:path';
import type { ResolvedAddon } from '../../api/addon-set.ts';
import { type HostFeatures, missingOf } from '../../addon/requires.ts';
import { findHostPath, listHostDirectory, readHostFile } from '../host-file.ts';
import { AddonFault } from './addon-fault.ts';
import { hasErofsPath } from './erofs-file.ts';
import { readRaw } from './inspect.ts';

export type Requiring = Pick<ResolvedAddon, 'name' | 'requires'>;

export interface Surroundings {
  /** Where the system's own tree is seen: that of what runs, or of a deployment. */
  tree: string;
  /** Of a tree that does not run, only what is in its image can be seen. */
  runs: boolean;
  /** Where the raws of all addons of the set are: one may bring what another needs. */
  raws: readonly string[];
}

const modulesDirectory = 'usr/lib/modules';
/** What depmod and the kernel's build write there. */
const moduleLists = ['modules.builtin', 'modules.dep'];
/** That of a kernel with everything has less than 2 MB. */
const listLimit = 16 * 1024 * 1024;

/** What is missing for each addon that lacks something, as a fault of it. What cannot be seen is not missing. */
export async function findLacking(addons: readonly Requiring[], around: Surroundings): Promise<Map<string, AddonFault>> {
  const asked = addons.filter(({ requires }) => (requires?.kernelModules?.length ?? 0) + (requires?.paths?.length ?? 0) > 0);
  if (asked.length === 0) return new Map();
  const features = await featuresOf(asked, around);
  return new Map(
    asked.flatMap(({ name, requires = {} }) => {
      const missing = missingOf(requires, features);
      if (missing.length === 0) return [];
      const what = around.runs ? 'the host' : 'the system that is staged';
      const message = `the addon ${name} needs what ${what} does not have: ${missing.join(', ')}`;
      return [[name, new AddonFault('RequirementMissing', message)]];
    }),
  );
}

async function featuresOf(asked: readonly Requiring[], around: Surroundings): Promise<HostFeatures> {
  const modules = new Set(asked.flatMap(({ requires }) => requires?.kernelModules ?? []));
  const paths = new Set(asked.flatMap(({ requires }) => requires?.paths ?? []));
  const kernelModules = modules.size === 0 ? undefined : await modulesIn(modules, around);
  const there = new Map<string, boolean>();
  for (const path of paths) if (canBeSeen(path, around)) there.set(path, await isThere(path, around));
  return { kernelModules, paths: there };
}

/** Below /usr a system is what its image is; /opt is a place of the host there, and the rest is made by the boot. */
function canBeSeen(path: string, { runs }: Surroundings): boolean {
  return runs || path.startsWith('/usr/');
}

async function isThere(path: string, { tree, raws }: Surroundings): Promise<boolean> {
  const { path: real, exists } = await findHostPath(tree, path);
  return exists || someRaw(raws, [path, real]);
}

/** Of the modules those of which it can be said; undefined where the lists cannot be seen. */
async function modulesIn(wanted: ReadonlySet<string>, { tree, raws }: Surroundings): Promise<Map<string, boolean> | undefined> {
  const known = new Set<string>();
  let lists = 0;
  for (const kernel of (await listHostDirectory(tree, modulesDirectory)) ?? []) {
    for (const list of moduleLists) {
      const text = await readHostFile(tree, join(modulesDirectory, kernel, list), listLimit);
      if (text === undefined) continue;
      lists++;
      for (const name of modulesOf(text)) known.add(name);
    }
  }
  if (lists === 0) return undefined;
  const found = [...wanted].map(name => [name, known.has(plain(name))] as const);
  // A driver that is an addon brings modules that no list of the system has.
  const isOpen = found.some(([, there]) => !there) && (await someRaw(raws, [`/${modulesDirectory}`]));
  return new Map(found.filter(([, there]) => there || !isOpen));
}

/** Lines are `kernel/fs/overlayfs/overlay.ko`, in modules.dep with `.xz`, `.gz` or `.zst` and `: what it needs`. */
function modulesOf(text: string): string[] {
  return [...text.matchAll(/^[^:\n]*?([^/:\n]+)\.ko(?:\.\w+)?(?=:|$)/gm)].map(([, name = '']) => plain(name));
}

/** The kernel takes both signs for one. */
function plain(name: string): string {
  return name.replaceAll('-', '_');
}

async function someRaw(raws: readonly string[], paths: readonly string[]): Promise<boolean> {
  for (const raw of raws)
    for (const path of new Set(paths)) if (await readRaw(raw, read => hasErofsPath(read, path.slice(1)))) return true;
  return false;
}
