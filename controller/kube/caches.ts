/**
 * Every store of a process, kept equal to the API by one list and watch a resource. Several domains may each have a store of the same
 * resource, because each keeps only what it needs of an object.
 */
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import type { Log } from '../telemetry/log.ts';
import { Reflector } from './reflector.ts';
import { Store, type StoredObject } from './store.ts';
import type { Transport } from './transport.ts';

/** All that is kept of one object: a projection for each store of its resource. */
interface Views extends StoredObject {
  views: readonly StoredObject[];
}

/** One store as the reflector of its resource sees it. */
interface Subscriber {
  project: (object: KubeObject) => StoredObject;
  set: (view: StoredObject) => void;
  delete: (key: string) => void;
  synced: () => void;
}

/** Which objects of a resource are kept. Stores that say the same share one watch. */
export interface Selection {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
}

export class Caches {
  readonly #o: { transport: Transport; log: Log; pageSize?: number };
  readonly #resources = new Map<string, { resource: Resource; selection: Selection; subscribers: Subscriber[] }>();
  #reflectors: { plural: string; reflector: Reflector<KubeObject, Views>; subscribers: Subscriber[] }[] = [];

  constructor(options: { transport: Transport; log: Log; pageSize?: number }) {
    this.#o = options;
  }

  /** Adds a store of one resource's projections; to be called before `start`. */
  add<T extends KubeObject, P extends StoredObject>(
    resource: Resource<T>,
    project: (object: T) => P,
    indexes: Readonly<Record<string, (p: P) => readonly string[]>> = {},
    selection: Selection = {},
  ): Store<P> {
    const store = new Store<P>(indexes);
    const { namespace = '', labelSelector = '' } = selection;
    const id = `${resource.group}/${resource.version}/${resource.plural}?${namespace}&${labelSelector}`;
    const entry = this.#resources.get(id) ?? { resource, selection, subscribers: [] };
    this.#resources.set(id, entry);
    entry.subscribers.push({
      // The server answers a request for T with objects of T, and a view comes back to the store that made it.
      project: object => project(object as T),
      set: view => store.set(view as P),
      delete: key => store.delete(key),
      synced: () => {
        store.synced = true;
      },
    });
    return store;
  }

  /** Begins to list and watch. */
  start(): void {
    this.#reflectors = [...this.#resources.values()].map(({ resource, selection, subscribers }) => {
      const store = new Store<Views>();
      store.onChange((key, now) => {
        for (const [i, subscriber] of subscribers.entries()) {
          const view = now?.views[i];
          if (view) subscriber.set(view);
          else subscriber.delete(key);
        }
      });
      const project = (object: KubeObject): Views => ({ ...identityOf(object), views: subscribers.map(s => s.project(object)) });
      const reflector = new Reflector<KubeObject, Views>({ ...this.#o, ...selection, resource, project, store });
      reflector.start();
      return { plural: resource.plural, reflector, subscribers };
    });
  }

  /** Resolves when every store holds a complete list; rejects when stopped before. */
  async synced(): Promise<void> {
    await Promise.all(
      this.#reflectors.map(async ({ reflector, subscribers }) => {
        await reflector.synced();
        for (const subscriber of subscribers) subscriber.synced();
      }),
    );
  }

  /** Resolves when every store holds what the API server had after this call; rejects when stopped before. To be called after `start`. */
  async refresh(): Promise<void> {
    await Promise.all(this.#reflectors.map(({ reflector }) => reflector.refresh()));
  }

  /** Ends all watches; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map(({ reflector }) => reflector.stop()));
  }

  /** For /healthz: the first resource that could not be listed or watched for longer than `patienceMs`. `now` is epoch ms. */
  problem(now: number, patienceMs: number): string | undefined {
    const failing = this.#reflectors.find(
      ({ reflector: r }) => r.failingSince !== undefined && now - r.failingSince > patienceMs,
    );
    return failing && `${failing.plural} could not be listed or watched for more than ${patienceMs / 1000} s`;
  }
}

function identityOf({ metadata }: KubeObject): StoredObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { name, uid: uid ?? '', resourceVersion: resourceVersion ?? '', ...(namespace === undefined ? {} : { namespace }) };
}
