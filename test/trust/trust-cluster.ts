/** Trust policies on a real API server: their reconcilers and the door as in production, with the rights of the controller, and a clock that can be set. */
import type { TestContext } from 'node:test';
import { type Event, configMaps, events, secrets } from '../../controller/api/core.ts';
import { conditionOf } from '../../controller/api/conditions.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { type TrustPolicy, type TrustPolicySpec, trustpolicies } from '../../controller/api/trust-policy.ts';
import { Caches } from '../../controller/kube/caches.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { Controller } from '../../controller/kube/controller.ts';
import { EventRecorder } from '../../controller/kube/events.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { createClusterSources } from '../../controller/trust/cluster-sources.ts';
import { type ImageVerifier, type OwnedTrust, createTrust } from '../../controller/trust/create-trust.ts';
import type { Discovery } from '../../controller/trust/discovery.ts';
import { createDiscoveryReconciler, type DiscoveryDependencies } from '../../controller/trust/discovery-reconciler.ts';
import { TrustFigures } from '../../controller/trust/figures.ts';
import { PolicyBook } from '../../controller/trust/policy-book.ts';
import { projectPolicy } from '../../controller/trust/projection.ts';
import { createPolicyReconciler } from '../../controller/trust/reconciler.ts';
import type { TrustedRoots } from '../../controller/trust/trusted-root.ts';
import { Uses } from '../../controller/trust/uses.ts';
import { watchPolicies } from '../../controller/trust/watch.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../cluster/fault-proxy.ts';
import { install } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';

const fieldManager = 'test';
const log = createLog(process.env['LOG_LEVEL'] ?? 'silent');

export interface Trusting {
  trust: OwnedTrust;
  /** How often those who use the door were told that something changed. */
  changes: () => number;
  /** Passes of the reconciler of policies, by policy. */
  passes: ReadonlyMap<string, number>;
  wake: (name: string) => void;
}

export class TrustCluster {
  readonly plane: ControlPlane;
  readonly proxy: FaultProxy;
  readonly admin: Client;
  readonly #transport: Transport;
  readonly #token: string;
  /** Epoch ms. */
  now = Date.parse('2026-06-01T00:00:00Z');
  readonly #alarms = new Set<{ at: number; wake: () => void }>();
  /** What discovery finds. */
  discovery: Discovery = { found: [], attempts: [], complete: true };
  readonly asked: string[] = [];
  discover: DiscoveryDependencies['discover'] = async ({ prefix }) => {
    this.asked.push(prefix);
    return this.discovery;
  };
  verifier: ImageVerifier = { verify: () => Promise.reject(new Error('nothing is to be looked up')) };
  roots: TrustedRoots = { read: async () => '{}', lastFetched: async () => undefined };

  private constructor(plane: ControlPlane, proxy: FaultProxy, transport: Transport, token: string) {
    this.plane = plane;
    this.proxy = proxy;
    this.#transport = transport;
    this.#token = token;
    this.admin = createClient(transport);
  }

