/** Nodes by the hundred: Node objects, hosts in memory, and the real agent's loop for each, all in this process and with tokens of their own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createAgent, type Agent } from '../../controller/agent/agent.ts';
import type { MemoryStore } from '../../controller/agent/memory-file.ts';
import { asksTheSame, projectTarget, type TargetView, type TargetWatch } from '../../controller/agent/target-watch.ts';
import { nodetargets, type NodeTarget } from '../../controller/api/node-target.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Reflector } from '../../controller/kube/reflector.ts';
import { Store } from '../../controller/kube/store.ts';
import { Transport } from '../../controller/kube/transport.ts';
import type { Log } from '../../controller/telemetry/log.ts';
import { MemoryAddons } from '../agent/addons/memory-addons.ts';
import type { Environment } from '../cluster/environment.ts';
import type { FaultProxy } from '../cluster/fault-proxy.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { MemoryHost, memoryStore } from './memory-host.ts';

/** A pull takes from half to one and a half of this, a reboot this. */
const pullMs = 400;
const rebootMs = 500;

interface SimulatedNode {
  name: string;
  host: MemoryHost;
  memory: MemoryStore;
  addons?: MemoryAddons;
  transport: Transport;
  agent: Agent;
}

export interface FleetOptions {
  environment: Environment;
  /** Where agents find the API server. */
  proxy: FaultProxy;
  count: number;
  /** Of the nodes' names; default: node. */
  prefix?: string;
  /** What the nodes were installed from, as repository@digest. */
  image: string;
  labels: Readonly<Record<string, string>>;
  log: Log;
  /** Nodes can merge addons; `sealMs`: how long an agent is up before the boot scripts have said what they merged. */
  addons?: { sealMs: number };
}

export class SimulatedFleet {
  readonly names: readonly string[];
  readonly #o: FleetOptions;
  /** One watch for all: a watch each is the API server's load, not the controller's. */
  readonly #targets = new Store<TargetView>();
  readonly #transport: Transport;
  readonly #reflector: Reflector<NodeTarget, TargetView>;
  readonly #nodes = new Map<string, SimulatedNode>();
  readonly #reboots = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];

  constructor(options: FleetOptions) {
    this.#o = options;
    this.names = Array.from({ length: options.count }, (_, i) => `${options.prefix ?? 'node'}-${i}`);
    this.#transport = options.environment.transport;
    this.#reflector = new Reflector({
      transport: this.#transport,
      resource: nodetargets,
      project: projectTarget,
      store: this.#targets,
      log: options.log,
    });
  }

  /** Registers all nodes, then starts all agents. */
  async start(): Promise<void> {
    this.#reflector.start();
    await this.#reflector.synced();
    const { environment, labels } = this.#o;
    await inTurns(this.names, 16, async name => {
      const host = new MemoryHost({
        image: this.#o.image,
        pullMs: pullMs * (0.5 + Math.random()),
        onReboot: () => this.#begin(name),
      });
      const node = await environment.kubelets.register({ name, labels, architecture: 'amd64', bootID: host.bootID });
      const token = await serviceAccountToken(environment.transport, 'scantling-agent', { name, uid: node.metadata.uid ?? '' });
      const transport = new Transport({
        kubeConfig: loadKubeConfig(this.#o.proxy.kubeconfigFor(token)),
        userAgent: 'scantling-agent/bench',
        connections: 1,
      });
      const memory = memoryStore();
      const parts = { name, host, memory, transport, ...(this.#o.addons ? { addons: new MemoryAddons(() => {}) } : {}) };
      this.#nodes.set(name, { ...parts, agent: this.#agent(parts) });
    });
    for (const { agent } of this.#nodes.values()) agent.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reboots);
    await Promise.all([...this.#nodes.values()].map(node => node.agent.stop()));
    await Promise.all([...this.#nodes.values()].map(node => node.transport.close()));
    await this.#reflector.stop();
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'simulated machines failed to reboot');
  }

  #agent(node: Omit<SimulatedNode, 'agent'>): Agent {
    return createAgent({
      targets: this.#watch(node.name),
      client: createClient(node.transport),
      host: node.host,
      ...(node.addons ? { addons: node.addons } : {}),
      credentials: { provide: async () => {}, withdraw: async () => {} },
      memory: node.memory,
      version: 'bench',
      log: this.#o.log,
    });
  }

  /** What one agent sees of the shared watch. */
  #watch(name: string): TargetWatch {
    let end: (() => void) | undefined;
    return {
      start: () => {},
      stop: async () => end?.(),
      synced: () => this.#reflector.synced(),
      get: () => this.#targets.get(name),
      onChange: handler => {
        end = this.#targets.onChange((key, now, before) => {
          if (key === name && !asksTheSame(now, before)) handler();
        });
      },
    };
  }

  #begin(name: string): void {
    const reboot = this.#reboot(name).catch((error: unknown) => this.#failures.push(error));
    const tracked = reboot.then(() => {
      this.#reboots.delete(tracked);
    });
    this.#reboots.add(tracked);
  }

  async #reboot(name: string): Promise<void> {
    const node = this.#nodes.get(name);
    if (!node) return;
    const { kubelets } = this.#o.environment;
    await kubelets.shutDown(name);
    await node.agent.stop();
    await sleep(rebootMs);
    node.host.bootAgain();
    await kubelets.boot(name, node.host.bootID);
    const { addons } = node;
    if (addons) addons.unsealed = true;
    node.agent = this.#agent(node);
    node.agent.start();
    if (!addons) return;
    await sleep(this.#o.addons?.sealMs);
    addons.unsealed = false;
  }
}

/** Runs `work` for each item, so many at once. */
async function inTurns<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    }),
  );
}
