/** The reconcilers of `scantling controller`: what each reads, and who wakes it. Nothing is decided here. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobs, nodes, pods } from './api/core.ts';
import { imagebuilds } from './api/image-build.ts';
import { buildLabel, defaultLease } from './api/names.ts';
import { nodetargets } from './api/node-target.ts';
import { compareAddons } from './addon/compare-addons.ts';
import { LayerLists } from './addon/layer-lists.ts';
import { readImageSystem } from './addon/image-system.ts';
import { systemaddons } from './api/system-addon.ts';
import { systemdefinitions } from './api/system-definition.ts';
import { systempools } from './api/system-pool.ts';
import { systemsources } from './api/system-source.ts';
import { builderNames } from './build/builder-name.ts';
import { resourcesOf } from './build/default-resources.ts';
import { createProcessBuilder } from './build/process.ts';
import * as buildViews from './build/projection.ts';
import { BuildReconciler } from './build/reconciler.ts';
import * as retentionViews from './build/retention-projection.ts';
import { createRetentionReconciler } from './build/retention-reconciler.ts';
import { retentionIndexes, watchRetention } from './build/retention-watch.ts';
import { readRegistrySecret } from './build/secret.ts';
import { composeAddons, layerListsDirectory } from './compose-addons.ts';
import { createRegistriesLoader } from './compose-registries.ts';
import { composeTrust } from './compose-trust.ts';
import type { Config } from './config.ts';
import * as definitionViews from './definition/projection.ts';
import { createDefinitionReconciler } from './definition/reconciler.ts';
import { watchDefinitions } from './definition/watch.ts';
import type { Caches } from './kube/caches.ts';
import type { Client } from './kube/client.ts';
import { Controller, type Reconcile } from './kube/controller.ts';
import type { EventRecorder } from './kube/events.ts';
import { parseLabelSelector } from './kube/label-selector.ts';
import type { ClockWatch } from './preconditions/clock.ts';
import { createRegistry } from './registry/client.ts';
import { proxyFor, proxyFromEnvironment } from './registry/proxy.ts';
import { poolAddonFigures, projectSeal, showPoolAddons } from './rollout/addon-figures.ts';
import { agentVersions, poolFigures, showPools } from './rollout/pool-figures.ts';
import * as poolViews from './rollout/projection.ts';
import { createPoolReconciler } from './rollout/reconciler.ts';
import type { CompareAddons } from './rollout/comparisons.ts';
import type { ReadSystem } from './rollout/systems.ts';
import { watchPools } from './rollout/watch.ts';
import { Shard } from './sharding/shard.ts';
import { createRepositories } from './source/open.ts';
import { createOpenRevision } from './source/open-revision.ts';
import * as sourceViews from './source/projection.ts';
import { createSourceReconciler } from './source/reconciler.ts';
import { readWebhookToken } from './source/webhook-tokens.ts';
import type { Log } from './telemetry/log.ts';
import { beforeScrape } from './telemetry/metric-table.ts';
import { hostFilesOf, hostRuleOf } from './trust/host-policy.ts';
import { userAgent } from './version.ts';

/** How often it is looked whether a clock that is wrong has been set. */
const wrongClockMs = 5_000;

/** What the process hands to its reconcilers. */
export interface Parts {
  client: Client;
  events: EventRecorder;
  caches: Caches;
  log: Log;
  now: () => number;
  clock: ClockWatch;
}

export interface Reconcilers {
  /** None of them started. */
  controllers: Controller[];
  /** Ends what they use, once they have ended. */
  stop(): Promise<void>;
}

export function composeReconcilers(config: Config, parts: Parts): Reconcilers {
  const shared = compose(config, parts);
  const { own } = shared;
  const definitions = composeDefinitions(shared, key => builds.isBuilding(key));
  const builds = composeBuilds(shared);
  const retentions = composeRetention(shared);
  const sources = composeSources(shared);
  const pools = composePools(shared);
  const addons = composeAddons(config, { ...shared, verifier: shared.judging.verifier, own: own.addons });
  own.sources.onChange(key => sources.enqueue(key));
  own.pools.onChange(key => pools.enqueue(key));
  own.definitions.onChange(key => {
    for (const controller of [definitions, retentions]) controller.enqueue(key);
    builds.enqueueOf(key);
  });
  // Policies first: nothing is decided before they are read.
  const controllers = [...shared.judging.controllers, sources, definitions, addons, builds.controller, retentions, pools];
  return { controllers, stop: () => shared.judging.stop() };
}

type Shared = ReturnType<typeof compose>;

