/** A real host: bootc and systemctl, in the host's own namespaces. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../api/errors.ts';
import { commandFor } from './bootc-command.ts';
import { parseBootcStatus } from './bootc-status.ts';
import type { BootcStatus } from './bootc-status.ts';
import { CommandTimeoutError, runCommand } from './host-command.ts';
import type { CommandOptions } from './host-command.ts';
import { wordsOf } from './host-failure.ts';
import { HostError } from './host.ts';
import type { BootFacts, Host, HostFeatures, Operation, Outcome, Request } from './host.ts';
import { needsKeyLists } from './node-enforcement.ts';
import { enforcesSignatures, readSignaturePolicy } from './signature-policy.ts';
import type { SignaturePolicy } from './signature-policy.ts';
import { findUnit, startUnit } from './transient-unit.ts';
import type { UnitOptions } from './transient-unit.ts';

export interface BootcHostOptions extends CommandOptions {
  /** Where the host's file system is seen. */
  root: string;
  /** How long `bootc status` may wait for the sysroot lock, ms (default 10 s). */
  statusTimeoutMs?: number;
  /** How long a pull may take before the service manager ends it, seconds (default 2 h). */
  operationMaxSeconds?: number;
  /** How often a unit of an earlier life is looked at, ms (default 1 s). */
  pollMs?: number;
}

const queryMs = 30_000;

export function createBootcHost(options: BootcHostOptions): Host {
  return new BootcHost(options);
}

class BootcHost implements Host {
  readonly #o: BootcHostOptions;
  readonly #units: UnitOptions;
  #features: Promise<HostFeatures> | undefined;
  #bootedSignature: string | undefined;
  #skopeoVersion: Promise<string | undefined> | undefined;

