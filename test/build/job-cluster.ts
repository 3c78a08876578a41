/** Builds as they are in a cluster: the real controller, the builder image in pods on a real node, and a registry that both reach. */
import { join } from 'node:path';
import { jobs, pods, secrets, type Job, type Pod } from '../../controller/api/core.ts';
import { imagebuilds, type ImageBuild } from '../../controller/api/image-build.ts';
import { buildLabel, defaultNamespace } from '../../controller/api/names.ts';
import { systemdefinitions, type SystemDefinition, type SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { createClient, type Client } from '../../controller/kube/client.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { ControllerProcess } from '../cluster/controller-process.ts';
import { Kubelets } from '../cluster/kubelets.ts';
import { install } from '../cluster/manifests.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { buildPodImage } from '../cluster/real-node/pod-image.ts';
import { realNodeControlPlane, startRealNode, type RealNode } from '../cluster/real-node/real-node.ts';
import { startRegistry, type RegistryServer } from '../cluster/registry.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';
import { pushBase, shellLayer } from './build-fixture.ts';

type DefinitionChange = Partial<Omit<SystemDefinitionSpec, 'build'>> & { build?: Partial<SystemDefinitionSpec['build']> };

export interface JobCluster {
  admin: Client;
  node: RealNode;
  server: RegistryServer;
  registry: Registry;
  /** `host/repository@digest`: a base with a shell. */
  base: string;
  controller: ControllerProcess;
  /** Creates or changes a definition of that name on the base, with a repository of its own. */
  define(name: string, spec: DefinitionChange): Promise<void>;
  /** The newest build of a definition, as soon as the condition holds. Throws, saying what it is, after two minutes. */
  becomes(definition: string, what: string, holds: (build: ImageBuild) => boolean | Promise<boolean>): Promise<ImageBuild>;
  jobsOf(build: ImageBuild): Promise<Job[]>;
  podsOf(build: ImageBuild): Promise<Pod[]>;
  /** What its container has written so far. */
  logOf(pod: Pod | undefined): Promise<string>;
  /** As `kubectl delete` does: its pods go too. */
  deleteJob(job: Job): Promise<void>;
  secret(name: string, values: Readonly<Record<string, string>>): Promise<void>;
  /** Ends the controller and starts it with other flags beside those that it needs. */
  restartController(flags?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** A test on a busy machine must not fail for that; this is how long a thing may take that should happen. */
const limitMs = 120_000;
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** Starts all of it, or nothing. */
export async function startJobCluster(): Promise<JobCluster> {
  const stops: (() => void | Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  try {
    return { ...(await start(stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(stops: (() => void | Promise<void>)[]): Promise<Omit<JobCluster, 'stop'>> {
  const directory = temporaryDirectory('jobs');
  stops.push(() => removeDirectory(directory));
  const image = await buildPodImage('builder');
  const controlPlane = await startControlPlane(realNodeControlPlane);
  stops.push(() => controlPlane.stop());
  const transport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' });
  stops.push(() => transport.close());
  const admin = createClient(transport);
  await install(admin, { without: ['Deployment', 'DaemonSet'] });
  const node = await startRealNode({ controlPlane, admin, images: [image.archive] });
  stops.push(() => node.stop());
  // Where all nodes are lost, Kubernetes takes that for its own fault and evicts nothing: another, of a kind that no build runs on, goes on.
  const kubelets = new Kubelets({ client: admin, transport, log: createLog('silent') });
  await kubelets.start();
  stops.push(() => kubelets.stop());
  await kubelets.register({ name: 'bystander', architecture: architecture === 'amd64' ? 'arm64' : 'amd64', bootID: 'bystander' });
  const server = await startRegistry({ address: node.address });
  stops.push(() => server.stop());
  node.allowPlainHttp(server.host);
  const registry = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test' });
  stops.push(() => registry.close());
  const { image: base } = await pushBase(registry, `${server.host}/base/shell`, {
    layers: [shellLayer()],
    architecture,
  });

  const kubeconfig = controlPlane.kubeconfigFor(await serviceAccountToken(transport, 'scantling-controller'));
  const program = await programFor({ source: true });
  const controllerWith = (flags: readonly string[]) =>
    new ControllerProcess({
      program,
      kubeconfig,
      insecureRegistries: [server.host],
      flags: ['--builders=job', '--concurrent-builds=8', `--builder-image=${image.name}`, ...flags],
      logFile: join(directory, 'controller.log'),
    });
  const cluster = {
    admin,
    node,
    server,
    registry,
    base,
    controller: controllerWith([]),
    ...definitions(admin, server.host, base),
    async restartController(flags: readonly string[] = []) {
      await cluster.controller.stop();
      cluster.controller = controllerWith(flags);
      await cluster.controller.start();
    },
  };
  stops.push(() => cluster.controller.stop());
  await cluster.controller.start();
  return cluster;
}

const selected = (build: ImageBuild) => ({
  namespace: defaultNamespace,
  labelSelector: `${buildLabel}=${build.metadata.uid}`,
});

function definitions(
  admin: Client,
  host: string,
  base: string,
): Pick<JobCluster, 'define' | 'becomes' | 'jobsOf' | 'podsOf' | 'logOf' | 'deleteJob' | 'secret'> {
  const buildOf = async (definition: string): Promise<ImageBuild | undefined> => {
    const { status } = await admin.get(systemdefinitions, definition);
    if (!status?.latestBuild) return undefined;
    try {
      return await admin.get(imagebuilds, status.latestBuild);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    async define(name, { build, ...spec }) {
      const output = { repository: `${host}/systems/${name}` };
      const definition: SystemDefinition = {
        apiVersion: 'scantling.dev/v1alpha1',
        kind: 'SystemDefinition',
        metadata: { name },
        // Never by the process of the controller, which has the whole machine to use up.
        spec: { base: { image: base }, output, build: { builder: 'Job', ...build }, ...spec } as SystemDefinitionSpec,
      };
      await admin.apply(systemdefinitions, definition, { fieldManager: 'kubectl' });
    },
    async becomes(definition, what, holds) {
      let last: ImageBuild | undefined;
      try {
        const done = async (): Promise<boolean> => {
          last = await buildOf(definition);
          return last !== undefined && holds(last);
        };
        await until(`${definition}: ${what}`, done, limitMs);
      } catch (error) {
        const { status } = await admin.get(systemdefinitions, definition);
        throw new Error(`the build is ${JSON.stringify(last?.status)}, its definition ${JSON.stringify(status)}`, {
          cause: error,
        });
      }
      if (!last) throw new Error(`${definition} has no build`);
      return last;
    },
    jobsOf: async build => (await admin.list(jobs, selected(build))).items,
    podsOf: async build => (await admin.list(pods, selected(build))).items,
    logOf: pod =>
      admin.podLog(
        { name: pod?.metadata.name ?? '', namespace: defaultNamespace },
        { tailLines: 10_000, limitBytes: 8 * 1024 * 1024 },
      ),
    deleteJob: ({ metadata }) => admin.delete(jobs, metadata.name, { namespace: defaultNamespace }),
    async secret(name, values) {
      const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: defaultNamespace }, data };
      await admin.apply(secrets, secret, { fieldManager: 'kubectl' });
    },
  };
}

/** A condition for `becomes`. */
export const inPhase =
  (...phases: string[]) =>
  (build: ImageBuild): boolean =>
    phases.includes(build.status?.phase ?? '');

/** Reason and message of the condition Ready. */
export function ready(build: ImageBuild): { reason: string; message: string } {
  const condition = build.status?.conditions?.find(c => c.type === 'Ready');
  return { reason: condition?.reason ?? '', message: condition?.message ?? '' };
}
