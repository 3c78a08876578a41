/** What a source lives in: a real API server behind the fault proxy, a real Git server, and the source controller under its own ServiceAccount. */
import { conditionOf } from '../../controller/api/conditions.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { type SystemDefinition, systemdefinitions } from '../../controller/api/system-definition.ts';
import { systemaddons } from '../../controller/api/system-addon.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { type SystemSource, type SystemSourceSpec, systemsources } from '../../controller/api/system-source.ts';
import { trustpolicies } from '../../controller/api/trust-policy.ts';
import { type Client, createClient } from '../../controller/kube/client.ts';
import { Controller } from '../../controller/kube/controller.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import type { RecordedEvent } from '../../controller/kube/events.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Reflector } from '../../controller/kube/reflector.ts';
import { Store } from '../../controller/kube/store.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { type OpenRevision, createOpenRevision } from '../../controller/source/open-revision.ts';
import { createRepositories } from '../../controller/source/open.ts';
import { type OwnedView, type SourceView, projectOwned, projectSource } from '../../controller/source/projection.ts';
import { createSourceReconciler } from '../../controller/source/reconciler.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { createClusterSources } from '../../controller/trust/cluster-sources.ts';
import { createTrust } from '../../controller/trust/create-trust.ts';
import { TrustFigures } from '../../controller/trust/figures.ts';
import { PolicyBook } from '../../controller/trust/policy-book.ts';
import { type PolicyView, projectPolicy } from '../../controller/trust/projection.ts';
import { createPolicyReconciler } from '../../controller/trust/reconciler.ts';
import { Uses } from '../../controller/trust/uses.ts';
import { watchPolicies } from '../../controller/trust/watch.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../cluster/fault-proxy.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import { type GitServer, startGitServer } from '../cluster/git-server.ts';
import { install } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';

export interface RunningController {
  events: RecordedEvent[];
  /** Every line it logged. */
  lines: string[];
  openRevision: OpenRevision;
  stop(): Promise<void>;
}

