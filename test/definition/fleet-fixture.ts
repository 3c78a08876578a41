/**
 * What a definition lives in: a real API server behind the fault proxy, a registry with a base, a Git server, and the definition
 * controller under its own ServiceAccount. The source and the builds are played by the test, by hand.
 */
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { type ImageBuild, type ImageBuildStatus, imagebuilds } from '../../controller/api/image-build.ts';
import { defaultNamespace, fieldManagers, requestedAt } from '../../controller/api/names.ts';
import { systemaddons } from '../../controller/api/system-addon.ts';
import {
  type SystemDefinition,
  type SystemDefinitionStatus,
  type SystemDefinitionStatusBase,
  systemdefinitions,
} from '../../controller/api/system-definition.ts';
import { type SystemSourceSpec, systemsources } from '../../controller/api/system-source.ts';
import { readRegistrySecret } from '../../controller/build/secret.ts';
import {
  type AddonView,
  type BuildView,
  type DefinitionView,
  type SourceView,
  definitionIndexes,
  projectAddon,
  projectBuild,
  projectDefinition,
  projectSource,
} from '../../controller/definition/projection.ts';
import type { HostTrustFiles } from '../../controller/definition/host-trust.ts';
import { createDefinitionReconciler } from '../../controller/definition/reconciler.ts';
import { watchDefinitions } from '../../controller/definition/watch.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { Controller } from '../../controller/kube/controller.ts';
import type { RecordedEvent } from '../../controller/kube/events.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Reflector } from '../../controller/kube/reflector.ts';
import { Store } from '../../controller/kube/store.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createOpenRevision } from '../../controller/source/open-revision.ts';
import { createRepositories } from '../../controller/source/open.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import type { Trust } from '../../controller/trust/trust.ts';
import { type BaseImage, pushBaseImage } from '../cluster/base-image.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../cluster/fault-proxy.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import { startGitServer } from '../cluster/git-server.ts';
import { install } from '../cluster/manifests.ts';
import { type RegistryOptions, type RegistryServer, registryCredentials, startRegistry } from '../cluster/registry.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';
import { withoutGitPolicies, withoutPolicies } from '../rollout/without-policies.ts';
import { startTrust } from '../trust/composed-trust.ts';

type RegistryKind = NonNullable<RegistryOptions['kind']>;

export interface RunningController {
  events: RecordedEvent[];
  stop(): Promise<void>;
}

export interface Fleet {
  admin: Client;
  proxy: FaultProxy;
  server: RegistryServer;
  /** Asks for credentials. */
  lockedServer: RegistryServer;
  registry: Registry;
  base: BaseImage;
  repository: GitRepository;
  /** With `policies` it judges images by the TrustPolicies of the cluster; without, nothing is configured. */
  startController(o?: { policies?: boolean }): Promise<RunningController>;
  /** Commits files and has the source apply the commit; the revision. */
  commit(files: Record<string, string>): Promise<string>;
  /** Applies the source with these fields besides URL and branch. */
  changeSource(spec: Partial<SystemSourceSpec>): Promise<void>;
  apply(name: string, spec: object, annotations?: Record<string, string>): Promise<void>;
  definition(name: string): Promise<SystemDefinition>;
  /** The definition, as soon as the condition holds. */
  until(name: string, holds: (definition: SystemDefinition) => boolean): Promise<SystemDefinition>;
  builds(definition: string): Promise<ImageBuild[]>;
  build(name: string): Promise<ImageBuild>;
  /** Plays the builder: an image of `succeeded` is really pushed. */
  finishBuild(name: string, status: ImageBuildStatus): Promise<void>;
  /** Says what images are to tell their hosts of trust policies, from now on. Without it: nothing. */
  tellHosts(told: Told): void;
  /** Milliseconds by which the controllers' clock for look-ups is ahead. */
  ahead: { ms: number };
  stop(): Promise<void>;
}

/** What a played build gives: an index of its own in the output repository. */
export function succeeded(build: string): ImageBuildStatus & { image: { digest: string } } {
  const platforms = ['linux/amd64', 'linux/arm64'].map(platform => ({ platform, digest: sha256(`${build} ${platform}`) }));
  return { phase: 'Succeeded', attempts: 1, image: { digest: sha256(playedIndex(build)), version: `v-${build}`, platforms } };
}

function playedIndex(build: string): Uint8Array {
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [], annotations: { build } };
  return new TextEncoder().encode(JSON.stringify(index));
}

