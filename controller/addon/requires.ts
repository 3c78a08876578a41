/** What addons need beside themselves (pure): of the host, and of each other. */
import type { AddonRequirements } from '../api/addon-artifact.ts';

/** What is known of a host. What is not known counts neither as there nor as missing: whoever knows it judges it, as the agent does before it prepares a boot. */
export interface HostFeatures {
  /** Version of systemd. */
  systemd?: number | undefined;
  /** Modules of the kernel that is to boot, built in or to be loaded: whether they are there. */
  kernelModules?: ReadonlyMap<string, boolean> | undefined;
  /** Absolute paths: whether they are there. */
  paths?: ReadonlyMap<string, boolean> | undefined;
}

/** What the host is known to lack, in words, in the order in which it is required. */
export function missingOf(requires: AddonRequirements, host: HostFeatures): string[] {
  const { systemd, kernelModules = [], paths = [] } = requires;
  const old = systemd !== undefined && host.systemd !== undefined && host.systemd < systemd;
  const modules = new Map([...(host.kernelModules ?? [])].map(([name, there]) => [moduleName(name), there]));
  return [
    ...(old ? [`systemd ${systemd} or newer (here is ${host.systemd})`] : []),
    ...kernelModules.filter(name => modules.get(moduleName(name)) === false).map(name => `kernel module ${name}`),
    ...paths.filter(path => host.paths?.get(path) === false).map(path => `path ${path}`),
  ];
}

/** The kernel takes both signs for one. */
function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

export interface Requiring {
  name: string;
  requires?: AddonRequirements | undefined;
}

/**
 * The addons, each after all that it requires, otherwise in the order given; or the circles in which they require each other, each from its first to its first again. What is required and
 * not among them is passed over.
 */
export function orderByRequirements<T extends Requiring>(addons: readonly T[]): { ordered: T[] } | { cycles: string[][] } {
  const byName = new Map(addons.map(addon => [addon.name, addon]));
  const done = new Set<string>();
  const ordered: T[] = [];
  const cycles: string[][] = [];
  const visit = (addon: T, path: readonly string[]): void => {
    const { name, requires } = addon;
    if (done.has(name)) return;
    const start = path.indexOf(name);
    if (start !== -1) {
      cycles.push([...path.slice(start), name]);
      return;
    }
    for (const required of requires?.addons ?? []) {
      const next = byName.get(required);
      if (next) visit(next, [...path, name]);
    }
    done.add(name);
    ordered.push(addon);
  };
  for (const addon of addons) visit(addon, []);
  return cycles.length > 0 ? { cycles } : { ordered };
}
