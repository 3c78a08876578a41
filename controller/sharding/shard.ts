/** Lets this controller act on the objects of its shard only, and hands objects over to and from others. */
import { leases } from '../api/core.ts';
import type { KubeObject } from '../api/meta.ts';
import { fieldManagers, shardHolder } from '../api/names.ts';
import type { Resource } from '../api/resource.ts';
import type { Caches } from '../kube/caches.ts';
import type { Client } from '../kube/client.ts';
import type { Reconcile } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { leaseStep, observe, type ObservedLease } from '../kube/lease.ts';
import type { Store, StoredObject } from '../kube/store.ts';
import type { Log } from '../telemetry/log.ts';
import { claimStep, holderOf, type Claimant, type ClaimStep } from './claim.ts';

/** What is kept of a source, definition, addon or pool to know whose it is. */
export interface ShardView extends StoredObject {
  matches: boolean;
  holder: string | undefined;
  begun: boolean;
}

export interface ShardOptions {
  client: Client;
  caches: Caches;
  /** The operator's namespace, where all shards have their Leases. */
  namespace: string;
  claimant: Claimant;
  /** Of --shard-selector. */
  selects: (labels: Readonly<Record<string, string>>) => boolean;
  log: Log;
}

const fieldManager = fieldManagers.shard;
/** How often a Lease or a build is looked at that an object waits for. */
const lookAgainMs = 5_000;
/** A Lease that is not there may just have been deleted: for so long its holder may not know it, as long as a Lease lasts. */
const believedMs = 15_000;

export class Shard {
  readonly #o: ShardOptions;
  readonly #leases = new Map<string, ObservedLease>();

  constructor(options: ShardOptions) {
    this.#o = options;
  }

  /** The objects of one kind. To be called before the caches start. */
  roots<T extends KubeObject & { status?: object }>(resource: Resource<T>): ShardRoots {
    const store = this.#o.caches.add<T, ShardView>(resource, object => this.#project(object));
    return new ShardRoots(resource, store, this.#o.claimant, this);
  }

  #project({ metadata, status }: KubeObject & { status?: object }): ShardView {
    return {
      name: metadata.name,
      uid: metadata.uid ?? '',
      resourceVersion: metadata.resourceVersion ?? '',
      matches: this.#o.selects(metadata.labels ?? {}),
      holder: metadata.annotations?.[shardHolder],
      begun: status !== undefined,
    };
  }

