/** What a SystemAddon lives in: a real API server behind the fault proxy, registries, a Git server, and the controller of addons as the program composes it, under its own ServiceAccount. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conditionOf } from '../../controller/api/conditions.ts';
import { defaultLease, defaultNamespace, requestedAt } from '../../controller/api/names.ts';
import { type SystemAddon, type SystemAddonSpec, systemaddons } from '../../controller/api/system-addon.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import type { TrustPolicy } from '../../controller/api/trust-policy.ts';
import { readRegistrySecret } from '../../controller/build/secret.ts';
import { composeAddons } from '../../controller/compose-addons.ts';
import { writeTar, type TarEntry } from '../../controller/definition/tar.ts';
import { Caches } from '../../controller/kube/caches.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { Controller } from '../../controller/kube/controller.ts';
import type { RecordedEvent } from '../../controller/kube/events.ts';
import type { Transport } from '../../controller/kube/transport.ts';
import { type Descriptor, mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { Shard } from '../../controller/sharding/shard.ts';
import { createOpenRevision } from '../../controller/source/open-revision.ts';
import { createRepositories } from '../../controller/source/open.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { type BuildServers, startBuildServers } from '../build/build-servers.ts';
import { type TrustDoor, openTrustDoor } from '../build/trust-door.ts';
import type { FileContent, GitRepository } from '../cluster/git-repository.ts';
import { startGitServer } from '../cluster/git-server.ts';
import { until } from '../kube/until.ts';
import { withoutGitPolicies } from '../rollout/without-policies.ts';

type Wrap = (client: Client, registry: Registry) => { client: Client; registry: Registry };

export interface RunningAddons {
  events: RecordedEvent[];
  /** Every line it logged. */
  lines: string[];
  door: TrustDoor;
  stop(): Promise<void>;
  /** Stops without waiting for workers that will never end. */
  kill(): Promise<void>;
}

/** Files of an image by path without a leading slash; a text is 0644. */
export type Rootfs = Readonly<Record<string, string | { mode: number; content: string } | { link: string }>>;

export interface AddonCluster extends Omit<BuildServers, 'transport'> {
  repository: GitRepository;
  /** Where the controllers put what they make. */
  directory: string;
  start(o?: { wrap?: Wrap; policies?: readonly TrustPolicy[] }): Promise<RunningAddons>;
  /** Pushes an image with these files for each platform, as `linux/amd64`; its tag names it from now on. */
  pushRootfs(name: string, platforms: Readonly<Record<string, Rootfs>>): Promise<{ image: string; digest: string }>;
  /** Commits files and has the source `fleet` apply the commit; the revision. */
  commit(files: Record<string, FileContent>): Promise<string>;
  /** Applies an addon that pushes to its own repository. */
  apply(name: string, spec: Partial<Omit<SystemAddonSpec, 'variants'>> & { variants: object[] }): Promise<void>;
  /** Asks for a pass. */
  ask(name: string, value: string): Promise<void>;
  get(name: string): Promise<SystemAddon>;
  /** The addon, as soon as the condition holds. */
  until(name: string, what: string, holds: (addon: SystemAddon) => boolean): Promise<SystemAddon>;
}

/** True when the Ready condition is about the present spec and request, and has the reason. */
export function says(reason: string): (addon: SystemAddon) => boolean {
  return ({ metadata, status }) => {
    const ready = conditionOf(status?.conditions, 'Ready');
    const requested = metadata.annotations?.[requestedAt];
    const heard = requested === undefined || status?.lastHandledReconcileAt === requested;
    return ready?.reason === reason && ready.observedGeneration === metadata.generation && heard;
  };
}

/** What its condition Ready says. */
export const messageOf = ({ status }: SystemAddon): string => conditionOf(status?.conditions, 'Ready')?.message ?? '';

