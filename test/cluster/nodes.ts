/** Simulated nodes: a fake host, a kubelet that speaks for it, and the real agent as a process of its own, with a token that is bound to the node. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../controller/telemetry/log.ts';
import { createFakeHost, rebootHost, rebootRequested, type Boot, type FakeHost } from './host/fake-host.ts';
import type { BootcVersion } from './host/state.ts';
import { hostPaths } from './host/state.ts';
import type { Kubelets } from './kubelets.ts';
import { environmentOf } from './manifests.ts';
import { startProcess, type ServerProcess } from './processes.ts';

/** The DaemonSet's pod on a node. */
export interface AgentPod {
  uid: string;
  /** What its image runs: program and first arguments that `agent` and its flags follow. */
  program: readonly [command: string, ...args: string[]];
}

/** An agent that is always there, where no DaemonSet says so. */
export function lastingAgent(program: AgentPod['program']): () => AgentPod {
  return () => ({ uid: '', program });
}

export interface SimulatedNodeOptions {
  name: string;
  /** Of this node alone: its host, its logs. */
  directory: string;
  labels?: Readonly<Record<string, string>>;
  architecture?: 'amd64' | 'arm64';
  bootcVersion?: BootcVersion;
  /** What it was installed from; the digest is the platform's. */
  booted: { image: string; digest: string };
  kubelets: Kubelets;
  /** Returns the path of a kubeconfig with a token of the agents' ServiceAccount that is bound to this Node. */
  kubeconfigFor: (node: { name: string; uid: string }) => Promise<string>;
  /** The pod of the DaemonSet that is the agent now, if there is one: asked again and again. */
  agent: () => AgentPod | undefined;
  /** Hosts of registries beside the one that it was installed from, of which addons are fetched by plain http. */
  otherRegistries?: readonly string[];
  /** More flags of the agent. */
  agentFlags?: readonly string[];
  /** How long a machine is down while it reboots (default 1 s). */
  rebootMs?: number;
  log: Log;
}

/** How often the machine looks whether it was told to reboot. */
const lookEveryMs = 50;
/** After which a kubelet starts a container again that ended by itself. */
const restartAfterMs = 500;

/** For the agent, which fetches addons as the host's own tools would. */
function allowPlainHttp({ root }: FakeHost, registries: readonly string[]): void {
  const directory = join(root, 'etc/containers/registries.conf.d');
  mkdirSync(directory, { recursive: true });
  const tables = registries.map(location => `[[registry]]\nlocation = "${location}"\ninsecure = true\n`);
  writeFileSync(join(directory, 'plain.conf'), tables.join('\n'));
}

/** As the DaemonSet runs it. */
const agentEnvironment = environmentOf('DaemonSet', 'scantling-agent');

export class SimulatedNode {
  readonly name: string;
  readonly host: FakeHost;
  readonly agentLog: string;
  readonly #o: SimulatedNodeOptions;
  /** What came of each boot since `start`. */
  readonly boots: Boot[] = [];
  #uid = '';
  #agent: ServerProcess | undefined;
  /** Uid of the pod that the agent is. */
  #agentPod: string | undefined;
  #kubeconfig = '';
  #up = false;
  #stopped = false;
  #machine: Promise<void> | undefined;

  constructor(options: SimulatedNodeOptions) {
    this.#o = options;
    this.name = options.name;
    mkdirSync(options.directory, { recursive: true });
    this.agentLog = join(options.directory, 'agent.log');
    this.host = createFakeHost({
      directory: join(options.directory, 'host'),
      version: options.bootcVersion ?? 'next',
      architecture: options.architecture ?? 'amd64',
      booted: options.booted,
      addons: true,
    });
    const own = options.booted.image.split('/')[0] ?? '';
    allowPlainHttp(this.host, [own, ...(options.otherRegistries ?? [])]);
  }

  /** The host's boot ID now. */
  get bootID(): string {
    return readFileSync(hostPaths(this.host.directory).bootID, 'utf8').trim();
  }

  /** Boots since `start`. */
  get reboots(): number {
    return this.boots.length;
  }

  get agentPid(): number | undefined {
    return this.#agent?.running ? this.#agent.pid : undefined;
  }