  /** Writes who acts on an object from now on, if it still is as it was seen. Returns whether it was. */
  async write(resource: Resource, { name, resourceVersion }: ShardView, holder: string): Promise<boolean> {
    // Who has no selector says nothing, so that a cluster with one controller has no such annotations.
    const value = holder === this.#o.claimant.unsharded ? null : holder;
    const metadata = { resourceVersion, annotations: { [shardHolder]: value } };
    try {
      await this.#o.client.mergePatch(resource, name, { metadata }, { fieldManager });
      return true;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  /** Resolves when the caches have what the one before has written. */
  refresh(): Promise<void> {
    return this.#o.caches.refresh();
  }

  /** Says that an object waits, and for whom. */
  sayWaits({ kind }: Resource, name: string, lease: string): void {
    const words = 'is of this shard, but another controller acts on it: waiting until that lets go, or holds its Lease no longer';
    this.#o.log.warn({ object: `${kind}/${name}`, lease }, words);
  }

  /** Whether nobody holds that controller's Lease, and so nobody acts in its name. */
  async isGone(holder: string): Promise<boolean> {
    const { client, namespace, claimant } = this.#o;
    const now = performance.now();
    const lease = await client.get(leases, holder, namespace).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const observed = observe(this.#leases.get(holder) ?? { lease: undefined, seenAt: now, believedMs }, lease, now);
    this.#leases.set(holder, observed);
    return leaseStep(observed, claimant.own, now) !== 'wait';
  }
}

/** The sources, the definitions, the addons or the pools. */
export class ShardRoots {
  readonly #resource: Resource;
  readonly #store: Store<ShardView>;
  readonly #claimant: Claimant;
  readonly #shard: Shard;
  /** Passes under way, of the object and of all that comes from it. */
  readonly #busy = new Map<string, number>();
  /** Taken just now, and not to be acted on before the caches know what the one before did. */
  readonly #fresh = new Set<string>();
  /** What waits for another controller, with that one: it is said once. */
  readonly #waits = new Map<string, { holder: string; said: boolean }>();
  readonly #wakers = new Set<(key: string) => void>();
  /** Whether an object that is gone was ours. */
  readonly #wasOurs = new Map<string, boolean>();

  constructor(resource: Resource, store: Store<ShardView>, claimant: Claimant, shard: Shard) {
    this.#resource = resource;
    this.#store = store;
    this.#claimant = claimant;
    this.#shard = shard;
    store.onChange((key, now, before) => {
      const last = now ?? before;
      if (last) this.#wasOurs.set(key, holderOf(last, claimant) === claimant.own && last.matches);
      if (!this.#isWaiting(now)) this.#waits.delete(key);
      if (now?.matches !== before?.matches || now?.holder !== before?.holder) for (const wake of this.#wakers) wake(key);
    });
  }

  /** Wakes whoever works on an object when it becomes, or no longer is, ours. */
  onChange(wake: (key: string) => void): void {
    this.#wakers.add(wake);
  }

  /** Whether this controller begins anything for the object. One that is gone, and never was seen, is the business of the one without a selector. */
  isOurs(key: string): boolean {
    const view = this.#store.get(key);
    if (!view) return this.#wasOurs.get(key) ?? this.#claimant.own === this.#claimant.unsharded;
    return this.#step(view, false) === 'Act' && !this.#fresh.has(view.uid);
  }

  /** Whether this controller may end what it has begun for the object. */
  isOursToFinish(key: string): boolean {
    const view = this.#store.get(key);
    return this.isOurs(key) || (view !== undefined && this.#step(view, true) === 'Finish');
  }

  /** The reconciler of the objects themselves. `atWork` says whether something of one is at work that is not to be handed over. */
  guard(reconcile: Reconcile, atWork: (key: string) => boolean = () => false): Reconcile {
    return async (key, context) => {
      if (this.isOurs(key)) return this.counted(key, () => reconcile(key, context));
      const view = this.#store.get(key);
      if (!view) return;
      return this.#hand(view, atWork(key) || this.#busy.has(key));
    };
  }

  /** Runs a pass on something that comes from the object. */
  async counted<T>(key: string, pass: () => Promise<T>): Promise<T> {
    this.#busy.set(key, (this.#busy.get(key) ?? 0) + 1);
    try {
      return await pass();
    } finally {
      const left = (this.#busy.get(key) ?? 1) - 1;
      if (left > 0) this.#busy.set(key, left);
      else this.#busy.delete(key);
    }
  }

  #step(view: ShardView, atWork: boolean): ClaimStep {
    return claimStep({ ...view, atWork }, this.#claimant);
  }

  async #hand(view: ShardView, atWork: boolean): Promise<{ requeueAfterMs?: number } | void> {
    const { own } = this.#claimant;
    switch (this.#step(view, atWork)) {
      case 'Release':
        await this.#shard.write(this.#resource, view, '');
        return;
      case 'Finish':
        return { requeueAfterMs: lookAgainMs };
      case 'Wait':
        return this.#wait(view);
      case 'Take':
        return this.#take(view, own);
      case 'Act':
      case 'Leave':
        return;
    }
  }

  #isWaiting(view: ShardView | undefined): boolean {
    return view !== undefined && this.#step(view, false) === 'Wait';
  }

  async #wait(view: ShardView): Promise<{ requeueAfterMs?: number } | void> {
    const { name } = view;
    const holder = holderOf(view, this.#claimant);
    if (await this.#shard.isGone(holder)) return this.#take(view, this.#claimant.own);
    if (!this.#isWaiting(this.#store.get(name))) return { requeueAfterMs: lookAgainMs };
    // Who has it usually lets go at once, and is still there at the next look only when something keeps it.
    const waits = this.#waits.get(name);
    const said = waits?.holder === holder;
    if (said && !waits.said) this.#shard.sayWaits(this.#resource, name, holder);
    this.#waits.set(name, { holder, said });
    return { requeueAfterMs: lookAgainMs };
  }

  async #take(view: ShardView, own: string): Promise<void> {
    this.#waits.delete(view.name);
    this.#fresh.add(view.uid);
    try {
      // What the one before has written may be missing here, and would be done again.
      if (await this.#shard.write(this.#resource, view, own)) await this.#shard.refresh();
    } finally {
      this.#fresh.delete(view.uid);
    }
    for (const wake of this.#wakers) wake(view.name);
  }
}
