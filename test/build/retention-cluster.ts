/** What retention lives in: a real API server, real registries, and its controller under the controller's own ServiceAccount. */
import assert from 'node:assert/strict';
import { timestamp } from '../../controller/api/conditions.ts';
import { imagebuilds, type ImageBuildStatus } from '../../controller/api/image-build.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { nodetargets, type NodeTargetStatusHost } from '../../controller/api/node-target.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { systemdefinitions, type SystemDefinitionStatus } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { contextLinkArtifactType, linkContext } from '../../controller/build/context-link.ts';
import { pushContext } from '../../controller/build/context.ts';
import { createRetentionReconciler } from '../../controller/build/retention-reconciler.ts';
import * as views from '../../controller/build/retention-projection.ts';
import { retentionIndexes, watchRetention } from '../../controller/build/retention-watch.ts';
import { readRegistrySecret } from '../../controller/build/secret.ts';
import { Caches } from '../../controller/kube/caches.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { Controller } from '../../controller/kube/controller.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import type { RecordedEvent } from '../../controller/kube/events.ts';
import type { Transport } from '../../controller/kube/transport.ts';
import type { DockerConfig } from '../../controller/registry/credentials.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import type { FaultProxy } from '../cluster/fault-proxy.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { contextOf } from './build-fixture.ts';
import { type BuildServers, startBuildServers } from './build-servers.ts';

const fieldManager = 'test';
const apiVersion = 'scantling.dev/v1alpha1';

export interface Built {
  name: string;
  repository: string;
  context: string;
  index: string;
  platform: string;
}

/** Starts all of it, or nothing. */
export async function startRetentionCluster(): Promise<RetentionCluster> {
  return new RetentionCluster(await startBuildServers());
}

export class RetentionCluster {
  readonly admin: Client;
  readonly proxy: FaultProxy;
  readonly server: RegistryServer;
  readonly locked: RegistryServer;
  readonly registry: Registry;
  readonly events: RecordedEvent[] = [];
  readonly #transport: Transport;
  readonly #end: () => Promise<void>;
  #running: { stop(): Promise<void> } | undefined;
  #age = 0;

  constructor(servers: BuildServers) {
    this.admin = servers.admin;
    this.proxy = servers.proxy;
    this.server = servers.server;
    this.locked = servers.locked;
    this.registry = servers.registry;
    this.#transport = servers.transport;
    this.#end = () => servers.stop();
  }

  async stop(): Promise<void> {
    await this.stopController();
    await this.#end();
  }

