/** What a controller remembers of one resource: projections by key, with indexes. An event that changes no projection wakes nobody. */
import { isDeepStrictEqual } from 'node:util';

/** What every projection has. */
export interface StoredObject {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
}

export type ChangeHandler<P> = (key: string, now: P | undefined, before: P | undefined) => void;

/** The key of an object: `name`, or `namespace/name`. */
export function keyOf(object: { name: string; namespace?: string }): string {
  return object.namespace === undefined ? object.name : `${object.namespace}/${object.name}`;
}

export class Store<P extends StoredObject> {
  /** True from the first complete list on. */
  synced = false;
  readonly #objects = new Map<string, P>();
  readonly #indexes: Map<string, { values: (p: P) => readonly string[]; keys: Map<string, Set<string>> }>;
  readonly #handlers = new Set<ChangeHandler<P>>();

  /** `indexes` name functions from a projection to the values it is found by. */
  constructor(indexes: Readonly<Record<string, (p: P) => readonly string[]>> = {}) {
    this.#indexes = new Map(Object.entries(indexes).map(([name, values]) => [name, { values, keys: new Map() }]));
  }

  get(key: string): P | undefined {
    return this.#objects.get(key);
  }

  list(): P[] {
    return [...this.#objects.values()];
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  /** The objects for which the index has that value. Throws when there is no such index. */
  byIndex(index: string, value: string): P[] {
    const found = this.#indexes.get(index);
    if (!found) throw new Error(`the store has no index "${index}"`);
    return [...(found.keys.get(value) ?? [])].flatMap(key => this.#objects.get(key) ?? []);
  }

  /**
   * Calls `handler` after each change, with the projection before and after; not when only the resourceVersion is another. An object
   * that was deleted and made anew under the same name is two changes. Returns the function that ends it.
   */
  onChange(handler: ChangeHandler<P>): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Adds or replaces one object. Throws AggregateError when handlers threw; the store is right all the same. */
  set(object: P): void {
    const errors: unknown[] = [];
    this.#set(object, errors);
    throwAll(errors);
  }

  /** Removes one object; nothing happens when it is not there. Throws as `set`. */
  delete(key: string): void {
    const errors: unknown[] = [];
    this.#delete(key, errors);
    throwAll(errors);
  }

  /** Makes the store hold exactly these objects, and of what it had also those whose uid is in `keep`. Throws as `set`. */
  replace(objects: readonly P[], keep: ReadonlySet<string> = new Set()): void {
    const errors: unknown[] = [];
    const wanted = new Set(objects.map(keyOf));
    for (const [key, { uid }] of this.#objects) if (!wanted.has(key) && !keep.has(uid)) this.#delete(key, errors);
    for (const object of objects) this.#set(object, errors);
    throwAll(errors);
  }

  #set(object: P, errors: unknown[]): void {
    const key = keyOf(object);
    let before = this.#objects.get(key);
    if (before && before.uid !== object.uid) {
      this.#delete(key, errors);
      before = undefined;
    }
    this.#objects.set(key, object);
    if (before && isDeepStrictEqual({ ...before, resourceVersion: '' }, { ...object, resourceVersion: '' })) return;
    this.#index(key, before, object);
    this.#notify(key, object, before, errors);
  }

  #delete(key: string, errors: unknown[]): void {
    const before = this.#objects.get(key);
    if (!before) return;
    this.#objects.delete(key);
    this.#index(key, before, undefined);
    this.#notify(key, undefined, before, errors);
  }

  #index(key: string, before: P | undefined, now: P | undefined): void {
    for (const { values, keys } of this.#indexes.values()) {
      for (const value of before ? values(before) : []) {
        const set = keys.get(value);
        set?.delete(key);
        if (set?.size === 0) keys.delete(value);
      }
      for (const value of now ? values(now) : []) {
        const set = keys.get(value);
        if (set) set.add(key);
        else keys.set(value, new Set([key]));
      }
    }
  }

  #notify(key: string, now: P | undefined, before: P | undefined, errors: unknown[]): void {
    for (const handler of this.#handlers) {
      try {
        handler(key, now, before);
      } catch (error) {
        errors.push(error);
      }
    }
  }
}

function throwAll(errors: readonly unknown[]): void {
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} handlers of a change threw`);
}