  static async start(): Promise<TrustCluster> {
    const plane = await startControlPlane();
    try {
      const proxy = await startFaultProxy(plane);
      const transport = new Transport({ kubeConfig: loadKubeConfig(plane.adminKubeconfig), userAgent: 'test' });
      await install(createClient(transport), { without: ['Deployment', 'DaemonSet'] });
      return new TrustCluster(plane, proxy, transport, await serviceAccountToken(transport, 'scantling-controller'));
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#transport.close();
    await this.proxy.stop();
    await this.plane.stop();
  }

  /** Starts what reads the policies. With `speaks` false it is one of several controllers that leaves the status to another. */
  async run(t: TestContext, { speaks = true } = {}): Promise<Trusting> {
    const transport = new Transport({
      kubeConfig: loadKubeConfig(this.proxy.kubeconfigFor(this.#token)),
      userAgent: 'scantling-controller/test',
    });
    const client = createClient(transport);
    const caches = new Caches({ transport, log });
    const recorder = new EventRecorder({ client, controller: 'scantling-controller', instance: 'test', log });
    const policies = caches.add(trustpolicies, projectPolicy);
    const book = new PolicyBook({ policies });
    const [uses, figures] = [new Uses(), new TrustFigures()];
    const now = (): number => this.now;
    const trust = createTrust({
      book,
      uses,
      figures,
      now,
      verifier: this.verifier,
      timer: (ms, wake) => this.#alarm(ms, wake),
    });
    let changes = 0;
    trust.onChange(() => void changes++);
    const passes = new Map<string, number>();
    const sources = createClusterSources({ client, namespace: defaultNamespace, trustedRoot: from => this.roots.read(from) });
    const policy = createPolicyReconciler({
      client,
      book,
      sources,
      roots: this.roots,
      figures,
      uses,
      events: recorder,
      now,
      wake: name => reading.enqueue(name),
      speaks,
    });
    const found = createDiscoveryReconciler({ client, book, discover: this.discover, events: recorder, now });
    const reading: Controller = new Controller({
      name: 'trust',
      concurrency: 2,
      log,
      reconcile: async (key, context) => {
        passes.set(key, (passes.get(key) ?? 0) + 1);
        return policy.reconcile(key, context);
      },
    });
    const discovery = new Controller({ name: 'discovery', reconcile: found.reconcile, log });
    watchPolicies({ policies, trust }, name => reading.enqueue(name));
    watchPolicies({ policies, trust }, name => discovery.enqueue(name));
    caches.start();
    await caches.synced();
    for (const controller of [reading, discovery]) controller.start();
    t.after(async () => {
      await Promise.all([reading, discovery].map(controller => controller.stop()));
      await recorder.flush();
      trust.stop();
      await caches.stop();
      await transport.close();
    });
    return { trust, changes: () => changes, passes, wake: name => reading.enqueue(name) };
  }

  #alarm(ms: number, wake: () => void): () => void {
    const alarm = { at: this.now + ms, wake };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Sets the clock, and fires what is due. */
  advance(ms: number): void {
    this.now += ms;
    for (const alarm of [...this.#alarms].filter(({ at }) => at <= this.now)) {
      this.#alarms.delete(alarm);
      alarm.wake();
    }
  }

  async apply(name: string, spec: Partial<TrustPolicySpec>): Promise<TrustPolicy> {
    const policy = { apiVersion: 'scantling.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name }, spec } as TrustPolicy;
    return this.admin.apply(trustpolicies, policy, { fieldManager });
  }

  async delete(name: string): Promise<void> {
    await this.admin.delete(trustpolicies, name);
  }

  async secret(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    const encoded = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
    const metadata = { name, namespace: defaultNamespace };
    await this.admin.apply(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: encoded }, { fieldManager });
  }

  async configMap(name: string, data: Record<string, string>): Promise<void> {
    const metadata = { name, namespace: defaultNamespace };
    await this.admin.apply(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { fieldManager });
  }

  get(name: string): Promise<TrustPolicy> {
    return this.admin.get(trustpolicies, name);
  }

  /** Waits until the policy says this; `says` is matched against the reason and message of Ready. Returns it. */
  async says(name: string, says: RegExp, also: (policy: TrustPolicy) => boolean = () => true): Promise<TrustPolicy> {
    let seen: TrustPolicy | undefined;
    await until(`TrustPolicy ${name} to say ${String(says)}`, async () => {
      seen = await this.get(name);
      const ready = conditionOf(seen.status?.conditions, 'Ready');
      const isOfIt = seen.status?.observedGeneration === seen.metadata.generation;
      return isOfIt && says.test(`${ready?.status} ${ready?.reason}: ${ready?.message}`) && also(seen);
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it says ${JSON.stringify(seen?.status, undefined, 1)}`);
    });
    if (!seen) throw new Error('never read');
    return seen;
  }

  async eventsOf(name: string): Promise<Event[]> {
    const { items } = await this.admin.list(events);
    return items.filter(({ regarding }) => regarding.name === name && regarding.kind === 'TrustPolicy');
  }
}