export interface SourceWorld {
  admin: Client;
  proxy: FaultProxy;
  git: GitServer;
  startController(): Promise<RunningController>;
  /** A repository and the source that follows it, both of that name. */
  source(name: string, files: Record<string, string>, spec?: Partial<SystemSourceSpec>): Promise<GitRepository>;
  get(name: string): Promise<SystemSource>;
  annotate(name: string, annotations: Record<string, string | null>): Promise<void>;
  patch(name: string, spec: object): Promise<void>;
  /** The source, as soon as its Ready condition has the reason, for its present generation and (if given) for the commit. */
  ready(name: string, reason: string, oid?: string): Promise<SystemSource>;
  definition(name: string): Promise<SystemDefinition | undefined>;
  /** `Kind/name path` of each object in the source's status. */
  inventory(name: string): Promise<string[]>;
  /** Message of the Ready condition. */
  message(name: string): Promise<string>;
  /** Resolves after the Git server was polled twice more, so that a whole pass has come to its end in between. */
  twoPolls(name: string): Promise<void>;
  /** Deletes the source and waits until it is gone. */
  remove(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** A definition that the API server accepts. */
export function definitionYaml(name: string, extra = ''): string {
  return `apiVersion: scantling.dev/v1alpha1
kind: SystemDefinition
metadata:
  name: ${name}
spec:
  base: { image: registry.example.com/base:1 }
  output: { repository: registry.example.com/os/${name} }
  build: { suspend: true }
${extra}`;
}

export function poolYaml(name: string): string {
  return `apiVersion: scantling.dev/v1alpha1
kind: SystemPool
metadata:
  name: ${name}
spec:
  nodeSelector: { matchLabels: { pool: ${name} } }
  system: { definitionRef: { name: ${name} } }
`;
}

export async function startSourceWorld(): Promise<SourceWorld> {
  // manifests/ has the agent's DaemonSet, which is privileged.
  const [controlPlane, git] = await Promise.all([
    startControlPlane({ apiServerFlags: ['--allow-privileged=true'] }),
    startGitServer(),
  ]);
  const proxy = await startFaultProxy(controlPlane);
  const stop = async (): Promise<void> => {
    await adminTransport.close();
    await proxy.stop();
    await Promise.all([controlPlane.stop(), git.stop()]);
  };
  const adminTransport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' });
  const admin = createClient(adminTransport);
  const prepare = async (): Promise<string> => {
    await install(admin);
    return proxy.kubeconfigFor(await serviceAccountToken(adminTransport, 'scantling-controller'));
  };
  const kubeconfig = await prepare().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const get = (name: string): Promise<SystemSource> => admin.get(systemsources, name);
  const patch = async (name: string, body: object): Promise<void> => {
    await admin.mergePatch(systemsources, name, body, { fieldManager: 'test' });
  };
  return {
    admin,
    proxy,
    git,
    get,
    startController: () => startController(kubeconfig),
    source: async (name, files, spec = {}) => {
      const repository = await git.createRepository(name);
      await repository.commit(files, 'first');
      await admin.apply(
        systemsources,
        {
          apiVersion: 'scantling.dev/v1alpha1',
          kind: 'SystemSource',
          metadata: { name },
          spec: { url: repository.url, allowInsecure: true, interval: '1s', ...spec },
        },
        { fieldManager: 'test' },
      );
      return repository;
    },
    annotate: (name, annotations) => patch(name, { metadata: { annotations } }),
    patch: (name, spec) => patch(name, { spec }),
    ready: async (name, reason, oid) => {
      let source = await get(name);
      const holds = async (): Promise<boolean> => {
        source = await get(name);
        const condition = conditionOf(source.status?.conditions, 'Ready');
        const current = condition?.observedGeneration === source.metadata.generation;
        const there = oid === undefined || source.status?.lastAttemptedRevision?.endsWith(oid) === true;
        return condition?.reason === reason && current && there;
      };
      try {
        await until(`${name} is ${reason}`, holds);
      } catch (error) {
        throw new Error(`${name} is not ${reason} but ${JSON.stringify(source.status)}`, { cause: error });
      }
      return source;
    },
    definition: async name => {
      try {
        return await admin.get(systemdefinitions, name);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    inventory: async name => ((await get(name)).status?.inventory ?? []).map(e => `${e.kind}/${e.name} ${e.path}`),
    message: async name => conditionOf((await get(name)).status?.conditions, 'Ready')?.message ?? '',
    twoPolls: async name => {
      const polls = (): number => git.requests.log.filter(e => e.path.startsWith(`/${name}.git/`) && e.method === 'POST').length;
      const first = polls();
      await until(`two polls of ${name}`, () => polls() >= first + 2);
    },
    remove: async name => {
      await admin.delete(systemsources, name);
      const present = async (): Promise<boolean> => (await admin.list(systemsources)).items.some(s => s.metadata.name === name);
      await until(`${name} is gone`, async () => !(await present()));
    },
    stop,
  };
}

/** Sources judge commits. */
const noImages = (): Promise<never> => Promise.reject(new Error('no images are judged'));

/** The source controller as the program composes it; events and logs are kept for the test. */
async function startController(kubeconfig: string): Promise<RunningController> {
  const transport = new Transport({ kubeConfig: loadKubeConfig(kubeconfig), userAgent: 'scantling-controller' });
  const client = createClient(transport);
  const [lines, events]: [string[], RecordedEvent[]] = [[], []];
  const log = createLog('debug', line => void lines.push(line));
  const repositories = createRepositories({ client, namespace: defaultNamespace, userAgent: 'scantling-test', now: Date.now });
  const stores = {
    sources: new Store<SourceView>(),
    definitions: new Store<OwnedView>(),
    addons: new Store<OwnedView>(),
    pools: new Store<OwnedView>(),
  };
  const record = { record: (event: RecordedEvent) => void events.push(event) };
  const policies = new Store<PolicyView>();
  const book = new PolicyBook({ policies });
  const [uses, figures] = [new Uses(), new TrustFigures()];
  const trust = createTrust({ book, figures, uses, verifier: { verify: noImages }, now: Date.now, removalMs: 0 });
  const secretSource = createClusterSources({ client, namespace: defaultNamespace, trustedRoot: noImages });
  const readSecret = (name: string) => secretSource.secret(name);
  const judging = createPolicyReconciler({
    client,
    book,
    sources: secretSource,
    roots: { lastFetched: () => Promise.resolve(undefined) },
    uses,
    figures,
    events: record,
    now: Date.now,
    wake: name => reading.enqueue(name),
    speaks: true,
  });
  const reading: Controller = new Controller({
    name: 'trust',
    reconcile: judging.reconcile,
    concurrency: 2,
    log,
    random: () => 0,
  });
  watchPolicies({ policies, trust }, name => reading.enqueue(name));
  const { reconcile, watch } = createSourceReconciler({
    client,
    repositories,
    sources: stores.sources,
    events: record,
    now: Date.now,
    random: () => 0,
    trust,
    readSecret,
  });
  const controller = new Controller({ name: 'source', reconcile, concurrency: 2, log, random: () => 0 });
  watch(stores, name => controller.enqueue(name));
  const reflectors = [
    new Reflector({ transport, log, resource: systemsources, project: projectSource, store: stores.sources }),
    new Reflector({ transport, log, resource: systemdefinitions, project: projectOwned, store: stores.definitions }),
    new Reflector({ transport, log, resource: systemaddons, project: projectOwned, store: stores.addons }),
    new Reflector({ transport, log, resource: systempools, project: projectOwned, store: stores.pools }),
    new Reflector({ transport, log, resource: trustpolicies, project: projectPolicy, store: policies }),
  ];
  for (const reflector of reflectors) reflector.start();
  await Promise.all(reflectors.map(reflector => reflector.synced()));
  for (const started of [reading, controller]) started.start();
  return {
    events,
    lines,
    openRevision: createOpenRevision({ client, repositories, trust, readSecret, now: Date.now }),
    stop: async () => {
      trust.stop();
      for (const stopped of [controller, reading]) await stopped.stop();
      await Promise.all(reflectors.map(reflector => reflector.stop()));
      for (const { name } of stores.sources.list()) await repositories.forget(name);
      await transport.close();
    },
  };
}
