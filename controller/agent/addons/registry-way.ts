/** The way to registries, of which nothing is loaded before the first addon has to be fetched: agents without addons stay as small as they are. */
import type { AddonHostOptions } from './addon-host.ts';
import type { HostRegistryOptions } from './registry-access.ts';

export function registryWay(options: HostRegistryOptions): AddonHostOptions['open'] {
  return async secret => {
    const { credentialsFor, openRegistry } = await import('./registry-access.ts');
    const auth = await credentialsFor(options, secret);
    const registry = await openRegistry(options);
    return { registry, auth, close: () => registry.close() };
  };
}
