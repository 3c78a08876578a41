/** A host in memory, for agents by the hundred in one process: stages, locks, arms and reboots as bootc does, and takes some time for each. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BootcStatus, BootEntry } from '../../controller/agent/bootc-status.ts';
import type { MemoryStore } from '../../controller/agent/memory-file.ts';
import { emptyMemory, type Memory } from '../../controller/agent/memory.ts';
import type { BootFacts, Host, HostFeatures, Operation, Outcome, Request } from '../../controller/agent/host.ts';
import type { SignaturePolicy } from '../../controller/agent/signature-policy.ts';

export interface MemoryHostOptions {
  /** repository@digest of what it was installed from. */
  image: string;
  /** How long a pull takes. */
  pullMs: number;
  /** Called when the host was told to reboot. */
  onReboot: () => void;
}

const done: Outcome = { code: 0, stdout: '', stderr: '' };

export class MemoryHost implements Host {
  readonly #o: MemoryHostOptions;
  #bootID: string = randomUUID();
  #booted: BootEntry;
  #staged: BootEntry | undefined;
  #rollback: BootEntry | undefined;
  #stopping = false;

  constructor(options: MemoryHostOptions) {
    this.#o = options;
    this.#booted = entryOf(options.image, false);
  }

  get bootID(): string {
    return this.#bootID;
  }

  boot(): Promise<BootFacts> {
    return Promise.resolve({ bootID: this.#bootID, imageBooted: true });
  }

  features(): Promise<HostFeatures> {
    return Promise.resolve({
      bootcVersion: '1.17.0',
      switchDownloadOnly: true,
      upgradeDownloadOnly: true,
      lockFinalization: false,
    });
  }

  signaturePolicy(): Promise<SignaturePolicy> {
    return Promise.resolve({ lookups: [] });
  }

  status(): Promise<BootcStatus> {
    return Promise.resolve({
      ...(this.#booted.reference ? { followed: this.#staged?.reference ?? this.#booted.reference } : {}),
      booted: this.#booted,
      ...(this.#staged ? { staged: this.#staged } : {}),
      ...(this.#rollback ? { rollback: this.#rollback } : {}),
      others: [],
      rollbackQueued: false,
      usrOverlay: false,
      readOnly: false,
    });
  }

  adopt(): Promise<Operation | undefined> {
    return Promise.resolve(undefined);
  }

  start(request: Request): Promise<Operation> {
    const operation: Operation = {
      kind: request.kind,
      digest: request.digest,
      done: this.#carryOut(request),
      cancel: () => Promise.resolve(),
      forget: () => Promise.resolve(),
    };
    return Promise.resolve(operation);
  }

  finalizeFailure(): Promise<string | undefined> {
    return Promise.resolve(undefined);
  }

  stopping(): Promise<boolean> {
    return Promise.resolve(this.#stopping);
  }

  reboot(): Promise<Outcome> {
    this.#stopping = true;
    this.#o.onReboot();
    return Promise.resolve(done);
  }

  /** The machine boots: what is staged and armed applies. */
  bootAgain(): void {
    if (this.#staged && !this.#staged.locked) {
      this.#rollback = this.#booted;
      this.#booted = this.#staged;
    }
    this.#staged = undefined;
    this.#stopping = false;
    this.#bootID = randomUUID();
  }

  async #carryOut(request: Request): Promise<Outcome> {
    if (request.kind === 'Stage') {
      await sleep(this.#o.pullMs);
      this.#staged = entryOf(request.image, true);
    } else if (this.#staged) {
      this.#staged = { ...this.#staged, locked: request.kind === 'Lock' };
    }
    return done;
  }
}

/** The image's digest counts as the platform's too. */
function entryOf(image: string, locked: boolean): BootEntry {
  return {
    reference: { image, transport: 'registry' },
    digest: image.slice(image.indexOf('@') + 1),
    deployment: randomBytes(32).toString('hex'),
    locked,
    incompatible: false,
    pinned: false,
    softRebootCapable: false,
  };
}

/** What an agent remembers, kept as text as it would be on a disk. */
export function memoryStore(): MemoryStore {
  let text: string | undefined;
  return {
    load: () => Promise.resolve(text === undefined ? emptyMemory() : (JSON.parse(text) as Memory)),
    save: memory => {
      text = JSON.stringify(memory);
      return Promise.resolve();
    },
  };
}
