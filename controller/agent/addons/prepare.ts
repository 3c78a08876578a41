/** Makes a set of addons ready on a host: each is in the store, whole, and fits the system that it is to be merged over. */
import type { ResolvedAddon } from '../../api/addon-set.ts';
import type { DockerConfig } from '../../registry/credentials.ts';
import type { Registry } from '../../registry/registry.ts';
import { checkArtifact, repositoryIn } from './artifact.ts';
import { checkRoom, roomAt } from './disk.ts';
import { fetchRaw, FetchEndedError } from './fetch.ts';
import { inspectRaw } from './inspect.ts';
import type { Ground } from './inspect.ts';
import { storePath } from './store.ts';
import type { AddonStore } from './store.ts';

/** How registries are reached from this host. */
export interface RegistryAccess {
  registry: Pick<Registry, 'manifest' | 'blob' | 'readBlob'>;
  auth: DockerConfig | undefined;
}

export type WantedAddon = Omit<ResolvedAddon, 'from'>;

/** What became of one addon. */
export interface PreparedAddon {
  name: string;
  digest: string;
  /** Undefined where it is ready. */
  error?: unknown;
}

export interface PrepareOptions {
  store: AddonStore;
  access: () => Promise<RegistryAccess>;
  allow: (addon: WantedAddon, access: () => Promise<RegistryAccess>) => Promise<void>;
  ground: Ground;
  signal: AbortSignal;
}

/** Few at a time: the pull of a system goes through the same line. */
const atOnce = 2;

/**
 * Prepares them; one that fails does not keep the others from coming. Resolves with all of them, in their order, also where `signal` ended it.
 * @param access asked for only where something has to be fetched, or to be looked up
 * @param allow throws for an artifact that this host does not take; asked of those that are in the store too, because who may sign may have changed since
 */
export async function prepareSet(addons: readonly WantedAddon[], request: PrepareOptions): Promise<PreparedAddon[]> {
  let opened: Promise<RegistryAccess> | undefined;
  const access = (): Promise<RegistryAccess> => (opened ??= request.access());
  const o = { ...request, access };
  const { store, signal } = o;
  const missing: WantedAddon[] = [];
  for (const addon of addons) if (!(await store.has(addon))) missing.push(addon);
  const errors = new Map<string, unknown>();
  const obtain = missing.length === 0 ? undefined : await begin(missing, o, errors);
  const left = [...addons].filter(({ name }) => !errors.has(name));
  const work = async (): Promise<void> => {
    for (let addon = left.shift(); addon !== undefined; addon = left.shift()) {
      try {
        if (signal.aborted) throw new FetchEndedError(`${addon.name} is not wanted any more`);
        await o.allow(addon, access);
        if (missing.includes(addon)) await obtain?.(addon);
        await inspectRaw(store.pathOf(addon), addon.name, o.ground);
      } catch (error) {
        errors.set(addon.name, error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return addons.map(({ name, digest }) => ({ name, digest, ...(errors.has(name) ? { error: errors.get(name) } : {}) }));
}

/** What fetches one addon; where there is no room or no way to a registry, all that are missing have failed. */
async function begin(
  missing: readonly WantedAddon[],
  o: PrepareOptions,
  errors: Map<string, unknown>,
): Promise<(addon: WantedAddon) => Promise<void>> {
  const { store, ground, signal } = o;
  try {
    await checkSpace(store, missing);
    const { registry, auth } = await o.access();
    return async addon => {
      await checkArtifact(registry, addon, auth, ground);
      await fetchRaw(store, addon, { registry, repository: repositoryIn(addon.image), auth }, signal);
    };
  } catch (error) {
    for (const { name } of missing) errors.set(name, error);
    return () => Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

async function checkSpace(store: AddonStore, missing: readonly WantedAddon[]): Promise<void> {
  const path = await store.prepare();
  let needed = 0;
  for (const addon of missing) needed += Math.max(0, addon.size - (await store.partialSize(addon)));
  checkRoom(await roomAt(path), needed, `/${storePath}`);
}
