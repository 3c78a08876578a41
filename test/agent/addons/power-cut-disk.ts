/**
 * A directory whose power can be cut: what was not synced is lost, or there in part. Content that was not synced is whole, cut or gone; of the names
 * that were made or changed since the last sync the first so many have come to the disk, as a journal keeps their order.
 */
import type { DurableDirectory } from '../../../controller/agent/addons/durable-file.ts';

interface File {
  text: string;
  synced: boolean;
}

type Names = Map<string, File>;

export class PowerCut extends Error {}

/** What a power cut leaves of content that was not synced. */
export type Remains = 'whole' | 'half' | 'nothing';

export class PowerCutDisk implements DurableDirectory {
  #names: Names = new Map();
  /** The names as they are on the disk for sure, and after each change since. */
  #history: Names[] = [new Map()];
  #left = Infinity;
  /** Effects so far. */
  effects = 0;

  /** The power goes before the n-th effect from here. */
  cutAfter(effects: number): void {
    this.#left = effects;
  }

  /** How many states of the names may be found after a power cut now. */
  get states(): number {
    return this.#history.length;
  }

  /** The disk as it may be found after a power cut now. */
  restored(state: number, remains: Remains): PowerCutDisk {
    const found = new PowerCutDisk();
    const files = new Map<File, File>();
    for (const [name, file] of this.#history[state] ?? []) {
      const rest = files.get(file) ?? { text: file.synced ? file.text : partOf(file.text, remains), synced: true };
      files.set(file, rest);
      found.#names.set(name, rest);
    }
    found.#history = [new Map(found.#names)];
    return found;
  }

  async list(): Promise<string[]> {
    return [...this.#names.keys()];
  }

  async read(name: string): Promise<string | undefined> {
    return this.#names.get(name)?.text;
  }

  async write(name: string, text: string): Promise<void> {
    this.#effect();
    const file = this.#names.get(name);
    if (file) Object.assign(file, { text, synced: false });
    else this.#change(names => names.set(name, { text, synced: false }));
  }

  async syncFile(name: string): Promise<void> {
    this.#effect();
    this.#fileOf(name).synced = true;
  }

  async link(from: string, to: string): Promise<void> {
    this.#effect();
    if (this.#names.has(to)) throw Object.assign(new Error(`${to} is there`), { code: 'EEXIST' });
    const file = this.#fileOf(from);
    this.#change(names => names.set(to, file));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#effect();
    const file = this.#fileOf(from);
    this.#change(names => names.set(to, file).delete(from));
  }

  async remove(name: string): Promise<void> {
    this.#effect();
    this.#change(names => names.delete(name));
  }

  async sync(): Promise<void> {
    this.#effect();
    this.#history = [new Map(this.#names)];
  }

  #effect(): void {
    if (this.#left-- <= 0) throw new PowerCut();
    this.effects++;
  }

  #change(change: (names: Names) => void): void {
    this.#names = new Map(this.#names);
    change(this.#names);
    this.#history.push(this.#names);
  }

  #fileOf(name: string): File {
    const file = this.#names.get(name);
    if (!file) throw Object.assign(new Error(`${name} is not there`), { code: 'ENOENT' });
    return file;
  }
}

function partOf(text: string, remains: Remains): string {
  if (remains === 'whole') return text;
  return remains === 'half' ? text.slice(0, text.length / 2) : '';
}