  constructor(options: BootcHostOptions) {
    this.#o = options;
    this.#units = {
      run: (command, timeoutMs) => this.#run(command, timeoutMs),
      root: options.root,
      path: options.path,
      maxSeconds: options.operationMaxSeconds ?? 7200,
      pollMs: options.pollMs ?? 1000,
    };
  }

  async boot(): Promise<BootFacts> {
    const bootID = (await readFile(join(this.#o.root, 'proc/sys/kernel/random/boot_id'), 'utf8')).trim();
    return { bootID, imageBooted: (await this.#exists('run/ostree-booted')) || (await this.#bootedWithComposefs()) };
  }

  /** Asked once: the tools change only with the boot, and the agent starts anew then. */
  features(): Promise<HostFeatures> {
    this.#features ??= this.#detect().catch((error: unknown) => {
      this.#features = undefined;
      throw error;
    });
    return this.#features;
  }

  async status(): Promise<BootcStatus> {
    const status = parsed(await this.#statusOutput());
    this.#bootedSignature = status.booted?.reference?.signature;
    return status;
  }

  async signaturePolicy(): Promise<SignaturePolicy> {
    try {
      const policy = await readSignaturePolicy(this.#o.root);
      const version = needsKeyLists(policy.policy?.text ?? '') ? await this.#askSkopeo() : undefined;
      return version === undefined ? policy : { ...policy, skopeoVersion: version };
    } catch (error) {
      return { lookups: [], trouble: messageOf(error) };
    }
  }

  adopt(): Promise<Operation | undefined> {
    return findUnit(this.#units);
  }

  async start(request: Request): Promise<Operation> {
    const enforce = request.kind === 'Stage' && (await this.#enforcesSignatures());
    return startUnit(request, commandFor(request, await this.features(), enforce), this.#units);
  }

  async #enforcesSignatures(): Promise<boolean> {
    try {
      return enforcesSignatures(await readSignaturePolicy(this.#o.root), this.#bootedSignature);
    } catch (error) {
      throw new HostError('Failed', `what the host accepts cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  /** The stamp, or the unit that found it: ostree-boot-complete.service takes the stamp away and then fails. */
  async finalizeFailure(): Promise<string | undefined> {
    try {
      return await readFile(join(this.#o.root, 'boot/ostree/finalize-failure.stamp'), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const { stdout } = await this.#run(['systemctl', 'is-failed', 'ostree-boot-complete.service'], queryMs);
    if (stdout.trim() !== 'failed') return undefined;
    return 'ostree-boot-complete.service failed (journalctl -b -1 -u ostree-finalize-staged.service on the node says why)';
  }

  async stopping(): Promise<boolean> {
    const { stdout } = await this.#run(['systemctl', 'is-system-running'], queryMs);
    return stdout.trim() === 'stopping';
  }

  reboot(): Promise<Outcome> {
    return this.#run(['systemctl', 'reboot'], queryMs);
  }

  async #statusOutput(): Promise<string> {
    let outcome: Outcome;
    try {
      outcome = await this.#run(['bootc', 'status', '--json', '--format-version=1'], this.#o.statusTimeoutMs ?? 10_000);
    } catch (error) {
      if (error instanceof CommandTimeoutError) {
        throw new HostError('Busy', `${error.message}: something else holds the lock of the deployments`, { cause: error });
      }
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new HostError('Failed', noProgram(error), { cause: error });
      throw error;
    }
    if (outcome.code !== 0) throw new HostError('Failed', `bootc status: ${wordsOf(outcome)}`);
    return outcome.stdout;
  }

  async #detect(): Promise<HostFeatures> {
    const [version, systemd, switchHelp, upgradeHelp, lockHelp] = await Promise.all([
      this.#ask(['bootc', '--version']),
      this.#ask(['systemctl', '--version']),
      this.#ask(['bootc', 'switch', '--help']),
      this.#ask(['bootc', 'upgrade', '--help']),
      this.#ask(['ostree', 'admin', 'lock-finalization', '--help']),
    ]);
    const bootcVersion = version?.trim().replace(/^bootc /, '');
    const [, systemdVersion] = /^systemd (\d{1,5})\b/.exec(systemd ?? '') ?? [];
    return {
      ...(bootcVersion ? { bootcVersion: bootcVersion.slice(0, 64) } : {}),
      ...(systemdVersion === undefined ? {} : { systemdVersion: Number(systemdVersion) }),
      switchDownloadOnly: switchHelp?.includes('--download-only') ?? false,
      upgradeDownloadOnly: upgradeHelp?.includes('--download-only') ?? false,
      lockFinalization: lockHelp?.includes('--unlock') ?? false,
    };
  }

  /** Asked once, as features are. */
  #askSkopeo(): Promise<string | undefined> {
    this.#skopeoVersion ??= this.#ask(['skopeo', '--version']).then(
      text => /\d+\.\d+\S*/.exec(text ?? '')?.[0]?.slice(0, 64),
      (error: unknown) => {
        this.#skopeoVersion = undefined;
        throw error;
      },
    );
    return this.#skopeoVersion;
  }

  /** What a command prints; undefined when there is no such program or verb. */
  async #ask(command: readonly string[]): Promise<string | undefined> {
    try {
      const outcome = await this.#run(command, queryMs);
      // Taken for an answer, it would have hosts stage without the lock that they can set.
      if (outcome.code === undefined) throw new HostError('Failed', `${command.join(' ')}: ${wordsOf(outcome)}`);
      return outcome.code === 0 ? outcome.stdout : undefined;
    } catch (error) {
      // nsenter reports a missing program by its exit code, spawn by this.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #run(command: readonly string[], timeoutMs?: number): Promise<Outcome> {
    return runCommand(command, timeoutMs, this.#o);
  }

  async #bootedWithComposefs(): Promise<boolean> {
    try {
      return /(^|\s)(composefs|ostree)=/.test(await readFile(join(this.#o.root, 'proc/cmdline'), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await access(join(this.#o.root, path));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }
}

function parsed(text: string): BootcStatus {
  try {
    return parseBootcStatus(text);
  } catch (error) {
    throw new HostError('Failed', messageOf(error), { cause: error });
  }
}

function noProgram(error: unknown): string {
  return `bootc cannot be run: ${messageOf(error)}`;
}
