/** One eye on a running environment: what the nodes, their targets and the chain before them are, and how far they ever were from what they should be. */
import { conditionOf } from '../../controller/api/conditions.ts';
import { nodes, type Node } from '../../controller/api/core.ts';
import { imagebuilds, type ImageBuild } from '../../controller/api/image-build.ts';
import type { Condition, KubeObject } from '../../controller/api/meta.ts';
import { nodetargets, type NodeTarget } from '../../controller/api/node-target.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { systemdefinitions, type SystemDefinition } from '../../controller/api/system-definition.ts';
import { systempools, type SystemPool } from '../../controller/api/system-pool.ts';
import { systemsources, type SystemSource } from '../../controller/api/system-source.ts';
import { Reflector } from '../../controller/kube/reflector.ts';
import { Store, type StoredObject } from '../../controller/kube/store.ts';
import type { Transport } from '../../controller/kube/transport.ts';
import type { Log } from '../../controller/telemetry/log.ts';

export interface NodeView extends StoredObject {
  ready: boolean;
  cordoned: boolean;
  bootID: string;
  architecture: string;
}

/** An object of ours with what a watcher reads of it. */
export interface Seen<Spec, Status> extends StoredObject {
  generation: number;
  spec: Spec;
  status: Status | undefined;
}

/** A node went away (NotReady or cordoned) or came back. */
export interface Change {
  at: number;
  node: string;
  available: boolean;
}

export interface FleetStores {
  nodes: Store<NodeView>;
  targets: Store<Seen<NodeTarget['spec'], NodeTarget['status']>>;
  pools: Store<Seen<SystemPool['spec'], SystemPool['status']>>;
  builds: Store<Seen<ImageBuild['spec'], ImageBuild['status']>>;
  definitions: Store<Seen<SystemDefinition['spec'], SystemDefinition['status']>>;
  sources: Store<Seen<SystemSource['spec'], SystemSource['status']>>;
}

function projectNode(node: Node): NodeView {
  return {
    ...identity(node),
    ready: node.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True') ?? false,
    cordoned: node.spec?.unschedulable ?? false,
    bootID: node.status?.nodeInfo?.bootID ?? '',
    architecture: node.status?.nodeInfo?.architecture ?? '',
  };
}

function project<Spec, Status>(object: KubeObject & { spec: Spec; status?: Status }): Seen<Spec, Status> {
  return { ...identity(object), generation: object.metadata.generation ?? 0, spec: object.spec, status: object.status };
}

function identity({ metadata }: KubeObject): StoredObject {
  return { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}

/** Status and message of a condition, for people. */
export function readiness(status: { conditions?: Condition[] } | undefined): { ready: boolean; message: string } {
  const ready = conditionOf(status?.conditions, 'Ready');
  return { ready: ready?.status === 'True', message: ready ? `${ready.reason}: ${ready.message}` : 'not looked at yet' };
}

export class Fleet {
  readonly stores: FleetStores = {
    nodes: new Store(),
    targets: new Store(),
    pools: new Store(),
    builds: new Store(),
    definitions: new Store(),
    sources: new Store(),
  };
  readonly #reflectors: { start(): void; stop(): Promise<void>; synced(): Promise<void> }[] = [];
  readonly #listeners = new Set<() => void>();
  #changes: Change[] = [];
  #mostUnavailable = 0;

  constructor(o: { transport: Transport; log: Log }) {
    const reflect = <T extends KubeObject, P extends StoredObject>(
      resource: Resource<T>,
      store: Store<P>,
      of: (object: T) => P,
    ) => {
      this.#reflectors.push(new Reflector({ transport: o.transport, resource, project: of, store, log: o.log }));
      store.onChange(() => this.#changed());
    };
    const { stores } = this;
    reflect(nodes, stores.nodes, projectNode);
    reflect<NodeTarget, Seen<NodeTarget['spec'], NodeTarget['status']>>(nodetargets, stores.targets, project);
    reflect<SystemPool, Seen<SystemPool['spec'], SystemPool['status']>>(systempools, stores.pools, project);
    reflect<ImageBuild, Seen<ImageBuild['spec'], ImageBuild['status']>>(imagebuilds, stores.builds, project);
    reflect<SystemDefinition, Seen<SystemDefinition['spec'], SystemDefinition['status']>>(
      systemdefinitions,
      stores.definitions,
      project,
    );
    reflect<SystemSource, Seen<SystemSource['spec'], SystemSource['status']>>(systemsources, stores.sources, project);
    stores.nodes.onChange((node, now, before) => this.#nodeChanged(node, now, before));
  }

  async start(): Promise<void> {
    for (const reflector of this.#reflectors) reflector.start();
    await Promise.all(this.#reflectors.map(r => r.synced()));
    this.beginRecord();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map(r => r.stop()));
  }

  /** Calls `listener` after every change of anything. Returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Names of the nodes that are unavailable now: not Ready, or cordoned. */
  get unavailable(): string[] {
    return this.stores.nodes
      .list()
      .filter(n => !isAvailable(n))
      .map(n => n.name);
  }

  /** Begins a new record of who went away. */
  beginRecord(): void {
    this.#changes = [];
    this.#mostUnavailable = this.unavailable.length;
  }

  /** Most nodes that were unavailable at once since `beginRecord`, over every version of every Node. */
  get mostUnavailable(): number {
    return this.#mostUnavailable;
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  /**
   * Resolves once `holds` does, looked at after every change and now and then.
   * @throws Error with `explain()` after `timeoutMs`, or what `holds` throws.
   */
  async until(what: string, holds: () => boolean, o: { timeoutMs: number; explain: () => string }): Promise<void> {
    const end = performance.now() + o.timeoutMs;
    while (!holds()) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`not within ${o.timeoutMs / 1000} s: ${what}\n${o.explain()}`);
      await this.#nextChange(Math.min(left, 500));
    }
  }

  /** What every object says of itself, for a message about something that does not come about. */
  describe(): string {
    const { stores } = this;
    return [
      ...stores.sources.list().map(o => say('SystemSource', o)),
      ...stores.definitions.list().map(o => say('SystemDefinition', o)),
      ...stores.builds.list().map(o => say('ImageBuild', o)),
      ...stores.pools.list().map(o => say('SystemPool', o)),
      ...stores.targets.list().map(o => {
        const rollout = o.status?.rollout;
        return `${say('NodeTarget', o)} (${o.spec.state}, ${o.status?.host?.phase ?? 'no report'})${rollout ? ` ${rollout.phase}: ${rollout.message}` : ''}`;
      }),
      ...stores.nodes.list().map(n => `  Node ${n.name}: ${n.ready ? 'Ready' : 'NotReady'}${n.cordoned ? ', cordoned' : ''}`),
    ].join('\n');
  }

  #nodeChanged(node: string, now: NodeView | undefined, before: NodeView | undefined): void {
    this.#mostUnavailable = Math.max(this.#mostUnavailable, this.unavailable.length);
    const available = now !== undefined && isAvailable(now);
    if (before !== undefined && isAvailable(before) !== available) this.#changes.push({ at: Date.now(), node, available });
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #nextChange(timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer);
        end();
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      const end = this.onChange(done);
    });
  }
}

function isAvailable(node: NodeView): boolean {
  return node.ready && !node.cordoned;
}

function say(kind: string, o: { name: string; status: { conditions?: Condition[] } | undefined }): string {
  return `  ${kind} ${o.name}: ${readiness(o.status).message}`;
}
