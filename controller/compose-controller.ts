/** What `scantling controller` is made of. Nothing is decided here: stores feed reconcilers, and reconcilers run while this process leads. */
import { randomBytes } from 'node:crypto';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobs, nodes, pods } from './api/core.ts';
import { imagebuilds } from './api/image-build.ts';
import { buildLabel, defaultLease } from './api/names.ts';
import { nodetargets } from './api/node-target.ts';
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
import { controllerPreconditions } from './compose-preconditions.ts';
import { createRegistriesLoader } from './compose-registries.ts';
import { startWebhookReceiver } from './compose-webhook.ts';
import type { Config } from './config.ts';
import * as definitionViews from './definition/projection.ts';
import { createDefinitionReconciler } from './definition/reconciler.ts';
import { watchDefinitions } from './definition/watch.ts';
import { Caches } from './kube/caches.ts';
import { createClient } from './kube/client.ts';
import { Controller, type Reconcile } from './kube/controller.ts';
import { EventRecorder } from './kube/events.ts';
import { loadKubeConfig } from './kube/kubeconfig.ts';
import { parseLabelSelector } from './kube/label-selector.ts';
import { LeaderElector } from './kube/leader.ts';
import { ownAccount } from './kube/own-account.ts';
import { Transport } from './kube/transport.ts';
import { ClockWatch } from './preconditions/clock.ts';
import { isSuspicious } from './preconditions/preconditions.ts';
import type { Running } from './running.ts';
import { createRegistry } from './registry/client.ts';
import { proxyFor, proxyFromEnvironment } from './registry/proxy.ts';
import { agentVersions, poolFigures, showPools } from './rollout/pool-figures.ts';
import * as poolViews from './rollout/projection.ts';
import { createPoolReconciler } from './rollout/reconciler.ts';
import { watchPools } from './rollout/watch.ts';
import { Shard } from './sharding/shard.ts';
import { createRepositories } from './source/open.ts';
import { projectFigures, showSources } from './source/figures.ts';
import * as sourceViews from './source/projection.ts';
import { createSourceReconciler } from './source/reconciler.ts';
import { readWebhookToken } from './source/webhook-tokens.ts';
import type { Log } from './telemetry/log.ts';
import { beforeScrape } from './telemetry/metric-table.ts';
import { serveProbes, type Check } from './telemetry/probes.ts';
import { showProcess } from './telemetry/process-figures.ts';
import { startTracing } from './telemetry/tracing.ts';
import { userAgent, version } from './version.ts';

/** A watch that has failed for so long will hardly recover without a new process. */
const watchPatienceMs = 300_000;
/** How often it is looked whether a clock that is wrong has been set. */
const wrongClockMs = 5_000;

