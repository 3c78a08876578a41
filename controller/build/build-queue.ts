import type { Store } from '../kube/store.ts';
import type { BuildView } from './projection.ts';
import { turns, whyQueued } from './slots.ts';
import type { Limits, Turn } from './slots.ts';

/**
 * Who holds a slot and who waits for one. The API has it all: a build whose phase is Building and that has Jobs holds one, also after a restart.
 * What is remembered here goes only a moment further than the cache: slots given just now, and builds that this process works on itself.
 */
export class BuildQueue {
  readonly #store: Store<BuildView>;
  readonly #limits: Limits;
  readonly #granted = new Map<string, Turn>();
  readonly #waiting = new Map<string, Turn>();

  constructor(store: Store<BuildView>, limits: Limits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Takes a slot, or gets in line; says why when there is none. `since` is now, RFC 3339. */
  enter(turn: Turn, holdsAlready: boolean, since: string): { entered: true } | { entered: false; why: string } {
    const holders = this.#holders();
    if (!holdsAlready && !holders.has(turn.name)) {
      this.#waiting.set(turn.name, turn);
      const others = [...holders.values()];
      if (!turns(others, [...this.#waiting.values()], this.#limits).includes(turn.name)) {
        return { entered: false, why: whyQueued(turn, others, this.#limits, since) };
      }
    }
    this.#waiting.delete(turn.name);
    this.#granted.set(turn.name, turn);
    return { entered: true };
  }

  /** Gives the slot back, and the place in line. */
  leave(name: string): void {
    this.#granted.delete(name);
    this.#waiting.delete(name);
  }

  /** Those in line that may enter now. */
  next(): string[] {
    return this.#waiting.size === 0 ? [] : turns([...this.#holders().values()], [...this.#waiting.values()], this.#limits);
  }

  #holders(): Map<string, Turn> {
    const holders = new Map(this.#granted);
    for (const view of this.#store.byIndex('atWork', 'yes')) if (!holders.has(view.name)) holders.set(view.name, turnOf(view));
    return holders;
  }
}

export function turnOf({ name, definition, created }: BuildView): Turn {
  return { name, definition, created };
}
