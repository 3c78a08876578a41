/** What makes the artifacts of addons: what it reads, and who wakes it. Nothing is decided here. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectAddonFigures, showAddons } from './addon/figures.ts';
import { createMakeVariant } from './addon/make-variant.ts';
import { Packages } from './addon/packages.ts';
import { addonIndexes, packagesIndexes, projectAddon, projectPackages, projectSource } from './addon/projection.ts';
import { createAddonReconciler } from './addon/reconciler.ts';
import { watchAddons } from './addon/watch.ts';
import { systemaddons } from './api/system-addon.ts';
import { systemdefinitions } from './api/system-definition.ts';
import { systemsources } from './api/system-source.ts';
import { SigningKeys } from './build/signing-keys.ts';
import { Workspaces } from './build/workspace.ts';
import type { Config } from './config.ts';
import type { Caches } from './kube/caches.ts';
import type { Client } from './kube/client.ts';
import type { Controller, Reconcile } from './kube/controller.ts';
import type { EventRecorder } from './kube/events.ts';
import type { DockerConfig } from './registry/credentials.ts';
import type { Registry } from './registry/registry.ts';
import type { ShardRoots } from './sharding/shard.ts';
import type { OpenRevision } from './source/open-revision.ts';
import type { Log } from './telemetry/log.ts';
import { beforeScrape } from './telemetry/metric-table.ts';
import type { ImageVerifier } from './trust/image-verifier.ts';
import type { Trust } from './trust/trust.ts';

export interface AddonParts {
  client: Client;
  caches: Caches;
  registry: Registry;
  events: Pick<EventRecorder, 'record'>;
  log: Log;
  now: () => number;
  openRevision: OpenRevision;
  readCredentials: (secret: string | undefined) => Promise<DockerConfig | undefined>;
  trust: Pick<Trust, 'judgeImage' | 'basis' | 'onChange'>;
  /** Reads back what was signed. */
  verifier: Pick<ImageVerifier, 'verify'>;
  /** Which addons this controller acts on. */
  own: Pick<ShardRoots, 'guard' | 'onChange'>;
  make: (name: string, concurrency: number, reconcile: Reconcile) => Controller;
}

/** More than are made at once, which is one, so that those that wait can say so, and what is wrong with others is said meanwhile. */
const workers = 8;

/** Not started. What an ended process left behind is removed at once. */
export function composeAddons(config: Pick<Config, 'build-directory' | 'namespace'>, parts: AddonParts): Controller {
  const { caches, registry, own, trust, log } = parts;
  const stores = {
    addons: caches.add(systemaddons, projectAddon, addonIndexes),
    sources: caches.add(systemsources, projectSource),
    definitions: caches.add(systemdefinitions, projectPackages, packagesIndexes),
  };
  const builds = config['build-directory'];
  const directory = builds === '' ? join(tmpdir(), 'scantling-addons') : join(builds, 'addons');
  const workspaces = new Workspaces({ directory, log });
  void workspaces.sweep();
  const keys = new SigningKeys(parts.client, config.namespace);
  const addon = createAddonReconciler({
    ...parts,
    signing: { keys: of => keys.of(of), verifier: parts.verifier },
    packages: new Packages({ client: parts.client, definitions: stores.definitions }),
    make: createMakeVariant({ registry, workspaces }),
    clock: () => performance.now(),
    random: Math.random,
  });
  addon.watch(stores.addons);
  // Of its own: what a status says must not wake who wrote it.
  const figures = caches.add(systemaddons, projectAddonFigures);
  beforeScrape(() => showAddons(figures.list()));
  const addons = parts.make('addon', workers, own.guard(addon.reconcile));
  watchAddons(stores, trust, key => addons.enqueue(key));
  own.onChange(key => addons.enqueue(key));
  return addons;
}

/** Where lists of systems' layers are kept: made again where it is lost. */
export function layerListsDirectory(config: Pick<Config, 'build-directory'>): string {
  const builds = config['build-directory'];
  return builds === '' ? join(tmpdir(), 'scantling-layer-lists') : join(builds, 'layer-lists');
}