/** Starts the controller; resolves when its probes answer. It works from when it leads and its caches are complete. */
export async function startController(
  config: Config,
  o: { log: Log; fail: (reason: string) => never; stopping: AbortSignal },
): Promise<Running> {
  const { log, fail } = o;
  const identity = config.identity || `${hostname()}_${randomBytes(5).toString('hex')}`;
  const now = Date.now;
  const lead = { isLeading: (): boolean => !config['leader-elect'] };
  const clock = new ClockWatch();
  const kubeConfig = loadKubeConfig(config.kubeconfig || undefined);
  const transport = new Transport({
    kubeConfig,
    userAgent: userAgent('controller'),
    fence: () => lead.isLeading(),
    observe: answer => {
      if (clock.saw(answer) || isSuspicious(answer)) preconditions.suspect();
    },
  });
  // What was missing is not to be waited for; that all is listed anew fails only where the process ends.
  const onMended = (): void => void caches.refresh().catch(() => undefined);
  const preconditions = controllerPreconditions(config, { transport, kubeConfig, clock, log, onMended });
  const client = createClient(transport);
  const events = new EventRecorder({ client, controller: 'scantling-controller', instance: identity, log });
  // A page of 500 whole Nodes, with their lists of images, is 8 MB of JSON: half of that keeps the loop free and the peak low.
  const caches = new Caches({ transport, log, pageSize: 250 });
  const controllers = assemble(config, { client, events, caches, log, now, clock });
  const hooked = caches.add(systemsources, sourceViews.projectHooked);
  const figured = caches.add(systemsources, projectFigures);
  beforeScrape(() => showSources(figured.list()));
  showProcess('controller', version);
  const tracing = startTracing({ environment: process.env, service: 'scantling-controller', version, log });

  let synced = false;
  // Where something is missing, that says why.
  const notSynced: Check = () => (synced || preconditions.problems().length > 0 ? undefined : 'not all resources are listed yet');
  const stuck: Check = () => (preconditions.explains() ? undefined : caches.problem(now(), watchPatienceMs));
  const probes =
    config['http-address'] === 'off'
      ? undefined
      : await serveProbes(config['http-address'], {
          live: { watches: stuck },
          ready: { cluster: () => preconditions.problems(), caches: notSynced },
        });
  log.info({ version, identity, address: probes?.address }, 'controller started');
  const webhooks = await startWebhookReceiver(config, { kubeConfig, sources: hooked, log });

  const elector = config['leader-elect']
    ? new LeaderElector({
        ...{ client, identity, log, onLost: fail },
        ...{ namespace: config.namespace, name: config['lease-name'] },
        owner: () => ownAccount(transport, config.namespace),
      })
    : undefined;
  if (elector) lead.isLeading = () => elector.isLeading();
  const begin = async (): Promise<void> => {
    await preconditions.met();
    if (o.stopping.aborted) return;
    caches.start();
    const complete = caches.synced().then(() => {
      synced = true;
    });
    // What the last leader wrote may be missing from a cache whose watch lags, and a slot that it gave would be given again.
    await Promise.all([complete, elector?.start().then(() => caches.refresh())]);
    if (o.stopping.aborted) return;
    log.info({ identity }, 'working');
    for (const controller of controllers) controller.start();
  };
  preconditions.start();
  const working = begin().catch((error: unknown) => {
    if (!o.stopping.aborted) fail(`could not begin to work: ${String(error)}`);
  });

  return {
    // No new work, then the work at hand, then what it had to say, and only then may another lead.
    async stop() {
      await webhooks?.stop();
      await Promise.all(controllers.map(controller => controller.stop()));
      await events.flush();
      await tracing?.stop();
      await elector?.release();
      await preconditions.stop();
      await caches.stop();
      await working;
      await probes?.close();
      await transport.close();
    },
  };
}

interface Parts {
  client: ReturnType<typeof createClient>;
  events: EventRecorder;
  caches: Caches;
  log: Log;
  now: () => number;
  clock: ClockWatch;
}