/** Starts all of it, or nothing. */
export async function startAddonCluster(): Promise<AddonCluster> {
  const servers = await startBuildServers();
  const git = await startGitServer();
  const directory = await mkdtemp(join(tmpdir(), 'scantling-addons-'));
  const controllers: RunningAddons[] = [];
  const stop = async (): Promise<void> => {
    for (const running of controllers.splice(0).toReversed()) await running.stop();
    await git.stop();
    await servers.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const repository = await git.createRepository('fleet');
    const { admin, server, registry, transport } = servers;
    const apiVersion = 'scantling.dev/v1alpha1' as const;
    const source = { apiVersion, kind: 'SystemSource' as const, metadata: { name: 'fleet' } };
    const spec = { url: repository.url, allowInsecure: true, ref: { branch: 'main' } };
    await admin.apply(systemsources, { ...source, spec }, { fieldManager: 'test' });
    const get = (name: string): Promise<SystemAddon> => admin.get(systemaddons, name);
    return {
      ...servers,
      repository,
      directory,
      get,
      stop,
      start: async (o = {}) => {
        const running = await startController(transport, registry, directory, o);
        controllers.push(running);
        return running;
      },
      pushRootfs: (name, platforms) => pushRootfs(registry, `${server.host}/${name}`, platforms),
      commit: async files => {
        const revision = `main@sha1:${await repository.commit(files, 'change')}`;
        await admin.applyStatus(
          systemsources,
          { ...source, status: { lastAppliedRevision: revision } },
          { fieldManager: 'test' },
        );
        return revision;
      },
      apply: async (name, parts) => {
        const output = { repository: `${server.host}/addons/${name}` };
        const object = { apiVersion, kind: 'SystemAddon', metadata: { name }, spec: { output, ...parts } };
        await admin.apply(systemaddons, object, { fieldManager: 'test' });
      },
      ask: async (name, value) => {
        const metadata = { annotations: { [requestedAt]: value } };
        await admin.mergePatch(systemaddons, name, { metadata }, { fieldManager: 'test' });
      },
      until: async (name, what, holds) => {
        let object = await get(name);
        try {
          await until(`${name}: ${what}`, async () => {
            object = await get(name);
            return holds(object);
          });
        } catch (error) {
          throw new Error(`${name} is ${JSON.stringify(object.status)}`, { cause: error });
        }
        return object;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startController(
  transport: Transport,
  registry: Registry,
  directory: string,
  { wrap, policies }: { wrap?: Wrap; policies?: readonly TrustPolicy[] },
): Promise<RunningAddons> {
  const lines: string[] = [];
  const log = createLog('debug', line => void lines.push(line));
  const events: RecordedEvent[] = [];
  const caches = new Caches({ transport, log });
  const whole = createClient(transport);
  const given = wrap?.(whole, registry) ?? { client: whole, registry };
  const { client } = given;
  const door = openTrustDoor(given.registry);
  await door.enforce(...(policies ?? []));
  const claimant = { own: defaultLease, unsharded: defaultLease };
  const shard = new Shard({ client, caches, namespace: defaultNamespace, claimant, selects: () => true, log });
  const repositories = createRepositories({ client, namespace: defaultNamespace, userAgent: 'scantling-test', now: Date.now });
  const addons = composeAddons(
    { 'build-directory': directory, namespace: defaultNamespace },
    {
      ...given,
      caches,
      events: { record: event => void events.push(event) },
      log,
      now: Date.now,
      openRevision: createOpenRevision({
        client,
        repositories,
        trust: withoutGitPolicies,
        readSecret: async () => undefined,
        now: Date.now,
      }),
      readCredentials: name => readRegistrySecret(client, defaultNamespace, name),
      trust: door.trust,
      verifier: door.verifier,
      own: shard.roots(systemaddons),
      make: (name, concurrency, reconcile) => new Controller({ name, concurrency, reconcile, log, random: () => 0 }),
    },
  );
  caches.start();
  await caches.synced();
  addons.start();
  let stopped = false;
  const end = async (): Promise<void> => {
    stopped = true;
    await caches.stop();
    await door.stop();
    await repositories.forget('fleet');
  };
  return {
    events,
    lines,
    door,
    stop: async () => {
      if (stopped) return;
      await addons.stop(0);
      await end();
    },
    kill: async () => {
      await end();
      void addons.stop(0);
    },
  };
}

const text = new TextEncoder();
const json = (value: unknown): Uint8Array => text.encode(JSON.stringify(value));

function entryOf([path, content]: [string, Rootfs[string]]): TarEntry {
  if (typeof content === 'string') return { path, mode: 0o644, bytes: text.encode(content) };
  return 'link' in content ? { path, link: content.link } : { path, mode: content.mode, bytes: text.encode(content.content) };
}

async function pushRootfs(
  registry: Registry,
  repository: string,
  platforms: Readonly<Record<string, Rootfs>>,
): Promise<{ image: string; digest: string }> {
  const tag = '1';
  const manifests: Descriptor[] = [];
  for (const [platform, files] of Object.entries(platforms)) {
    const [os = '', architecture = ''] = platform.split('/');
    const layer = writeTar(Object.entries(files).map(entryOf));
    const digest = await registry.pushBlob(repository, layer);
    const config = json({ os, architecture, config: {}, rootfs: { type: 'layers', diff_ids: [digest] } });
    const manifest = json({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest: await registry.pushBlob(repository, config), size: config.length },
      layers: [{ mediaType: mediaTypes.layer, digest, size: layer.length }],
    });
    manifests.push({
      mediaType: mediaTypes.manifest,
      digest: await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: manifest }),
      size: manifest.length,
      platform: { os, architecture },
    });
  }
  const index = json({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
  const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.index, bytes: index, tag });
  return { image: `${repository}:${tag}`, digest };
}
