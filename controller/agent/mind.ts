/** What one life of the agent knows: the memory on disk, and what it may forget when it ends. */
import type { NodeTargetStatus } from '../api/node-target.ts';
import type { Facts, StageTrouble } from './decide.ts';
import type { Operation, Request } from './host.ts';
import { recall } from './memory.ts';
import type { Memory, Order } from './memory.ts';
import type { MemoryStore } from './memory-file.ts';

export class Mind {
  readonly #store: MemoryStore;
  #memory: Memory | undefined;
  /** The operation whose end was not acted on yet; without a request it is an earlier life's. */
  operation: { running: Operation; request?: Request; stagedBefore?: string } | undefined;
  stageTrouble: StageTrouble | undefined;
  /** Keyed by approval: another go-ahead begins anew. */
  bootTrouble: (NonNullable<Facts['bootTrouble']> & { approval: string; count: number }) | undefined;
  lockTried: Facts['lockTried'] = { deployment: '', methods: [] };

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  /** The memory; read once, and filled from what an earlier life reported when it is empty. Rejects when it cannot be read. */
  async memory(reported: NodeTargetStatus | undefined, order?: Order): Promise<Memory> {
    this.#memory ??= recall(await this.#store.load(), reported, order);
    return this.#memory;
  }

  /** Keeps the memory; on disk before this resolves. */
  async remember(memory: Memory): Promise<void> {
    if (memory === this.#memory) return;
    await this.#store.save(memory);
    this.#memory = memory;
  }
}
