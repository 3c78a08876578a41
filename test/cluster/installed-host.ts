/**
 * The host of a real node: its agent is the DaemonSet's pod, which enters the namespaces of the node's first process as on any machine, and
 * finds a fake bootc and a fake systemd there. When the host is told to reboot, the real node is taken through it.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../controller/telemetry/log.ts';
import { createFakeHost, installHost, rebootHost, rebootRequested, type Boot, type FakeHost } from './host/fake-host.ts';
import { hostPaths } from './host/state.ts';
import type { RealNode } from './real-node/real-node.ts';

/** How often the machine looks whether it was told to reboot. */
const lookEveryMs = 100;

export class InstalledHost {
  readonly host: FakeHost;
  /** What came of each boot. */
  readonly boots: Boot[] = [];
  /** OCI name. */
  readonly architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  readonly #log: Log;
  #stopped = false;
  #machine: Promise<void> | undefined;

  constructor(o: { directory: string; log: Log }) {
    this.host = createFakeHost({ directory: o.directory, architecture: this.architecture });
    this.#log = o.log;
  }

  /** From now on it is what was installed from that image: reference, and digest of the platform's manifest. */
  installFrom(image: { image: string; digest: string }): void {
    installHost(this.host.directory, image);
  }

  /** A path: the host's boot ID, for the kubelet. */
  get bootIDFile(): string {
    return hostPaths(this.host.directory).bootID;
  }

  get bootID(): string {
    return readFileSync(this.bootIDFile, 'utf8').trim();
  }

  /** Flags of the agent with which it drives this host instead of the machine that the node runs on. */
  get agentFlags(): string[] {
    return [`--host-root=/proc/1/root${this.host.root}`, `--host-path=${this.host.path}`];
  }

  /** Begins to obey `systemctl reboot`. */
  start(node: RealNode): void {
    this.#machine = this.#watch(node);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#machine;
  }

  async #watch(node: RealNode): Promise<void> {
    while (!this.#stopped) {
      try {
        if (rebootRequested(this.host.directory)) await node.reboot(() => this.boots.push(rebootHost(this.host.directory)));
      } catch (error) {
        this.#log.warn({ error, node: node.name }, 'the real node failed to reboot, and tries again');
      }
      await sleep(lookEveryMs);
    }
  }
}
