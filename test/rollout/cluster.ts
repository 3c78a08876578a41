/** Pools on a real API server: the pool controller as in production, agents that act at once, and an eye on every version of every Node. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Node, nodes, type Pod, pods } from '../../controller/api/core.ts';
import { conditionOf } from '../../controller/api/conditions.ts';
import { defaultAgentNamespace, defaultNamespace } from '../../controller/api/names.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { type NodeTarget, nodetargets, type NodeTargetStatusHost } from '../../controller/api/node-target.ts';
import { systemaddons } from '../../controller/api/system-addon.ts';
import type { Compared, CompareRequest } from '../../controller/addon/compare-addons.ts';
import type { ImageSystem } from '../../controller/addon/image-system.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { type SystemPool, type SystemPoolSpec, systempools } from '../../controller/api/system-pool.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { Controller } from '../../controller/kube/controller.ts';
import { EventRecorder } from '../../controller/kube/events.ts';
import { leaderLease } from '../../controller/api/names.ts';
import { LeaderElector } from '../../controller/kube/leader.ts';
import { findObject } from '../../controller/kube/find-object.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Reflector } from '../../controller/kube/reflector.ts';
import { Store } from '../../controller/kube/store.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Target } from '../../controller/rollout/on-host.ts';
import type { PoolStores } from '../../controller/rollout/dependencies.ts';
import * as views from '../../controller/rollout/projection.ts';
import type { PoolDoor } from '../../controller/rollout/pool-trust.ts';
import { createPoolReconciler } from '../../controller/rollout/reconciler.ts';
import { watchPools } from '../../controller/rollout/watch.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import type { Trust } from '../../controller/trust/trust.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../cluster/fault-proxy.ts';
import { install } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { image } from './machine.ts';
import { withoutPolicies } from './without-policies.ts';

const fieldManager = 'test';
const log = createLog(process.env['LOG_LEVEL'] ?? 'silent');

export class Cluster {
  readonly plane: ControlPlane;
  readonly proxy: FaultProxy;
  readonly admin: Client;
  readonly #transport: Transport;
  readonly #token: string;
  /** The controller's clock is ahead by so much. */
  aheadMs = 0;
  /** What the controller that is started next asks whether images may be used. */
  trust: PoolDoor & Pick<Trust, 'onChange'> = withoutPolicies;
  /** What hosts are to require of every image, as policies would have it. */
  hostRule: string | null | undefined = null;
  /** Which system is in an image. */
  readSystem: (of: { image: string; platform: string }) => ImageSystem = () => ({
    os: { id: 'fedora', idLike: [], versionId: '42' },
    profile: [],
  });
  /** Whether addons hide files of each other or of the system. */
  compareAddons: (request: CompareRequest) => Compared = () => ({ problems: [] });
  /** Registries that the controller speaks plain http to. */
  readonly insecureHosts = new Set<string>();
  /** Of the controller that is started next. */
  log = log;
  /** Nodes whose agent does nothing. */
  readonly idle = new Set<string>();
  /** Most nodes that were away at once, of any pool, in any version of any Node. */
  mostAway = 0;
  readonly #away = new Map<string, boolean>();
  readonly #stopWatching: () => Promise<void>;
  #controller: { stop(): Promise<void> } | undefined;
  readonly #busy = new Set<string>();
  readonly #targets = new Store<Seen>();
  /** Every boot that an agent brought about. */
  readonly boots: { node: string; digest: string }[] = [];
  /** How long a host is down. */
  rebootMs = 0;
  /** Whether the controller that was started last has lost its Lease. */
  lost = false;

  private constructor(plane: ControlPlane, proxy: FaultProxy, transport: Transport, token: string) {
    this.plane = plane;
    this.proxy = proxy;
    this.#transport = transport;
    this.#token = token;
    this.admin = createClient(transport);
    const seenNodes = new Store<views.NodeView>();
    seenNodes.onChange((name, now) => {
      this.#away.set(name, now !== undefined && (!now.ready || now.unschedulable));
      this.mostAway = Math.max(this.mostAway, [...this.#away.values()].filter(Boolean).length);
    });
    this.#targets.onChange((name, now) => now && void this.#act(name));
    const reflectors = [
      new Reflector({ transport, resource: nodes, project: views.projectNode, store: seenNodes, log }),
      new Reflector({ transport, resource: nodetargets, project: seen, store: this.#targets, log }),
    ];
    for (const reflector of reflectors) reflector.start();
    this.#stopWatching = async () => {
      for (const reflector of reflectors) await reflector.stop();
    };
  }

  static async start(): Promise<Cluster> {
    const plane = await startControlPlane({
      controllers: ['disruption-controller'],
      apiServerFlags: ['--allow-privileged=true'],
    });
    try {
      const proxy = await startFaultProxy(plane);
      const transport = new Transport({ kubeConfig: loadKubeConfig(plane.adminKubeconfig), userAgent: 'test' });
      await install(createClient(transport));
      return new Cluster(plane, proxy, transport, await serviceAccountToken(transport, 'scantling-controller'));
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.stopController();
    await this.#stopWatching();
    await this.#transport.close();
    await this.proxy.stop();
    await this.plane.stop();
  }

  /** A kubeconfig of the controller's ServiceAccount, through the proxy. */
  controllerKubeconfig(): string {
    return this.proxy.kubeconfigFor(this.#token);
  }

  /**
   * Starts the pool controller with the rights of its ServiceAccount, through the proxy. With `elect` it works only while it holds the
   * Lease, and ends when it has lost it.
   */
  async startController({ elect = false } = {}): Promise<void> {
    const lead = { isLeading: (): boolean => !elect };
    const transport = new Transport({
      kubeConfig: loadKubeConfig(this.controllerKubeconfig()),
      userAgent: 'scantling-controller',
      fence: () => lead.isLeading(),
    });
    this.lost = false;
    const client = createClient(transport);
    const stores: PoolStores = {
      pools: new Store(),
      nodes: new Store(),
      nodeTargets: new Store(),
      definitions: new Store(),
      builds: new Store(views.builtIndexes),
      addons: new Store(),
    };
    const reflectors = [
      new Reflector({ transport, resource: systempools, project: views.projectSystemPool, store: stores.pools, log }),
      new Reflector({ transport, resource: nodes, project: views.projectNode, store: stores.nodes, log }),
      new Reflector({ transport, resource: nodetargets, project: views.projectNodeTarget, store: stores.nodeTargets, log }),
      new Reflector({ transport, resource: systemaddons, project: views.projectAddonOffer, store: stores.addons, log }),
      new Reflector({ transport, resource: imagebuilds, project: views.projectBuiltImage, store: stores.builds, log }),
      new Reflector({
        transport,
        resource: systemdefinitions,
        project: views.projectDefinitionImage,
        store: stores.definitions,
        log,
      }),
    ];
    const registry = createRegistry({ insecureHosts: this.insecureHosts, userAgent: 'test' });
    const events = new EventRecorder({ client, controller: 'scantling-controller', instance: 'test', log });
    const { reconcile } = createPoolReconciler({
      client,
      registry,
      events,
      readSystem: async of => this.readSystem(of),
      compareAddons: async request => this.compareAddons(request),
      stores,
      namespaces: { operator: defaultNamespace, agents: defaultAgentNamespace },
      trust: this.trust,
      hostRule: () => this.hostRule,
      now: () => Date.now() + this.aheadMs,
    });
    const controller = new Controller({ name: 'pool', reconcile, log: this.log });
    const unwatch = watchPools(stores, this.trust, (pool, o) => controller.enqueue(pool, o));
    for (const reflector of reflectors) reflector.start();
    const times = { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 300 };
    const lease = { namespace: defaultNamespace, name: leaderLease, identity: randomUUID(), ...times };
    const elector = elect ? new LeaderElector({ client, ...lease, log, onLost: () => (this.lost = true) }) : undefined;
    if (elector) lead.isLeading = () => elector.isLeading();
    if (elector)
      elector.start().then(
        () => controller.start(),
        // Stopped before it led.
        () => undefined,
      );
    else controller.start();
    this.#controller = {
      stop: async () => {
        unwatch();
        await controller.stop();
        await elector?.release();
        await events.flush();
        for (const reflector of reflectors) await reflector.stop();
        await registry.close();
        await transport.close();
      },
    };
  }

  async stopController(): Promise<void> {
    await this.#controller?.stop();
    this.#controller = undefined;
  }

  async createNode(name: string, pool: string): Promise<void> {
    await this.admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { pool } } });
    await this.#setNode(name, true, 'boot-0');
  }

  async #setNode(name: string, ready: boolean, bootID: string): Promise<void> {
    const time = new Date().toISOString();
    const condition = {
      type: 'Ready',
      status: ready ? 'True' : 'False',
      reason: 'Test',
      message: '',
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    };
    const info = {
      machineID: '',
      systemUUID: '',
      kernelVersion: '',
      osImage: '',
      containerRuntimeVersion: '',
      kubeletVersion: '',
      kubeProxyVersion: '',
      operatingSystem: '',
      architecture: '',
    };
    const status = { conditions: [condition], nodeInfo: { ...info, bootID } };
    await this.admin.mergePatch(nodes, name, { status }, { fieldManager, subresource: 'status' });
  }

  /** A pod that a ReplicaSet would make anew, running. */
  async createPod(name: string, node: string, o: { bare?: boolean; app?: string } = {}): Promise<void> {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'web', controller: true };
    const spec = { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: 'web', image: 'web' }] };
    const metadata = {
      name,
      namespace: 'default',
      labels: { app: o.app ?? name },
      ...(o.bare ? {} : { ownerReferences: [owner] }),
    };
    const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
    await this.admin.create(pods, pod);
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await this.admin.mergePatch(pods, name, { status }, { fieldManager, namespace: 'default', subresource: 'status' });
  }

  /** Makes the definition's last good image be image `n`. */
  async publish(definition: string, n: number): Promise<Target> {
    const target = image(n);
    const kind = {
      apiVersion: 'scantling.dev/v1alpha1' as const,
      kind: 'SystemDefinition' as const,
      metadata: { name: definition },
    };
    const spec = { base: { image: 'registry.example/base:1' }, output: { repository: 'registry.example/os' } };
    await this.admin.apply(systemdefinitions, { ...kind, spec }, { fieldManager });
    const status = {
      image: target.image,
      digests: [...target.digests],
      ...(target.revision ? { revision: target.revision } : {}),
    };
    await this.admin.applyStatus(systemdefinitions, { ...kind, status }, { fieldManager });
    return target;
  }

  async createPool(
    name: string,
    spec: { system: SystemPoolSpec['system']; rollout?: object; drain?: object; pool?: string },
  ): Promise<void> {
    const { pool = name, ...rest } = spec;
    await this.admin.apply(
      systempools,
      {
        apiVersion: 'scantling.dev/v1alpha1',
        kind: 'SystemPool',
        metadata: { name },
        spec: { nodeSelector: { matchLabels: { pool } }, ...rest },
      },
      { fieldManager },
    );
  }

  pool(name: string): Promise<SystemPool> {
    return this.admin.get(systempools, name);
  }

  node(name: string): Promise<Node> {
    return this.admin.get(nodes, name);
  }

  target(name: string): Promise<NodeTarget> {
    return this.admin.get(nodetargets, name);
  }

  async ready(pool: string): Promise<{ status: string; reason: string; message: string }> {
    return conditionOf((await this.pool(pool)).status?.conditions, 'Ready') ?? { status: '', reason: '', message: '' };
  }

  /** Resolves when every node of the pool runs the target and the pool says so. */
  updated(pool: string, target: Target): Promise<void> {
    return until(() => this.isUpdated(pool, target));
  }

  /** Rejects while a node of the pool does not run the target, or the pool does not say so. */
  async isUpdated(pool: string, target: Target): Promise<void> {
    const { status } = await this.pool(pool);
    const ready = conditionOf(status?.conditions, 'Ready');
    assert.equal(status?.target?.image, target.image);
    assert.equal(`${ready?.status} ${ready?.reason}`, 'True Updated', ready?.message);
  }

  /** Writes that the controller made since `from`. */
  writes(from = 0): { verb: string; resource: string; name: string }[] {
    return this.proxy.record
      .slice(from)
      .filter(c => ['create', 'update', 'patch', 'delete'].includes(c.verb) && c.status < 300)
      .map(({ verb, resource, subresource, name }) => ({
        verb,
        resource: subresource ? `${resource}/${subresource}` : resource,
        name,
      }));
  }

  /** One node's agent and kubelet, in the order in which they really act; never twice at once for a node. */
  async #act(name: string): Promise<void> {
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    try {
      while (await this.#step(name));
    } finally {
      this.#busy.delete(name);
    }
  }

  /** Lets a node's agent act that was idle. */
  wake(name: string): Promise<void> {
    return this.#act(name);
  }

  /** What the agent of an idle node does before its go-ahead, and no more. */
  async stage(name: string): Promise<void> {
    await this.#stage(seen(await this.target(name)));
  }

  /** Returns whether there may be more to do. */
  async #step(name: string): Promise<boolean> {
    if (!this.#targets.get(name) || this.idle.has(name)) return false;
    // The watch may not have brought the last report yet, and a host does not boot twice for that.
    const target = await this.#live(name);
    if (!target) return false;
    const { spec, status } = target;
    const wanted = spec.digests[1] ?? '';
    const { host, verdict } = status ?? {};
    const common: NodeTargetStatusHost = {
      capabilities: ['LockedStaging'],
      bootID: host?.bootID ?? 'boot-0',
      reportedAt: new Date().toISOString(),
    };
    const booted = host?.booted ?? nothing;
    if (booted.digest !== wanted && host?.staged?.digest !== wanted) return this.#stage(target);
    if (spec.state !== 'Booted' || verdict?.approval === spec.approval || booted.digest === wanted) return false;
    return this.#reboot(target, { ...common, booted }, wanted);
  }

  async #reboot(target: Seen, host: NodeTargetStatusHost, wanted: string): Promise<boolean> {
    const { name, spec } = target;
    // The write before the order to reboot answers with the spec as it is now.
    const told = await this.#write(target, { host: { ...host, phase: 'Rebooting', staged: { digest: wanted, locked: false } } });
    if (told.spec.approval !== spec.approval) {
      await this.#stage(target);
      return true;
    }
    const bootID = `boot-${this.boots.push({ node: name, digest: wanted })}`;
    await this.#setNode(name, false, host.bootID ?? '');
    if (this.rebootMs > 0) await sleep(this.rebootMs);
    await this.#setNode(name, true, bootID);
    return this.#report(target, {
      host: { ...host, phase: 'Idle', bootID, booted: { digest: wanted }, staged: null },
      verdict: { type: 'Succeeded', digest: wanted, approval: spec.approval, bootID, time: new Date().toISOString() },
    });
  }

  async #live(name: string): Promise<Seen | undefined> {
    const target = await findObject(this.admin, nodetargets, name);
    return target && seen(target);
  }

  #stage(target: Seen): Promise<boolean> {
    const { host } = target.status ?? {};
    const staged = { digest: target.spec.digests[1] ?? '', locked: true };
    const common = { capabilities: ['LockedStaging'], bootID: host?.bootID ?? 'boot-0', reportedAt: new Date().toISOString() };
    return this.#report(target, { host: { ...common, phase: 'Staged', booted: host?.booted ?? nothing, staged } });
  }

  async #report(target: Seen, status: object): Promise<boolean> {
    const written = await this.#write(target, status);
    return written.metadata.resourceVersion !== target.resourceVersion;
  }

  #write({ name }: Seen, status: object): Promise<NodeTarget> {
    return this.admin.mergePatch(nodetargets, name, { status }, { fieldManager: 'agent', subresource: 'status' });
  }
}

/** What a node runs before its first update. */
const nothing = { digest: `sha256:${'0'.repeat(64)}` };

interface Seen {
  name: string;
  uid: string;
  resourceVersion: string;
  spec: NodeTarget['spec'];
  status: NodeTarget['status'];
}

function seen({ metadata, spec, status }: NodeTarget): Seen {
  return { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '', spec, status };
}

/** Resolves when `check` no longer throws; throws its last error after a minute. */
export async function until(check: () => Promise<void> | void): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(50);
    }
  }
}
