/** One node with a fake host and the agent on it, against a real API server, under the agents' own ServiceAccount. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAgent } from '../../controller/agent/agent.ts';
import type { Agent, AgentOptions } from '../../controller/agent/agent.ts';
import { createAddonHost } from '../../controller/agent/addons/addon-host.ts';
import type { AddonHost } from '../../controller/agent/addons/addon-host.ts';
import { registryWay } from '../../controller/agent/addons/registry-way.ts';
import { targetOf } from '../../controller/agent/target.ts';
import { createHostCredentials } from '../../controller/agent/pull-secret-file.ts';
import { createMemoryFile } from '../../controller/agent/memory-file.ts';
import { createTargetWatch } from '../../controller/agent/target-watch.ts';
import { conditionOf, timestamp } from '../../controller/api/conditions.ts';
import { nodes } from '../../controller/api/core.ts';
import type { Condition } from '../../controller/api/meta.ts';
import { defaultAgentNamespace, fieldManagers } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import type {
  NodeTarget,
  NodeTargetSpec,
  NodeTargetStatusHost,
  NodeTargetStatusVerdict,
} from '../../controller/api/node-target.ts';
import { createClient } from '../../controller/kube/client.ts';
import type { Client } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { nodeUIDOfToken } from '../../controller/kube/own-node.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { startFaultProxy } from '../cluster/fault-proxy.ts';
import type { FaultProxy } from '../cluster/fault-proxy.ts';
import { rebootHost, rebootRequested } from '../cluster/host/fake-host.ts';
import type { Boot, FakeHost, FakeHostOptions } from '../cluster/host/fake-host.ts';
import { install } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { drive, startWorkshop } from './driven-host.ts';
import type { TestImage, Workshop } from './driven-host.ts';

export interface Yard extends Workshop {
  admin: Client;
  proxy: FaultProxy;
  /** Makes a node; the agent is started by `Station.startAgent`. */
  station(options?: Partial<FakeHostOptions>): Promise<Station>;
}

/** A control plane with the plain install, a registry with images, and room for nodes. */
export async function startYard(): Promise<Yard> {
  const controlPlane = await startControlPlane();
  const proxy = await startFaultProxy(controlPlane);
  const transport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'administrator' });
  const admin = createClient(transport);
  await install(admin, { without: ['Deployment', 'DaemonSet'] });
  const workshop = await startWorkshop();
  const stations: Station[] = [];
  return {
    ...workshop,
    admin,
    proxy,
    async station(options) {
      const name = `node-${stations.length + 1}`;
      const node = await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name } });
      const token = await serviceAccountToken(transport, 'scantling-agent', { name, uid: node.metadata.uid ?? '' });
      const kubeconfig = proxy.kubeconfigFor(token);
      const station = new Station({
        name,
        admin,
        host: workshop.host(options),
        kubeconfig,
        ownNode: () => nodeUIDOfToken(token),
      });
      stations.push(station);
      return station;
    },
    async stop() {
      for (const station of stations) await station.stopAgent();
      await workshop.stop();
      await transport.close();
      await proxy.stop();
      await controlPlane.stop();
    },
  };
}

export class Station {
  readonly name: string;
  readonly host: FakeHost;
  readonly kubeconfig: string;
  readonly memoryPath: string;
  readonly #admin: Client;
  readonly #ownNode: () => string | undefined;
  #life: { agent: Agent; transport: Transport } | undefined;
  #approvals = 0;

  constructor(o: { name: string; admin: Client; host: FakeHost; kubeconfig: string; ownNode: () => string | undefined }) {
    this.name = o.name;
    this.host = o.host;
    this.kubeconfig = o.kubeconfig;
    this.#admin = o.admin;
    this.#ownNode = o.ownNode;
    this.memoryPath = join(o.host.root, 'var/lib/scantling/agent/memory.json');
  }

  /** User agent of this node's agent, by which its calls are told from others'. */
  get userAgent(): string {
    return `scantling-agent-of-${this.name}`;
  }

