/**
 * A store with one's own writes in it. The watch brings a write back a moment later; until then what the server answered is shown, so
 * that no plan is made from the time before it: a slot is never given twice because the cache lags, however long it does.
 */
import { compareResourceVersions } from '../kube/expectations.ts';
import type { Store, StoredObject } from '../kube/store.ts';

/** An object that was created and is still not in the store after this time was deleted by somebody in between. */
const unseenMs = 30_000;

export class Written<P extends StoredObject> {
  readonly #store: Store<P>;
  readonly #now: () => number;
  readonly #writes = new Map<string, { view: P; unseenUntil: number | undefined }>();
  /** uid of what was deleted, by name. */
  readonly #deleted = new Map<string, string>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(store: Store<P>, now: () => number = () => performance.now()) {
    this.#store = store;
    this.#now = now;
  }

  get synced(): boolean {
    return this.#store.synced;
  }

  /** Notes what a write, or a live read, answered. */
  wrote(view: P): void {
    const known = this.#store.get(view.name)?.uid === view.uid;
    this.#writes.set(view.name, { view, unseenUntil: known ? undefined : this.#now() + unseenMs });
  }

  /** Notes that an object was deleted. */
  removed(view: P): void {
    this.#writes.delete(view.name);
    this.#deleted.set(view.name, view.uid);
  }

  get(name: string): P | undefined {
    return this.#newest(name, this.#store.get(name));
  }

  list(): P[] {
    if (this.#writes.size === 0 && this.#deleted.size === 0) return this.#store.list();
    const names = new Set([...this.#store.keys(), ...this.#writes.keys()]);
    return [...names].flatMap(name => this.get(name) ?? []);
  }

  #newest(name: string, stored: P | undefined): P | undefined {
    if (stored && this.#deleted.get(name) === stored.uid) return this.#writes.get(name)?.view;
    this.#deleted.delete(name);
    const write = this.#writes.get(name);
    if (!write) return stored;
    if (this.#isOver(write, stored)) {
      this.#writes.delete(name);
      return stored;
    }
    return write.view;
  }

  #isOver({ view, unseenUntil }: { view: P; unseenUntil: number | undefined }, stored: P | undefined): boolean {
    if (!stored) return unseenUntil === undefined || this.#now() > unseenUntil;
    return compareResourceVersions(stored.resourceVersion, view.resourceVersion) >= 0;
  }
}
