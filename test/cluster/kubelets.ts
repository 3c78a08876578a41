/**
 * What the kubelets of simulated nodes do: register the Node, renew its Lease, say Ready, run the pods that are bound to it and remove
 * those that terminate. A node that reboots says so, goes silent, and comes back with another boot ID; its pods start again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { leases, nodes, pods, type Lease, type Node, type Pod } from '../../controller/api/core.ts';
import { timestamp } from '../../controller/api/conditions.ts';
import type { Client } from '../../controller/kube/client.ts';
import { Controller, type Result } from '../../controller/kube/controller.ts';
import { isConflict, isNotFound } from '../../controller/kube/errors.ts';
import { Reflector } from '../../controller/kube/reflector.ts';
import { Store } from '../../controller/kube/store.ts';
import type { Transport } from '../../controller/kube/transport.ts';
import type { Log } from '../../controller/telemetry/log.ts';
import { projectPod, type PodView } from './pod-view.ts';

/** What a node is when it registers. */
export interface NodeShape {
  name: string;
  labels?: Readonly<Record<string, string>>;
  architecture: 'amd64' | 'arm64';
  bootID: string;
}

const kubeletLeases = 'kube-node-lease';
/** A kubelet renews a Lease of 40 s every 10 s; here more often, because the clusters of the tests give a silent node less time. */
const leaseSeconds = 40;
const renewEveryMs = 3_000;

interface Simulated extends NodeShape {
  up: boolean;
}

export interface KubeletsOptions {
  client: Client;
  transport: Transport;
  log: Log;
  /** How long the containers of a pod take to start. */
  podStartMs?: number;
  /** False: no Leases, where nothing looks at them and there are hundreds of nodes. */
  leases?: boolean;
}