/** What several reconcilers are made of. */
function compose(config: Config, parts: Parts) {
  const { client, caches, log, now, clock } = parts;
  const { namespace } = config;
  const insecureHosts = new Set(config['insecure-registries']);
  const registries = createRegistriesLoader({ client, namespace, configMap: config['registries-config'], log, now });
  const proxy = proxyFromEnvironment(process.env);
  const registry = createRegistry({
    insecureHosts,
    configuration: () => registries.current(),
    proxy,
    userAgent: userAgent('controller'),
  });
  const repositories = createRepositories({
    client,
    namespace,
    userAgent: userAgent('controller'),
    proxyOf: url => proxyFor(url, proxy),
    now,
  });
  const make = (name: string, concurrency: number, reconcile: Reconcile): Controller =>
    new Controller({
      name,
      concurrency,
      // Drains, windows and silent agents are judged by the clock.
      reconcile: async (key, context) => (clock.isFarOff ? { requeueAfterMs: wrongClockMs } : reconcile(key, context)),
      log,
    });
  const judging = composeTrust(config, { ...parts, registry, make });
  const shard = new Shard({
    client,
    caches,
    namespace,
    claimant: { own: config['lease-name'], unsharded: defaultLease },
    selects: parseLabelSelector(config['shard-selector']),
    log,
  });
  const own = {
    sources: shard.roots(systemsources),
    definitions: shard.roots(systemdefinitions),
    addons: shard.roots(systemaddons),
    pools: shard.roots(systempools),
  };
  const readCredentials = (secret: string | undefined) => readRegistrySecret(client, namespace, secret);
  const { trust, readSecret } = judging;
  const openRevision = createOpenRevision({ client, repositories, trust, readSecret, now });
  return {
    ...parts,
    config,
    namespace,
    insecureHosts,
    registries,
    registry,
    repositories,
    make,
    judging,
    trust,
    openRevision,
    own,
    readCredentials,
  };
}

/** Definitions are rendered. One goes to another shard when none of its builds runs here any more. */
function composeDefinitions(s: Shared, isBuilding: (definition: string) => boolean): Controller {
  const { caches, client, registry, readCredentials, events, now, own } = s;
  const stores = {
    definitions: caches.add(systemdefinitions, definitionViews.projectDefinition, definitionViews.definitionIndexes),
    builds: caches.add(imagebuilds, definitionViews.projectBuild),
    sources: caches.add(systemsources, definitionViews.projectSource),
    addons: caches.add(systemaddons, definitionViews.projectAddon),
  };
  const definition = createDefinitionReconciler({
    client,
    registry,
    definitions: stores.definitions,
    addons: stores.addons,
    openRevision: s.openRevision,
    readCredentials,
    trust: s.trust,
    hostTrust: images => hostFilesOf(s.trust, images, now()),
    events,
    now,
    clock: () => performance.now(),
    random: Math.random,
  });
  const reconcile = own.definitions.guard(definition.reconcile, isBuilding);
  const definitions = s.make('definition', s.config['concurrent-definitions'], reconcile);
  watchDefinitions(stores, s.trust, key => definitions.enqueue(key));
  return definitions;
}

/** Builds, with how one is told that its definition changed hands. */
function composeBuilds(s: Shared): {
  controller: Controller;
  isBuilding: (definition: string) => boolean;
  enqueueOf: (definition: string) => void;
} {
  const { caches, client, config, events, insecureHosts, log, namespace, now, own, registries, registry } = s;
  const directory = config['build-directory'] || join(tmpdir(), 'scantling-builds');
  const buildsOnly = { namespace, labelSelector: buildLabel };
  const stores = {
    builds: caches.add(imagebuilds, buildViews.projectBuild, buildViews.buildIndexes),
    definitions: caches.add(systemdefinitions, buildViews.projectDefinition),
    jobs: caches.add(jobs, buildViews.projectJob, buildViews.jobIndexes, buildsOnly),
    pods: caches.add(pods, buildViews.projectPod, {}, buildsOnly),
    nodes: caches.add(nodes, buildViews.projectNode),
  };
  const build = new BuildReconciler({
    client,
    registry,
    stores,
    trust: s.trust,
    verifier: s.judging.verifier,
    process: createProcessBuilder({
      registry,
      directory,
      configuration: () => registries.current(),
      insecureHosts,
      log,
      env: process.env,
    }),
    builders: builderNames(config.builders),
    job: () => ({
      namespace,
      image: config['builder-image'],
      serviceAccount: config['builder-service-account'],
      registriesConfig: config['registries-config'],
      certificateSecrets: registries.secretNames(),
      insecureHosts: config['insecure-registries'],
      resources: resourcesOf(config['builder-requests'], config['builder-limits']),
    }),
    events,
    limits: { builds: config['concurrent-builds'], perDefinition: config['concurrent-builds-per-definition'] },
    now,
  });
  // A few workers more than builds, so that those that wait can say so.
  const controller = s.make('build', config['concurrent-builds'] + 2, async (key, context) => {
    const view = stores.builds.get(key);
    if (!view) return build.reconcile(key, context);
    const { definition, phase } = view;
    if (!(phase === 'Building' ? own.definitions.isOursToFinish(definition) : own.definitions.isOurs(definition))) return;
    return own.definitions.counted(definition, () => build.reconcile(key, context));
  });
  build.watch(key => controller.enqueue(key));
  const buildsOf = (definition: string) => stores.builds.byIndex('definition', definition);
  return {
    controller,
    isBuilding: definition => buildsOf(definition).some(b => b.phase === 'Building'),
    enqueueOf: definition => {
      for (const { name } of buildsOf(definition)) controller.enqueue(name);
    },
  };
}

