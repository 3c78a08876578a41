/** What one life of the agent knows: the memory on disk, and what it may forget when it ends. */
import { messageOf } from '../api/errors.ts';
import type { NodeTargetStatus } from '../api/node-target.ts';
import type { Preparation } from './addons/addon-host.ts';
import type { AddonRecord } from './addons/record.ts';
import type { AddonTrouble } from './addons/trouble.ts';
import type { Facts, StageTrouble } from './decide.ts';
import type { Operation, Request } from './host.ts';
import { recall } from './memory.ts';
import type { Memory, Order } from './memory.ts';
import type { MemoryStore } from './memory-file.ts';

/** What must be known later could not be kept, so what depends on it was not done. */
export class MemoryWriteError extends Error {}

/** What an earlier life kept cannot be read. */
export class MemoryReadError extends Error {}

/** Addons on their way, and the record that they are for. */
export interface Preparing {
  running: Preparation;
  record: AddonRecord;
  /** The deployment of the record is what runs. */
  runs: boolean;
  /** The record is to wait for its image, which is not staged yet. */
  ahead: boolean;
}

export class Mind {
  readonly #store: MemoryStore;
  #memory: Memory | undefined;
  /** The operation whose end was not acted on yet; without a request it is an earlier life's. */
  operation:
    { running: Operation; request?: Request; preparing?: Preparing; stagedBefore?: string; startedAt?: number } | undefined;
  stageTrouble: StageTrouble | undefined;
  addonTrouble: AddonTrouble | undefined;
  /** Since when the seal of this boot is missed, epoch ms. */
  sealMissingSince: number | undefined;
  /** Keyed by approval: another go-ahead begins anew. */
  bootTrouble: (NonNullable<Facts['bootTrouble']> & { approval: string; count: number }) | undefined;
  lockTried: Facts['lockTried'] = { deployment: '', methods: [] };

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  /** The memory; read once, and filled from what an earlier life reported when it is empty. Throws MemoryReadError. */
  async memory(reported: NodeTargetStatus | undefined, order?: Order): Promise<Memory> {
    this.#memory ??= recall(await this.#load(), reported, order);
    return this.#memory;
  }

  async #load(): Promise<Memory> {
    try {
      return await this.#store.load();
    } catch (error) {
      throw new MemoryReadError(messageOf(error), { cause: error });
    }
  }

  /** Keeps the memory, where it is new; on disk before this resolves. Throws MemoryWriteError. */
  async remember(memory: Memory): Promise<void> {
    if (memory !== this.#memory) await this.keep(memory);
  }

  /** Keeps the memory, and writes it even where it is known: whether the disk takes it can be found out only so. Throws MemoryWriteError. */
  async keep(memory: Memory): Promise<void> {
    try {
      await this.#store.save(memory);
    } catch (error) {
      throw new MemoryWriteError(messageOf(error), { cause: error });
    }
    this.#memory = memory;
  }
}
