/** What an ImageBuild lives in: a real API server, a registry with a base, and the build controller under its own ServiceAccount. */
import { conditionOf } from '../../controller/api/conditions.ts';
import { jobs, nodes, pods } from '../../controller/api/core.ts';
import type { ImageBuild, ImageBuildSpecExecution, ImageBuildSpecSigning } from '../../controller/api/image-build.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { buildLabel, fieldManagers, defaultNamespace } from '../../controller/api/names.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import type { TrustPolicy } from '../../controller/api/trust-policy.ts';
import { pushContext } from '../../controller/build/context.ts';
import type { Context } from '../../controller/build/context.ts';
import { buildName, builderVersion } from '../../controller/build/name.ts';
import type { FoundationBuilder } from '../../controller/build/foundation-task.ts';
import type { BuilderName } from '../../controller/build/builder-name.ts';
import * as views from '../../controller/build/projection.ts';
import { BuildReconciler } from '../../controller/build/reconciler.ts';
import { createClient } from '../../controller/kube/client.ts';
import type { Client } from '../../controller/kube/client.ts';
import { Controller } from '../../controller/kube/controller.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import type { RecordedEvent } from '../../controller/kube/events.ts';
import { Caches } from '../../controller/kube/caches.ts';
import type { Transport } from '../../controller/kube/transport.ts';
import type { DockerConfig } from '../../controller/registry/credentials.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import type { ControlPlaneOptions } from '../cluster/control-plane.ts';
import { until } from '../kube/until.ts';
import { type BuildServers, startBuildServers } from './build-servers.ts';
import { noBuilder } from './run-once.ts';
import { type TrustDoor, openTrustDoor } from './trust-door.ts';

/** A condition for `becomes`. */
export const inPhase =
  (phase: string) =>
  (build: ImageBuild): boolean =>
    build.status?.phase === phase;

export const because =
  (reason: string) =>
  (build: ImageBuild): boolean =>
    conditionOf(build.status?.conditions, 'Ready')?.reason === reason;

/** What its condition Ready says. */
export const readyMessage = (build: ImageBuild): string => conditionOf(build.status?.conditions, 'Ready')?.message ?? '';

export interface RunningController {
  /** The architectures that it knows of. */
  nodes: () => string[];
  events: RecordedEvent[];
  /** Every line it logged. */
  lines: string[];
  controller: Controller;
  door: TrustDoor;
  stop(): Promise<void>;
  /** Stops without waiting for workers that will never end. */
  kill(): Promise<void>;
}

export interface ControllerChange {
  /** Beside the controller. */
  builder?: FoundationBuilder;
  /** Default: Process where `builder` is given, else Job. */
  builders?: readonly BuilderName[];
  /** Of Jobs; '' for none. */
  image?: string;
  slots?: number;
  perDefinition?: number;
  now?: () => number;
  /** Default: none. */
  policies?: readonly TrustPolicy[];
  /** Around what the reconciler is given, so that a test can end it after any call. */
  wrap?: (client: Client, registry: Registry) => { client: Client; registry: Registry };
}

export interface AskChange {
  repository?: string;
  base?: string;
  secret?: string;
  auth?: DockerConfig;
  platforms?: string[];
  execution?: Partial<ImageBuildSpecExecution>;
  signing?: Partial<ImageBuildSpecSigning> & Pick<ImageBuildSpecSigning, 'keySecretRef'>;
  revision?: string;
}

export interface BuildCluster extends Omit<BuildServers, 'transport'> {
  /** `host/repository@digest` */
  base: string;
  /** Pushes the context and creates the ImageBuild as a definition would. */
  ask(context: Context, change?: AskChange): Promise<string>;
  /** The build as it is now; undefined when it is gone. */
  find(name: string): Promise<ImageBuild | undefined>;
  /** The build, as soon as the condition holds. */
  becomes(name: string, what: string, holds: (build: ImageBuild) => boolean): Promise<ImageBuild>;
  start(change?: ControllerChange): Promise<RunningController>;
}