/** Which builds stay. */
function composeRetention(s: Shared): Controller {
  const { caches, client, registry, readCredentials, events, now, own } = s;
  const stores = {
    builds: caches.add(imagebuilds, retentionViews.projectRetainedBuild, retentionIndexes),
    definitions: caches.add(systemdefinitions, retentionViews.projectRetainingDefinition),
    nodes: caches.add(nodetargets, retentionViews.projectNodeImages),
    pools: caches.add(systempools, retentionViews.projectPoolImages),
  };
  const retention = createRetentionReconciler({ client, registry, readCredentials, stores, events, now });
  // One at a time: what one definition's builds name, another's may name too.
  const retentions = s.make('retention', 1, async (key, context) => {
    if (own.definitions.isOurs(key)) return own.definitions.counted(key, () => retention.reconcile(key, context));
  });
  watchRetention(stores, (key, when) => retentions.enqueue(key, when));
  return retentions;
}

/** Git is watched. */
function composeSources(s: Shared): Controller {
  const { caches, client, config, events, namespace, now } = s;
  const stores = {
    sources: caches.add(systemsources, sourceViews.projectSource),
    definitions: caches.add(systemdefinitions, sourceViews.projectOwned),
    addons: caches.add(systemaddons, sourceViews.projectOwned),
    pools: caches.add(systempools, sourceViews.projectOwned),
  };
  const readToken = (secret: string) => readWebhookToken(client, namespace, secret);
  const source = createSourceReconciler({
    client,
    repositories: s.repositories,
    sources: stores.sources,
    events,
    now,
    random: Math.random,
    trust: s.trust,
    readSecret: s.judging.readSecret,
    ...(config['webhook-address'] === 'off' ? {} : { readWebhookToken: readToken }),
  });
  const sources = s.make('source', config['concurrent-sources'], s.own.sources.guard(source.reconcile));
  source.watch(stores, key => sources.enqueue(key));
  return sources;
}

/** Nodes are moved. */
function composePools(s: Shared): Controller {
  const { caches, client, config, events, namespace, now, registry } = s;
  const stores = {
    pools: caches.add(systempools, poolViews.projectSystemPool),
    nodes: caches.add(nodes, poolViews.projectNode),
    nodeTargets: caches.add(nodetargets, poolViews.projectNodeTarget),
    definitions: caches.add(systemdefinitions, poolViews.projectDefinitionImage),
    builds: caches.add(imagebuilds, poolViews.projectBuiltImage, poolViews.builtIndexes),
    addons: caches.add(systemaddons, poolViews.projectAddonOffer),
  };
  const readSystem: ReadSystem = (of, auth) => readImageSystem(registry, of, auth);
  const lists = new LayerLists({ registry, directory: layerListsDirectory(config) });
  const compare: CompareAddons = (request, auth) => compareAddons({ registry, lists }, request, auth);
  const namespaces = { operator: namespace, agents: config['agent-namespace'] };
  const hostRule = (image: string) => hostRuleOf(s.trust, image, now());
  const reads = { registry, readSystem, compareAddons: compare };
  const pool = createPoolReconciler({ client, ...reads, stores, namespaces, trust: s.trust, hostRule, events, now });
  const pools = s.make('pool', 2, s.own.pools.guard(pool.reconcile));
  const seals = caches.add(nodetargets, projectSeal);
  beforeScrape(() => {
    const targets = stores.nodeTargets.list();
    showPools(poolFigures(stores.pools.list(), targets, stores.nodes.list()), agentVersions(targets));
    showPoolAddons(poolAddonFigures(stores.pools.list(), seals.list()));
  });
  watchPools(stores, s.trust, (key, when) => pools.enqueue(key, when));
  return pools;
}