  /** Registers the node, and starts its agent or waits for its pod. */
  async start(): Promise<void> {
    const { kubelets, labels, architecture = 'amd64' } = this.#o;
    const node = await kubelets.register({ name: this.name, architecture, bootID: this.bootID, ...(labels ? { labels } : {}) });
    this.#uid = node.metadata.uid ?? '';
    this.#up = true;
    await this.#tendAgent();
    this.#machine = this.#watchMachine();
  }

  /** Ends the agent at once; it is started again as a kubelet does. */
  killAgent(): void {
    this.#agent?.kill('SIGKILL');
  }

  /** Takes the power away for the time of a reboot: nothing is finalized, the node says nothing. */
  async powerCut(): Promise<void> {
    this.#o.kubelets.vanish(this.name);
    await this.#cycle({ powerCut: true });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#machine;
    await this.#agent?.stop(2_000);
  }

  /** The machine itself: obeys `systemctl reboot`, and keeps the agent running while it is up. */
  async #watchMachine(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (this.#up && rebootRequested(this.host.directory)) await this.#reboot();
        else if (this.#up) await this.#tendAgent();
      } catch (error) {
        this.#o.log.warn({ error, node: this.name }, 'the simulated machine failed a step, and tries again');
        await sleep(restartAfterMs);
      }
      await sleep(lookEveryMs);
    }
  }

  async #reboot(): Promise<void> {
    // A machine goes down whether or not its kubelet can still say so.
    const unsaid = (error: unknown) => this.#o.log.warn({ error, node: this.name }, 'the host goes down unsaid');
    await this.#o.kubelets.shutDown(this.name).catch(unsaid);
    await this.#cycle({});
  }

  /** Down and up again. A host that does not return stays down. */
  async #cycle(o: { powerCut?: boolean }): Promise<void> {
    this.#up = false;
    this.#agent?.kill('SIGKILL');
    await this.#agent?.exited;
    await sleep(this.#o.rebootMs ?? 1_000);
    const boot = rebootHost(this.host.directory, o);
    if (boot.outcome === 'NeverReturned') {
      this.#o.log.info({ node: this.name }, 'the host does not return');
      return;
    }
    this.boots.push(boot);
    await this.#sayBooted(boot.bootID);
    this.#up = true;
    this.#agent = undefined;
    await this.#tendAgent();
  }

  /** A kubelet tries until the API server has heard it. */
  async #sayBooted(bootID: string): Promise<void> {
    while (!this.#stopped) {
      try {
        return await this.#o.kubelets.boot(this.name, bootID);
      } catch (error) {
        this.#o.log.warn({ error, node: this.name }, 'the host is back unsaid');
        await sleep(restartAfterMs);
      }
    }
  }

  /** One look: the agent runs while there is a pod for it, and another pod is another agent. */
  async #tendAgent(): Promise<void> {
    const pod = this.#o.agent();
    if (this.#agent && pod?.uid !== this.#agentPod) {
      await this.#agent.stop(2_000);
      this.#agent = undefined;
    }
    if (!pod || this.#agent?.running) return;
    if (this.#agent) await sleep(restartAfterMs);
    if (!this.#stopped && this.#up) await this.#startAgent(pod);
  }

  async #startAgent({ uid, program: [command, ...args] }: AgentPod): Promise<void> {
    // A pod's token ends with the pod, and the ServiceAccount may be another one by now.
    if (uid !== this.#agentPod) this.#kubeconfig = await this.#o.kubeconfigFor({ name: this.name, uid: this.#uid });
    this.#agentPod = uid;
    this.#agent = await startProcess({
      name: `agent of ${this.name}`,
      command,
      args: [
        ...args,
        'agent',
        `--node-name=${this.name}`,
        `--kubeconfig=${this.#kubeconfig}`,
        `--host-root=${this.host.root}`,
        `--host-path=${this.host.path}`,
        '--host-exec=nsenter',
        '--http-address=off',
        ...(this.#o.agentFlags ?? []),
      ],
      env: { ...process.env, ...agentEnvironment },
      logFile: this.agentLog,
    });
  }
}
