/** What the agent needs of a host. bootc-host.ts drives a real one; tests and measures bring their own. */
import type { BootcStatus } from './bootc-status.ts';
import type { SignaturePolicy } from './signature-policy.ts';

/** How a command on the host ended. The exit code is never taken as evidence: what happened is read back with `status`. */
export interface Outcome {
  /** Undefined when it is not known: killed, or started by an earlier life of the agent. */
  code?: number;
  stdout: string;
  stderr: string;
}

/** Facts of the running boot that cost no lock. */
export interface BootFacts {
  bootID: string;
  /** The host says that it was booted by ostree or composefs, whatever bootc prints. */
  imageBooted: boolean;
}

/** What the host's tools can do; asked of the tools, not concluded from a version. */
export interface HostFeatures {
  /** As `bootc --version` prints it; absent when there is no bootc. */
  bootcVersion?: string;
  /** The number in `systemctl --version`. */
  systemdVersion?: number;
  /** `bootc switch --download-only`: staged and locked in one step. */
  switchDownloadOnly: boolean;
  /** `bootc upgrade --download-only` and `--from-downloaded`. */
  upgradeDownloadOnly: boolean;
  /** `ostree admin lock-finalization`: locks what is staged already. */
  lockFinalization: boolean;
}

/** Addons are prepared by the agent itself, and nothing of that outlives it. */
export type OperationKind = 'Stage' | 'Lock' | 'Arm' | 'Live' | 'Addons';

/** A mutating command that runs on the host, perhaps since before the agent was started. */
export interface Operation {
  kind: OperationKind;
  /** Digest that the operation is about; of addons, the target's. */
  digest: string;
  /** Never rejects. */
  done: Promise<Outcome>;
  /** Ends it (SIGTERM, then SIGKILL); `done` settles afterwards. Pulled layers stay. */
  cancel(): Promise<void>;
  /** What has kept its end from being seen for a while; undefined when nothing has. */
  trouble?(): string | undefined;
  /** Its end was acted on: nothing of it is kept any more. */
  forget(): Promise<void>;
}

/** A way to give a staged deployment the lock it lacks. */
export type LockMethod = 'ostree' | 'bootc';

export type Request =
  | { kind: 'Stage'; image: string; digest: string }
  | { kind: 'Lock'; method: LockMethod; digest: string }
  | { kind: 'Arm'; digest: string }
  /** Changes what is merged on the running host to what is recorded; `digest` is the target's. */
  | { kind: 'Live'; digest: string };

/** A question that the host did not answer. */
export class HostError extends Error {
  /** Busy: something else holds the sysroot lock. Failed: the command failed. */
  readonly kind: 'Busy' | 'Failed';

  constructor(kind: 'Busy' | 'Failed', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HostError';
    this.kind = kind;
  }
}

export interface Host {
  boot(): Promise<BootFacts>;
  features(): Promise<HostFeatures>;
  /** Rejects with HostError; waits for the sysroot lock for some seconds only. */
  status(): Promise<BootcStatus>;
  /** What the host accepts; never rejects, but says what kept it from being read. */
  signaturePolicy(): Promise<SignaturePolicy>;
  /** An operation that an earlier life of the agent started: one that still runs, or whose end nobody has read. */
  adopt(): Promise<Operation | undefined>;
  /** Starts a command; the agent runs one at a time. */
  start(request: Request): Promise<Operation>;
  /** The text or the sign that the last shutdown could not finalize what was staged. */
  finalizeFailure(): Promise<string | undefined>;
  /** The host is going down. */
  stopping(): Promise<boolean>;
  /** Asks the host to reboot; a code of 0 means that it will. */
  reboot(): Promise<Outcome>;
}