  /** Starts the controller; returns how to wake it for a definition. */
  async startController(): Promise<(definition: string) => void> {
    const log = createLog(process.env['LOG_LEVEL'] ?? 'silent');
    const caches = new Caches({ transport: this.#transport, log });
    const client = createClient(this.#transport);
    const stores = {
      builds: caches.add(imagebuilds, views.projectRetainedBuild, retentionIndexes),
      definitions: caches.add(systemdefinitions, views.projectRetainingDefinition),
      nodes: caches.add(nodetargets, views.projectNodeImages),
      pools: caches.add(systempools, views.projectPoolImages),
    };
    const { reconcile } = createRetentionReconciler({
      client,
      registry: this.registry,
      readCredentials: secret => readRegistrySecret(client, defaultNamespace, secret),
      stores,
      events: { record: event => void this.events.push(event) },
      now: Date.now,
    });
    const controller = new Controller({ name: 'retention', reconcile, log });
    const unwatch = watchRetention(stores, name => controller.enqueue(name));
    caches.start();
    await caches.synced();
    controller.start();
    this.#running = {
      stop: async () => {
        unwatch();
        await controller.stop();
        await caches.stop();
      },
    };
    return name => controller.enqueue(name);
  }

  async stopController(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async define(name: string, history: object, output: object = {}): Promise<void> {
    const spec = {
      base: { image: 'registry.example/base:1' },
      output: { repository: `${this.server.host}/os/${name}`, ...output },
      history: { successful: 1, failed: 0, gracePeriod: '0s', ...history },
    };
    await this.admin.apply(
      systemdefinitions,
      { apiVersion, kind: 'SystemDefinition', metadata: { name }, spec },
      { fieldManager },
    );
  }

  async status(name: string): Promise<SystemDefinitionStatus> {
    return (await this.admin.get(systemdefinitions, name)).status ?? {};
  }

  /** A build of the definition that has ended, with all that it pushed; each is younger than the one before. */
  async build(
    definition: string,
    n: number,
    o: Partial<ImageBuildStatus> & { repository?: string; auth?: DockerConfig; sharedContext?: string } = {},
  ): Promise<Built> {
    const { repository = `${this.server.host}/os/${definition}`, auth, sharedContext, ...status } = o;
    const name = `${definition}-${n}`;
    const made = contextOf({ definition, layers: [{ 'etc/n': sharedContext ?? name }] });
    const context = await pushContext(this.registry, repository, made, auth);
    const config = await this.registry.pushBlob(repository, Buffer.from(JSON.stringify({ name })), auth);
    const size = JSON.stringify({ name }).length;
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest: config, size },
      layers: [],
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const platform = await this.registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes }, auth);
    const entry = {
      mediaType: mediaTypes.manifest,
      digest: platform,
      size: bytes.length,
      platform: { os: 'linux', architecture: 'amd64' },
    };
    const index = await this.registry.pushManifest(
      repository,
      {
        mediaType: mediaTypes.index,
        bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [entry] })),
        tag: name,
      },
      auth,
    );
    const { bytes: indexBytes } = await this.registry.manifest(`${repository}@${index}`, auth);
    await linkContext(this.registry, repository, { index: { digest: index, size: indexBytes.length }, context }, auth);
    await this.admin.create(imagebuilds, {
      apiVersion,
      kind: 'ImageBuild',
      metadata: { name },
      spec: {
        definitionRef: { name: definition },
        context,
        base: `registry.example/base@sha256:${'b'.repeat(64)}`,
        output: { repository },
        execution: { timeout: '1m', lint: 'Warn' },
        builderVersion: '1',
      },
    });
    const ended: ImageBuildStatus = {
      phase: 'Succeeded',
      observedGeneration: 1,
      completionTime: timestamp(new Date(Date.now() - 3_600_000 + 1_000 * this.#age++)),
      image: { reference: `${repository}@${index}`, digest: index, platforms: [{ platform: 'linux/amd64', digest: platform }] },
      ...status,
    };
    await this.admin.mergePatch(imagebuilds, name, { status: ended }, { fieldManager, subresource: 'status' });
    return { name, repository, context, index, platform };
  }

  /** A node whose agent reports these digests. */
  async node(name: string, host: NodeTargetStatusHost): Promise<void> {
    const spec = {
      poolRef: { name: 'pool' },
      image: `registry.example/os@sha256:${'0'.repeat(64)}`,
      digests: [`sha256:${'0'.repeat(64)}`],
      state: 'Staged' as const,
      since: timestamp(new Date()),
    };
    await this.admin.apply(nodetargets, { apiVersion, kind: 'NodeTarget', metadata: { name }, spec }, { fieldManager });
    await this.admin.mergePatch(nodetargets, name, { status: { host } }, { fieldManager, subresource: 'status' });
  }

  /** Deletes all objects of a kind. */
  async clear<T extends KubeObject>(resource: Resource<T>): Promise<void> {
    for (const { metadata } of (await this.admin.list(resource)).items) await this.admin.delete(resource, metadata.name);
  }

  async exists(name: string): Promise<boolean> {
    try {
      await this.admin.get(imagebuilds, name);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Which of a build's manifests the registry still has. */
  async has({ repository, index, platform, context }: Built, auth?: DockerConfig): Promise<string> {
    const present: string[] = [];
    for (const [what, digest] of Object.entries({ index, platform, context })) {
      try {
        assert.equal((await this.registry.manifest(`${repository}@${digest}`, auth)).digest, digest);
        present.push(what);
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
      }
    }
    const links = await this.registry.referrers(repository, index, auth, { artifactType: contextLinkArtifactType });
    return [...present, ...links.map(() => 'link')].join(' ');
  }
}