/** Starts all of it, or nothing. */
export async function startBuildCluster(o: ControlPlaneOptions = {}): Promise<BuildCluster> {
  const servers = await startBuildServers(o);
  try {
    const { digest } = await pushBaseImage({ registry: servers.server.host });
    return clusterOn(servers, `${servers.server.host}/base/system@${digest}`);
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

function clusterOn({ transport, ...servers }: BuildServers, base: string): BuildCluster {
  const { admin, server, registry } = servers;
  const controllers: RunningController[] = [];
  const find = async (name: string): Promise<ImageBuild | undefined> => {
    try {
      return await admin.get(imagebuilds, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };

  return {
    ...servers,
    base,
    async ask(context, change = {}) {
      const platforms = change.platforms ? { platforms: change.platforms } : {};
      const repository = change.repository ?? `${server.host}/built/${context.plan.definition}`;
      const digest = await pushContext(registry, repository, context, change.auth);
      const { definition } = context.plan;
      const of = { context: digest, base: change.base ?? base, output: repository, builderVersion, ...platforms };
      const name = buildName(definition, of);
      await admin.create(imagebuilds, {
        apiVersion: 'scantling.dev/v1alpha1',
        kind: 'ImageBuild',
        metadata: { name },
        spec: {
          definitionRef: { name: definition },
          context: digest,
          base: of.base,
          output: { repository, ...(change.secret === undefined ? {} : { pushSecretRef: { name: change.secret } }) },
          ...platforms,
          execution: { timeout: '1m', lint: 'Warn', ...change.execution },
          ...(change.signing ? { signing: { provenance: true, sbom: 'SPDX', ...change.signing } } : {}),
          ...(change.revision === undefined ? {} : { revision: change.revision }),
          builderVersion,
        },
      });
      return name;
    },
    find,
    async becomes(name, what, holds) {
      let last: ImageBuild | undefined;
      try {
        await until(`${name}: ${what}`, async () => {
          last = await find(name);
          return last !== undefined && holds(last);
        });
      } catch (error) {
        throw new Error(`${name} is ${JSON.stringify(last?.status)}`, { cause: error });
      }
      if (!last) throw new Error(`${name} is gone`);
      return last;
    },
    start: async change => {
      const running = await startController(transport, registry, change);
      controllers.push(running);
      return running;
    },
    async stop() {
      // Stopping what is stopped does nothing.
      for (const running of controllers.splice(0).toReversed()) await running.stop();
      await servers.stop();
    },
  };
}

async function startController(
  transport: Transport,
  registry: Registry,
  change: ControllerChange = {},
): Promise<RunningController> {
  const lines: string[] = [];
  const log = createLog('debug', line => void lines.push(line));
  const caches = new Caches({ transport, log });
  const selection = { namespace: defaultNamespace, labelSelector: buildLabel };
  const stores = {
    builds: caches.add(imagebuilds, views.projectBuild, views.buildIndexes),
    definitions: caches.add(systemdefinitions, views.projectDefinition),
    jobs: caches.add(jobs, views.projectJob, views.jobIndexes, selection),
    pods: caches.add(pods, views.projectPod, {}, selection),
    nodes: caches.add(nodes, views.projectNode),
  };
  const events: RecordedEvent[] = [];
  const given = change.wrap?.(createClient(transport), registry) ?? { client: createClient(transport), registry };
  const door = openTrustDoor(given.registry);
  await door.enforce(...(change.policies ?? []));
  const reconciler = new BuildReconciler({
    ...given,
    trust: door.trust,
    verifier: door.verifier,
    process: change.builder ?? noBuilder,
    builders: change.builders ?? [change.builder ? 'Process' : 'Job'],
    job: () => ({
      namespace: defaultNamespace,
      image: change.image ?? 'registry.example/scantling-builder:test',
      serviceAccount: 'scantling-builder',
      registriesConfig: 'scantling-registries',
      certificateSecrets: [],
      insecureHosts: [],
    }),
    stores,
    events: { record: event => void events.push(event) },
    limits: { builds: change.slots ?? 4, perDefinition: change.perDefinition ?? 4 },
    now: change.now ?? Date.now,
  });
  const controller = new Controller({ name: fieldManagers.build, reconcile: reconciler.reconcile, concurrency: 8, log });
  caches.start();
  await caches.synced();
  const unwatch = reconciler.watch(key => controller.enqueue(key));
  controller.start();
  let stopped = false;
  const end = async (): Promise<void> => {
    stopped = true;
    unwatch();
    await caches.stop();
    await door.stop();
  };
  return {
    events,
    lines,
    controller,
    door,
    nodes: () => stores.nodes.list().map(node => node.architecture),
    async stop() {
      if (stopped) return;
      await end();
      await controller.stop(0);
    },
    async kill() {
      await end();
      void controller.stop(0);
    },
  };
}