  startAgent(options: Partial<AgentOptions> = {}): void {
    const log = createLog('silent');
    const transport = new Transport({ kubeConfig: loadKubeConfig(this.kubeconfig), userAgent: this.userAgent, connections: 2 });
    const client = createClient(transport);
    const agent = createAgent({
      targets: createTargetWatch({ transport, nodeName: this.name, log, ownNode: this.#ownNode }),
      client,
      host: drive(this.host),
      credentials: createHostCredentials({ client, namespace: defaultAgentNamespace, root: this.host.root }),
      memory: createMemoryFile(this.memoryPath),
      version: 'test',
      log,
      ...(this.host.addons ? { addons: this.#addonHost(client) } : {}),
      ...options,
    });
    agent.start();
    this.#life = { agent, transport };
  }

  #addonHost(client: Client): AddonHost {
    const { root } = this.host;
    return createAddonHost({
      root,
      open: registryWay({ client, namespace: defaultAgentNamespace, root, userAgent: this.userAgent }),
    });
  }

  async stopAgent(): Promise<void> {
    await this.#life?.agent.stop();
    await this.#life?.transport.close();
    this.#life = undefined;
  }

  /** Waits until the host was told to reboot, and reboots it, with the agent. */
  async reboot(options?: Partial<AgentOptions>): Promise<Boot> {
    while (!rebootRequested(this.host.directory)) await sleep(20);
    await this.stopAgent();
    const boot = rebootHost(this.host.directory);
    this.startAgent(options);
    return boot;
  }

  /** Writes the spec as the controller does. */
  async aim(image: TestImage | undefined, more: Partial<NodeTargetSpec> = {}): Promise<NodeTarget> {
    if (!image) throw new Error('no such image');
    const spec: NodeTargetSpec = {
      poolRef: { name: 'pool' },
      image: image.image,
      digests: [image.digest, image.platform],
      revision: `main@sha1:${image.digest.slice(-40)}`,
      state: 'Staged',
      since: timestamp(new Date()),
      ...more,
    };
    const target = { apiVersion: 'scantling.dev/v1alpha1', kind: 'NodeTarget', metadata: { name: this.name }, spec };
    return this.#admin.apply(nodetargets, target, { fieldManager: fieldManagers.rollout });
  }

  async approve(image: TestImage | undefined, addons: Pick<NodeTargetSpec, 'addons' | 'addonSet'> = {}): Promise<string> {
    const target = targetOf({ image: image?.image ?? '', ...addons });
    const approval = `2026-01-01T00:00:${String(this.#approvals++).padStart(2, '0')}Z/${target}`;
    await this.aim(image, { ...addons, state: 'Booted', approval });
    return approval;
  }

  /** Waits until the target satisfies the condition. The test's time limit is the only one. */
  async until(condition: (target: NodeTarget) => boolean): Promise<NodeTarget> {
    for (;;) {
      const target = await this.#admin.get(nodetargets, this.name);
      if (condition(target)) return target;
      await sleep(50);
    }
  }

  /** Waits until Ready has this reason for the newest spec. */
  async untilReady(reason: string): Promise<NodeTarget> {
    return this.until(t => ready(t)?.reason === reason && t.status?.observedGeneration === t.metadata.generation);
  }

  /** Spoils the memory. */
  spoilMemory(text: string): void {
    writeFileSync(this.memoryPath, text);
  }

  get memory(): string {
    return readFileSync(this.memoryPath, 'utf8');
  }
}

export function ready(target: NodeTarget): Condition | undefined {
  return conditionOf(target.status?.conditions, 'Ready');
}

/** What the agent says of its host. Throws when it has not said anything. */
export function hostOf(target: NodeTarget): NodeTargetStatusHost {
  if (!target.status?.host) throw new Error(`nothing was reported of ${target.metadata.name}`);
  return target.status.host;
}

export function verdictOf(target: NodeTarget): NodeTargetStatusVerdict {
  if (!target.status?.verdict) throw new Error(`there is no verdict on ${target.metadata.name}`);
  return target.status.verdict;
}