export async function startFleet(kind: RegistryKind = 'distribution'): Promise<Fleet> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  try {
    return { ...(await start(stops, kind)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(stops: (() => Promise<void>)[], kind: RegistryKind): Promise<Omit<Fleet, 'stop'>> {
  const started = <T extends { stop(): Promise<void> }>(part: T): T => {
    stops.push(() => part.stop());
    return part;
  };
  // The agent's DaemonSet among the manifests is privileged.
  const controlPlane = started(await startControlPlane({ apiServerFlags: ['--allow-privileged=true'] }));
  const server = started(await startRegistry({ kind }));
  const lockedServer = started(await startRegistry({ kind, auth: 'basic' }));
  const git = started(await startGitServer());
  const proxy = started(await startFaultProxy(controlPlane));
  const adminTransport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' });
  stops.push(() => adminTransport.close());
  const admin = createClient(adminTransport);
  await install(admin);
  const base = await pushBaseImage({ registry: server.host });
  const repository = await git.createRepository('fleet');
  const insecureHosts = new Set([server.host, lockedServer.host]);
  const registry = createRegistry({ insecureHosts, userAgent: 'scantling-test' });
  stops.push(() => registry.close());
  const kubeconfig = proxy.kubeconfigFor(await serviceAccountToken(adminTransport, 'scantling-controller'));

  const dockerConfig = JSON.stringify({ auths: { [lockedServer.host]: registryCredentials } });
  const pushSecret = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/dockerconfigjson' };
  const data = { '.dockerconfigjson': Buffer.from(dockerConfig).toString('base64') };
  await admin.create(secrets, { ...pushSecret, metadata: { name: 'push', namespace: defaultNamespace }, data });
  const source = { apiVersion: 'scantling.dev/v1alpha1' as const, kind: 'SystemSource' as const, metadata: { name: 'fleet' } };
  const changeSource = async (parts: Partial<SystemSourceSpec>): Promise<void> => {
    const spec = { url: repository.url, allowInsecure: true, ref: { branch: 'main' }, ...parts };
    await admin.apply(systemsources, { ...source, spec }, { fieldManager: 'test' });
  };
  await changeSource({});

  const ahead = { ms: 0 };
  const hosts = new ToldHosts();
  const played = new Set<string>();
  const build = (name: string): Promise<ImageBuild> => admin.get(imagebuilds, name);
  const definition = (name: string): Promise<SystemDefinition> => admin.get(systemdefinitions, name);
  return {
    admin,
    proxy,
    server,
    lockedServer,
    registry,
    base,
    repository,
    build,
    definition,
    startController: async o => {
      const controller = await startController(kubeconfig, registry, { ahead, hosts, policies: o?.policies ?? false });
      // Stopping what is stopped does nothing.
      stops.push(() => controller.stop());
      return controller;
    },
    commit: async files => {
      const revision = `main@sha1:${await repository.commit(files, 'change')}`;
      await admin.applyStatus(systemsources, { ...source, status: { lastAppliedRevision: revision } }, { fieldManager: 'test' });
      return revision;
    },
    changeSource,
    apply: async (name, spec, annotations = {}) => {
      const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', metadata: { name, annotations }, spec };
      await admin.apply(systemdefinitions, object, { fieldManager: 'test' });
    },
    until: async (name, holds) => {
      let object = await definition(name);
      try {
        await until(`${name} is as it should be`, async () => {
          object = await definition(name);
          return holds(object);
        });
      } catch (error) {
        throw new Error(`waited in vain; ${name} is ${JSON.stringify(object.status)}`, { cause: error });
      }
      return object;
    },
    builds: async of => {
      const { items } = await admin.list(imagebuilds);
      return items.filter(item => item.spec.definitionRef.name === of);
    },
    ahead,
    tellHosts: told => hosts.tell(told),
    finishBuild: async (name, status) => {
      const { apiVersion, kind, spec } = await build(name);
      const bytes = playedIndex(name);
      if (status.image?.digest === sha256(bytes) && !played.has(name)) {
        played.add(name);
        await registry.pushManifest(
          spec.output.repository,
          { mediaType: mediaTypes.index, bytes, tag: name },
          parseDockerConfig(dockerConfig),
        );
      }
      await admin.applyStatus(
        imagebuilds,
        { apiVersion, kind, metadata: { name }, status },
        { fieldManager: fieldManagers.build },
      );
    },
  };
}

/** For every definition, or by the images that its hosts pull. */
type Told = HostTrustFiles | ((images: readonly string[]) => HostTrustFiles);

/** What hosts are told of trust, and who wants to know when that is another. */
class ToldHosts implements Pick<Trust, 'onChange'> {
  told: Told = { files: [], unread: [] };
  readonly #listeners = new Set<() => void>();

  tell(told: Told): void {
    this.told = told;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const readsNoSecrets = { readSecret: async () => undefined, now: Date.now };

/** The definition controller as the program composes it; events are kept for the test. */
async function startController(
  kubeconfig: string,
  registry: Registry,
  { ahead, hosts, policies }: { ahead: { ms: number }; hosts: ToldHosts; policies: boolean },
): Promise<RunningController> {
  const transport = new Transport({ kubeConfig: loadKubeConfig(kubeconfig), userAgent: 'scantling-controller' });
  const client = createClient(transport);
  const log = createLog('silent');
  const repositories = createRepositories({ client, namespace: defaultNamespace, userAgent: 'scantling-test', now: Date.now });
  const events: RecordedEvent[] = [];
  const stores = {
    definitions: new Store<DefinitionView>(definitionIndexes),
    builds: new Store<BuildView>(),
    sources: new Store<SourceView>(),
    addons: new Store<AddonView>(),
  };
  const recorder = { record: (event: RecordedEvent) => void events.push(event) };
  const judging = policies ? await startTrust({ transport, registry, log }) : undefined;
  const trust = judging?.trust ?? withoutPolicies;
  const { reconcile } = createDefinitionReconciler({
    client,
    registry,
    openRevision: createOpenRevision({ ...readsNoSecrets, client, repositories, trust: judging?.trust ?? withoutGitPolicies }),
    readCredentials: name => readRegistrySecret(client, defaultNamespace, name),
    definitions: stores.definitions,
    addons: stores.addons,
    trust,
    hostTrust: images => (typeof hosts.told === 'function' ? hosts.told(images) : hosts.told),
    events: recorder,
    now: Date.now,
    clock: () => performance.now() + ahead.ms,
    random: Math.random,
  });
  const controller = new Controller({ name: 'systemdefinition', reconcile, concurrency: 2, log });
  const changes = {
    onChange: (listener: () => void) => {
      const ends = [hosts.onChange(listener), trust.onChange(listener)];
      return () => ends.forEach(end => end());
    },
  };
  watchDefinitions(stores, changes, name => controller.enqueue(name));
  const common = { transport, log };
  const reflectors = [
    new Reflector({ ...common, resource: systemdefinitions, project: projectDefinition, store: stores.definitions }),
    new Reflector({ ...common, resource: imagebuilds, project: projectBuild, store: stores.builds }),
    new Reflector({ ...common, resource: systemsources, project: projectSource, store: stores.sources }),
    new Reflector({ ...common, resource: systemaddons, project: projectAddon, store: stores.addons }),
  ];
  for (const reflector of reflectors) reflector.start();
  await Promise.all(reflectors.map(reflector => reflector.synced()));
  controller.start();
  let running = true;
  return {
    events,
    stop: async () => {
      if (!running) return;
      running = false;
      await controller.stop();
      await judging?.stop();
      await Promise.all(reflectors.map(reflector => reflector.stop()));
      await repositories.forget('fleet');
      await transport.close();
    },
  };
}

/** True when the Ready condition is about the present spec and request, and has the reason. */
export function says(reason: string): (definition: SystemDefinition) => boolean {
  return ({ metadata, status }) => {
    const ready = conditionOf(status?.conditions, 'Ready');
    const requested = metadata.annotations?.[requestedAt];
    const heard = requested === undefined || status?.lastHandledReconcileAt === requested;
    return ready?.reason === reason && ready.observedGeneration === metadata.generation && heard;
  };
}

/** What a definition is based on, without what trust says of it. */
export function baseOf({ status }: SystemDefinition): Omit<SystemDefinitionStatusBase, 'trust'> | undefined {
  const { trust: _, ...base } = status?.base ?? {};
  return status?.base && base;
}

/** The images of its workloads that are followed, without what trust says of them. */
export function imagesOf(status: SystemDefinitionStatus | undefined): { image: string; digest: string }[] {
  const followed = (status?.workloadImages ?? []).filter(({ image }) => !image.includes('@'));
  return followed.map(({ image, digest }) => ({ image, digest }));
}
