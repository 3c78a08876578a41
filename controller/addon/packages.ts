/** Has packages installed: writes the SystemDefinitions that do it, looks what has become of them, and takes away those that no variant needs any more. */
import type { SystemAddon, SystemAddonSpecVariant, SystemAddonSpecVariantSourcePackages } from '../api/system-addon.ts';
import { type SystemDefinition, systemdefinitions } from '../api/system-definition.ts';
import { fieldManagers } from '../api/names.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import type { Store } from '../kube/store.ts';
import {
  type Installed,
  type WantedDefinition,
  installedBy,
  isOutdated,
  packagesDefinition,
  packagesName,
  requireOwn,
} from './packages-definition.ts';
import type { PackagesView } from './projection.ts';

export interface PackagesServices {
  client: Client;
  /** Of the SystemDefinitions that install packages, with packagesIndexes. */
  definitions: Pick<Store<PackagesView>, 'byIndex'>;
}

export class Packages {
  readonly #o: PackagesServices;

  constructor(services: PackagesServices) {
    this.#o = services;
  }

  /**
   * What is installed for a variant; asks for it where nobody has.
   * @throws what requireOwn and installedBy throw
   */
  async installed(
    addon: SystemAddon,
    variant: SystemAddonSpecVariant,
    packages: SystemAddonSpecVariantSourcePackages,
  ): Promise<Installed> {
    const wanted = packagesDefinition(addon, variant, packages);
    const found = await this.#find(wanted);
    return installedBy(wanted, found && !isOutdated(wanted, found) ? found : await this.#apply(wanted));
  }

  /** Lets what is being installed rest, as the addon does. */
  async rest(addon: SystemAddon): Promise<void> {
    for (const variant of addon.spec.variants) {
      const { packages } = variant.source;
      if (!packages) continue;
      const wanted = packagesDefinition(addon, variant, packages);
      const found = await this.#find(wanted);
      if (found && found.spec.build.suspend !== addon.spec.suspend) await this.#apply(wanted);
    }
  }

  /** Takes away what was installed for variants that are gone, or have no packages now. */
  async tidy({ metadata, spec }: SystemAddon): Promise<void> {
    const kept = new Set(spec.variants.flatMap(v => (v.source.packages ? [packagesName(metadata.name, v)] : [])));
    for (const { name, uid, owner, deleting } of this.#o.definitions.byIndex('addon', metadata.name)) {
      if (owner !== metadata.uid || deleting || kept.has(name)) continue;
      await this.#o.client.delete(systemdefinitions, name, { uid });
    }
  }

  async #find(wanted: WantedDefinition): Promise<SystemDefinition | undefined> {
    const found = await findObject(this.#o.client, systemdefinitions, wanted.metadata.name);
    if (found) requireOwn(wanted, found);
    return found;
  }

  #apply(wanted: WantedDefinition): Promise<SystemDefinition> {
    return this.#o.client.apply(systemdefinitions, wanted, { fieldManager: fieldManagers.addon, force: true });
  }
}
