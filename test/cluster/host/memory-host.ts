/** The fake host without processes or files, for agents by the thousand in one process. The state machine is the same. */
import { randomUUID } from 'node:crypto';
import { digestOf } from '../../../controller/agent/target.ts';
import { parseBootcStatus } from '../../../controller/agent/bootc-status.ts';
import type { BootcStatus } from '../../../controller/agent/bootc-status.ts';
import type { BootFacts, Host, HostFeatures, Operation, Outcome, Request } from '../../../controller/agent/host.ts';
import type { SignaturePolicy } from '../../../controller/agent/signature-policy.ts';
import { boot, deploymentOf, sameReference, setLock, specification, stage } from './deployments.ts';
import type { BootOutcome, PulledImage } from './deployments.ts';
import type { BootcVersion, HostState, ImageReference } from './state.ts';
import { statusDocument } from './status-document.ts';

export interface MemoryHostOptions {
  version?: BootcVersion;
  lockFinalization?: boolean;
  booted: { image: string; digest: string };
  /** What a pull finds; throws an Error with bootc's words. Default: the digest in the reference. */
  pull?: (image: string) => Promise<PulledImage> | PulledImage;
  /** Does what the boot scripts' live verb does. */
  live?: () => Promise<Outcome>;
  /** Called before each thing that the agent has done on the host; what it throws, the agent gets. */
  before?: (effect: string) => void;
}

const success: Outcome = { code: 0, stdout: '', stderr: '' };

export class MemoryHost implements Host {
  state: HostState;
  bootID: string = randomUUID();
  /** `systemctl reboot` was run in this boot. */
  rebootRequested = false;
  /** Every reboot that was asked for, as the digest that was staged then. */
  readonly reboots: string[] = [];
  finalizeFailed: string | undefined;
  /** Called when the host is told to reboot. */
  onReboot: (() => void) | undefined;
  readonly #o: MemoryHostOptions;
  #unread: Operation | undefined;

  constructor(options: MemoryHostOptions) {
    this.#o = options;
    const { image, digest } = options.booted;
    this.state = {
      version: options.version ?? 'next',
      architecture: 'amd64',
      booted: deploymentOf({ image, transport: 'registry' }, { digest, version: null, timestamp: null }, 0),
      staged: null,
      rollback: null,
      rollbackQueued: false,
      usrOverlay: false,
      readOnly: false,
      boots: 1,
    };
  }

  async boot(): Promise<BootFacts> {
    return { bootID: this.bootID, imageBooted: true };
  }

  async features(): Promise<HostFeatures> {
    return {
      bootcVersion: this.state.version,
      switchDownloadOnly: this.state.version === 'next',
      upgradeDownloadOnly: true,
      lockFinalization: this.#o.lockFinalization ?? false,
    };
  }

  async status(): Promise<BootcStatus> {
    return parseBootcStatus(statusDocument(this.state));
  }

  async signaturePolicy(): Promise<SignaturePolicy> {
    return { lookups: [] };
  }

  async adopt(): Promise<Operation | undefined> {
    return this.#unread;
  }

  async start(request: Request): Promise<Operation> {
    this.#o.before?.(request.kind);
    if (this.#unread) throw new Error('an operation runs already, or its end was not read');
    const operation: Operation = {
      kind: request.kind,
      digest: request.digest,
      done: this.#perform(request).catch((error: unknown): Outcome => ({
        code: 1,
        stdout: '',
        stderr: `error: ${error instanceof Error ? error.message : String(error)}`,
      })),
      cancel: async () => undefined,
      forget: async () => {
        this.#unread = undefined;
      },
    };
    this.#unread = operation;
    return operation;
  }

  async finalizeFailure(): Promise<string | undefined> {
    return this.finalizeFailed;
  }

  async stopping(): Promise<boolean> {
    return this.rebootRequested;
  }

  async reboot(): Promise<Outcome> {
    this.#o.before?.('Reboot');
    this.reboots.push(this.state.staged?.digest ?? '');
    this.rebootRequested = true;
    this.onReboot?.();
    return success;
  }

  /** Shutdown and boot. */
  bootAgain(o: { fallsBack?: boolean; finalizeFails?: boolean; powerCut?: boolean } = {}): BootOutcome {
    const before = o.powerCut ? { ...this.state, staged: null } : this.state;
    const { state, outcome } = boot(before, { fallsBack: o.fallsBack ?? false, finalizeFails: o.finalizeFails ?? false });
    this.state = state;
    this.bootID = randomUUID();
    this.rebootRequested = false;
    this.finalizeFailed = outcome === 'FinalizeFailed' ? 'No space left on device' : undefined;
    this.#unread = undefined;
    return outcome;
  }

  async #perform(request: Request): Promise<Outcome> {
    switch (request.kind) {
      case 'Stage': {
        const reference: ImageReference = { image: request.image, transport: 'registry' };
        if (sameReference(specification(this.state), reference)) return success;
        const pull = this.#o.pull ?? (image => ({ digest: digestOf(image), version: null, timestamp: null }));
        const pulled = await pull(request.image);
        this.state = stage(this.state, reference, pulled, this.state.version === 'next');
        return success;
      }
      case 'Lock':
        if (request.method === 'ostree') this.state = setLock(this.state, true);
        return success;
      case 'Arm':
        if (!this.state.staged) throw new Error('No staged deployment found');
        this.state = setLock(this.state, false);
        return success;
      case 'Live':
        if (!this.#o.live) throw new Error('there are no scripts on this host');
        return this.#o.live();
    }
  }
}