export class Kubelets {
  /** Pods, but those of DaemonSets, that were on a node when it went down, as node/namespace/pod: what a drain should have moved away. */
  readonly interrupted: string[] = [];
  /** All pods that are bound to a node; key namespace/name, index `node`. */
  readonly pods = new Store<PodView>({ node: pod => [pod.nodeName] });
  readonly #client: Client;
  readonly #transport: Transport;
  readonly #log: Log;
  readonly #podStartMs: number;
  readonly #leases: boolean;
  readonly #nodes = new Map<string, Simulated>();
  readonly #boundAt = new Map<string, number>();
  readonly #reflector: Reflector<Pod, PodView>;
  readonly #controller: Controller;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KubeletsOptions) {
    this.#client = options.client;
    this.#transport = options.transport;
    this.#log = options.log;
    this.#podStartMs = options.podStartMs ?? 500;
    this.#leases = options.leases ?? true;
    this.#reflector = new Reflector({
      transport: options.transport,
      resource: pods,
      project: projectPod,
      store: this.pods,
      fieldSelector: 'spec.nodeName!=',
      log: options.log,
    });
    this.#controller = new Controller({
      name: 'simulated-kubelet',
      reconcile: key => this.#runPod(key),
      concurrency: 8,
      log: options.log,
    });
    this.pods.onChange((key, now) => {
      if (!now) this.#boundAt.delete(key);
      else if (this.#nodes.has(now.nodeName)) this.#controller.enqueue(key);
    });
  }

  /** Starts to run pods and to renew leases. */
  async start(): Promise<void> {
    this.#reflector.start();
    this.#controller.start();
    if (this.#leases) this.#timer = setInterval(() => void this.#renewAll(), renewEveryMs);
    await this.#reflector.synced();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#controller.stop(1_000);
    await this.#reflector.stop();
  }

  /** Creates the Node, Ready, with its Lease, and returns it as the API server stored it. */
  async register(shape: NodeShape): Promise<Node> {
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: shape.name,
        labels: {
          'kubernetes.io/hostname': shape.name,
          'kubernetes.io/os': 'linux',
          'kubernetes.io/arch': shape.architecture,
          ...shape.labels,
        },
      },
      spec: {},
    };
    const created = await this.#client.create(nodes, node);
    this.#nodes.set(shape.name, { ...shape, up: true });
    if (this.#leases) await this.#client.create(leases, this.#lease(shape.name, created.metadata.uid ?? ''));
    await this.#postStatus(shape.name);
    return created;
  }

  /** The node goes down in order: it says so, its pods are no longer ready, and then nothing is heard of it. */
  async shutDown(name: string): Promise<void> {
    const node = this.#node(name);
    node.up = false;
    await this.#postStatus(name);
    for (const pod of this.pods.byIndex('node', name)) {
      if (!pod.daemon) this.interrupted.push(`${name}/${pod.namespace}/${pod.name}`);
      await this.#postPod(pod, false);
    }
  }

  /** The node stops without a word, as by a power cut: only its Lease tells, in time. */
  vanish(name: string): void {
    this.#node(name).up = false;
  }

  /** The node is back, under another boot ID; what runs on it starts again. */
  async boot(name: string, bootID: string): Promise<void> {
    const node = this.#node(name);
    node.up = true;
    node.bootID = bootID;
    if (this.#leases) await this.#renew(name);
    await this.#postStatus(name);
    for (const pod of this.pods.byIndex('node', name)) this.#controller.enqueue(`${pod.namespace}/${pod.name}`);
  }

  /** Says of every node that is up what it is, as kubelets do when they find something else in the API server: after it was restored, say. */
  async report(): Promise<void> {
    for (const [name, { up }] of this.#nodes) if (up) await this.#postStatus(name);
  }

  #node(name: string): Simulated {
    const node = this.#nodes.get(name);
    if (!node) throw new Error(`no simulated node ${name}`);
    return node;
  }

  /** One pass over one pod: start it, or finish its termination. */
  async #runPod(key: string): Promise<Result | void> {
    const pod = this.pods.get(key);
    if (!pod || !this.#nodes.get(pod.nodeName)?.up) return;
    if (pod.terminating) return await this.#removePod(pod);
    if (pod.phase === 'Running' && pod.ready) return;
    if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return;
    const bound = this.#boundAt.get(key) ?? performance.now();
    this.#boundAt.set(key, bound);
    const left = bound + this.#podStartMs - performance.now();
    if (left > 0) return { requeueAfterMs: left };
    await this.#postPod(pod, true);
  }

  /** A kubelet confirms that a pod's containers are gone by deleting it with no grace left. */
  async #removePod(pod: PodView): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid: pod.uid } };
    try {
      await this.#transport.request({ method: 'DELETE', path: `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`, body });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #postPod(pod: PodView, ready: boolean): Promise<void> {
    const now = timestamp(new Date());
    const status = ready ? 'True' : 'False';
    const condition = (type: string, value: string) => ({ type, status: value, lastTransitionTime: now });
    const body = {
      status: {
        phase: 'Running',
        startTime: now,
        conditions: [
          condition('PodScheduled', 'True'),
          condition('Initialized', 'True'),
          condition('ContainersReady', status),
          condition('Ready', status),
        ],
      },
    };
    try {
      await this.#client.mergePatch(pods, pod.name, body, {
        fieldManager: 'kubelet',
        namespace: pod.namespace,
        subresource: 'status',
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #postStatus(name: string): Promise<void> {
    const node = this.#node(name);
    const now = timestamp(new Date());
    const capacity = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '100Gi' };
    const ready = node.up
      ? { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { status: 'False', reason: 'KubeletNotReady', message: 'node is shutting down' };
    const fine = { status: 'False', reason: 'Simulated', message: '' };
    const body = {
      status: {
        capacity,
        allocatable: capacity,
        addresses: [{ type: 'Hostname', address: name }],
        nodeInfo: nodeInfo(node),
        conditions: [
          ...['MemoryPressure', 'DiskPressure', 'PIDPressure'].map(type => ({ type, ...fine })),
          { type: 'Ready', ...ready },
        ].map(c => ({ ...c, lastHeartbeatTime: now, lastTransitionTime: now })),
      },
    };
    await this.#retry(() => this.#client.mergePatch(nodes, name, body, { fieldManager: 'kubelet', subresource: 'status' }));
  }

  async #renewAll(): Promise<void> {
    for (const [name, node] of this.#nodes) {
      if (!node.up) continue;
      try {
        await this.#renew(name);
      } catch (error) {
        this.#log.warn({ error, node: name }, 'lease not renewed'); // the next round tries again, as a kubelet does
      }
    }
  }

  async #renew(name: string): Promise<void> {
    const body = { spec: { renewTime: microTime(new Date()) } };
    await this.#client.mergePatch(leases, name, body, { fieldManager: 'kubelet', namespace: kubeletLeases });
  }

  #lease(name: string, uid: string): Lease {
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: kubeletLeases, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
      spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime: microTime(new Date()) },
    };
  }

  /** A kubelet tries to post its status until it gets through; here for ten seconds. */
  async #retry(write: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await write();
        return;
      } catch (error) {
        if (attempt === 50) throw error;
        await sleep(200);
      }
    }
  }
}

function nodeInfo(node: NodeShape): Record<string, string> {
  return {
    bootID: node.bootID,
    machineID: node.name,
    systemUUID: node.name,
    architecture: node.architecture,
    operatingSystem: 'linux',
    osImage: 'Scantling demo system',
    kernelVersion: '6.12.0',
    containerRuntimeVersion: 'simulated://1',
    kubeletVersion: 'v1.36.3',
    kubeProxyVersion: 'v1.36.3',
  };
}

/** metav1.MicroTime: exactly six fractional digits. */
function microTime(date: Date): string {
  return date.toISOString().replace(/Z$/, '000Z');
}