/** The reconcilers with what they read and who wakes them. */
function assemble(config: Config, { client, events, caches, log, now, clock }: Parts): Controller[] {
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
  const shard = new Shard({
    client,
    caches,
    namespace,
    claimant: { own: config['lease-name'], unsharded: defaultLease },
    selects: parseLabelSelector(config['shard-selector']),
  });
  const own = {
    sources: shard.roots(systemsources),
    definitions: shard.roots(systemdefinitions),
    pools: shard.roots(systempools),
  };

  const definitionStores = {
    definitions: caches.add(systemdefinitions, definitionViews.projectDefinition, definitionViews.definitionIndexes),
    builds: caches.add(imagebuilds, definitionViews.projectBuild),
    sources: caches.add(systemsources, definitionViews.projectSource),
  };
  const readCredentials = (secret: string | undefined) => readRegistrySecret(client, namespace, secret);
  const definition = createDefinitionReconciler({
    client,
    registry,
    definitions: definitionStores.definitions,
    openRevision: (source, revision) => repositories.openRevision(source, revision),
    readCredentials,
    events,
    now,
    clock: () => performance.now(),
    random: Math.random,
  });
  // A definition goes to another shard when none of its builds runs here any more.
  const isBuilding = (key: string): boolean => buildStores.builds.byIndex('definition', key).some(b => b.phase === 'Building');
  const definitions = make(
    'definition',
    config['concurrent-definitions'],
    own.definitions.guard(definition.reconcile, isBuilding),
  );
  watchDefinitions(definitionStores, key => definitions.enqueue(key));

  const directory = config['build-directory'] || join(tmpdir(), 'scantling-builds');
  const buildsOnly = { namespace, labelSelector: buildLabel };
  const buildStores = {
    builds: caches.add(imagebuilds, buildViews.projectBuild, buildViews.buildIndexes),
    definitions: caches.add(systemdefinitions, buildViews.projectDefinition),
    jobs: caches.add(jobs, buildViews.projectJob, buildViews.jobIndexes, buildsOnly),
    pods: caches.add(pods, buildViews.projectPod, {}, buildsOnly),
    nodes: caches.add(nodes, buildViews.projectNode),
  };
  const build = new BuildReconciler({
    client,
    registry,
    stores: buildStores,
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
  const builds = make('build', config['concurrent-builds'] + 2, async (key, context) => {
    const view = buildStores.builds.get(key);
    if (!view) return build.reconcile(key, context);
    const { definition, phase } = view;
    if (!(phase === 'Building' ? own.definitions.isOursToFinish(definition) : own.definitions.isOurs(definition))) return;
    return own.definitions.counted(definition, () => build.reconcile(key, context));
  });
  build.watch(key => builds.enqueue(key));

  const retentionStores = {
    builds: caches.add(imagebuilds, retentionViews.projectRetainedBuild, retentionIndexes),
    definitions: caches.add(systemdefinitions, retentionViews.projectRetainingDefinition),
    nodes: caches.add(nodetargets, retentionViews.projectNodeImages),
    pools: caches.add(systempools, retentionViews.projectPoolImages),
  };
  const retention = createRetentionReconciler({ client, registry, readCredentials, stores: retentionStores, events, now });
  // One at a time: what one definition's builds name, another's may name too.
  const retentions = make('retention', 1, async (key, context) => {
    if (own.definitions.isOurs(key)) return own.definitions.counted(key, () => retention.reconcile(key, context));
  });
  watchRetention(retentionStores, (key, when) => retentions.enqueue(key, when));

  const sourceStores = {
    sources: caches.add(systemsources, sourceViews.projectSource),
    definitions: caches.add(systemdefinitions, sourceViews.projectOwned),
    pools: caches.add(systempools, sourceViews.projectOwned),
  };
  const source = createSourceReconciler({
    client,
    repositories,
    sources: sourceStores.sources,
    events,
    now,
    random: Math.random,
    ...(config['webhook-address'] === 'off'
      ? {}
      : { readWebhookToken: (secret: string) => readWebhookToken(client, namespace, secret) }),
  });
  const sources = make('source', config['concurrent-sources'], own.sources.guard(source.reconcile));
  source.watch(sourceStores, key => sources.enqueue(key));

  const poolStores = {
    pools: caches.add(systempools, poolViews.projectSystemPool),
    nodes: caches.add(nodes, poolViews.projectNode),
    nodeTargets: caches.add(nodetargets, poolViews.projectNodeTarget),
    definitions: caches.add(systemdefinitions, poolViews.projectDefinitionImage),
  };
  const namespaces = { operator: namespace, agents: config['agent-namespace'] };
  const pool = createPoolReconciler({ client, registry, stores: poolStores, namespaces, events, now });
  const pools = make('pool', 2, own.pools.guard(pool.reconcile));
  beforeScrape(() => {
    const targets = poolStores.nodeTargets.list();
    showPools(poolFigures(poolStores.pools.list(), targets, poolStores.nodes.list()), agentVersions(targets));
  });
  watchPools(poolStores, (key, when) => pools.enqueue(key, when));

  own.sources.onChange(key => sources.enqueue(key));
  own.pools.onChange(key => pools.enqueue(key));
  own.definitions.onChange(key => {
    for (const controller of [definitions, retentions]) controller.enqueue(key);
    for (const { name } of buildStores.builds.byIndex('definition', key)) builds.enqueue(name);
  });
  return [sources, definitions, builds, retentions, pools];
}
