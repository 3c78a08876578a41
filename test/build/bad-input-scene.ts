/** Definitions as a person has them: applied to a real API server, built by the controller's own process with buildah, pushed to real registries. */
import { join } from 'node:path';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { imagebuilds, type ImageBuild } from '../../controller/api/image-build.ts';
import { defaultNamespace, requestedAt } from '../../controller/api/names.ts';
import { systemdefinitions, type SystemDefinition } from '../../controller/api/system-definition.ts';
import { systemsources, type SystemSource } from '../../controller/api/system-source.ts';
import { createClient, type Apply, type Client } from '../../controller/kube/client.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { ControllerProcess } from '../cluster/controller-process.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import { startGitServer } from '../cluster/git-server.ts';
import { install } from '../cluster/manifests.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { startRegistry, type RegistryServer } from '../cluster/registry.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';

/** A definition, and the ImageBuild that it follows, as they are at one time. */
export interface Seen {
  definition: SystemDefinition;
  build: ImageBuild | undefined;
}

export interface Scene {
  admin: Client;
  /** What is pushed to, and most bases. */
  server: RegistryServer;
  /** Another one, so that a base has to be copied from there. */
  bases: RegistryServer;
  /** Asks for credentials. */
  locked: RegistryServer;
  /** Too; who may in is changed by a test. */
  rotating: RegistryServer;
  registry: Registry;
  /** Followed by the SystemSource `fleet`. */
  repository: GitRepository;
  /** Throws what the API server says. */
  apply(name: string, spec: object): Promise<void>;
  /** Asks for a new look, as a person does who has mended something. */
  request(name: string): Promise<void>;
  secret(name: string, values: Readonly<Record<string, string>>): Promise<void>;
  /** Both objects, as soon as the condition holds; throws, with what they are, when it never does. */
  becomes(name: string, what: string, holds: (seen: Seen) => boolean): Promise<Seen>;
  controllerLog(): string;
  stop(): Promise<void>;
}

/** A machine that is busy must not fail for that. */
const limitMs = 300_000;

/** Starts all of it, or nothing. */
export async function startScene(): Promise<Scene> {
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

async function start(stops: (() => void | Promise<void>)[]): Promise<Omit<Scene, 'stop'>> {
  const started = <T extends { stop(): Promise<void> }>(part: T): T => {
    stops.push(() => part.stop());
    return part;
  };
  const directory = temporaryDirectory('bad-inputs');
  stops.push(() => removeDirectory(directory));
  const controlPlane = started(await startControlPlane());
  const [server, bases, locked, rotating] = [
    started(await startRegistry()),
    started(await startRegistry()),
    started(await startRegistry({ auth: 'basic' })),
    started(await startRegistry({ auth: 'basic' })),
  ];
  const repository = await started(await startGitServer()).createRepository('fleet');
  const transport = new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' });
  stops.push(() => transport.close());
  const admin = createClient(transport);
  // No pod runs here.
  await install(admin, { without: ['Deployment', 'DaemonSet'] });
  const hosts = [server, bases, locked, rotating].map(({ host }) => host);
  const registry = createRegistry({ insecureHosts: new Set(hosts), userAgent: 'scantling-test' });
  stops.push(() => registry.close());
  const controller = new ControllerProcess({
    program: await programFor({ source: true }),
    kubeconfig: controlPlane.kubeconfigFor(await serviceAccountToken(transport, 'scantling-controller')),
    insecureRegistries: hosts,
    flags: ['--builders=process', '--concurrent-builds=8', `--build-directory=${join(directory, 'builds')}`],
    logFile: join(directory, 'controller.log'),
  });
  await controller.start();
  stops.push(() => controller.stop());
  await followed(admin, repository);
  const controllerLog = (): string => controller.tail(40);
  return { admin, server, bases, locked, rotating, registry, repository, controllerLog, ...objects(admin) };
}

/** Makes the controller follow the repository; the definitions of the table are applied by hand and read files of it. */
async function followed(admin: Client, repository: GitRepository): Promise<void> {
  const idle: object = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemDefinition',
    metadata: { name: 'idle' },
    spec: {
      base: { image: 'registry.example/none:1' },
      output: { repository: 'registry.example/idle' },
      build: { suspend: true },
    },
  };
  await repository.commit({ 'documents/idle.yaml': JSON.stringify(idle) }, 'Begin');
  const source: Apply<SystemSource> = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemSource',
    metadata: { name: 'fleet' },
    spec: { url: repository.url, allowInsecure: true, interval: '1s', path: 'documents' },
  };
  await admin.apply(systemsources, source, { fieldManager: 'kubectl' });
}

type Objects = Pick<Scene, 'apply' | 'request' | 'secret' | 'becomes'>;

function objects(admin: Client): Objects {
  let requests = 0;
  const buildOf = async ({ status }: SystemDefinition): Promise<ImageBuild | undefined> => {
    if (status?.latestBuild === undefined) return undefined;
    try {
      return await admin.get(imagebuilds, status.latestBuild);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    async apply(name, spec) {
      const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', metadata: { name }, spec };
      await admin.apply(systemdefinitions, object, { fieldManager: 'kubectl' });
    },
    async request(name) {
      const metadata = { annotations: { [requestedAt]: String(++requests) } };
      await admin.mergePatch(systemdefinitions, name, { metadata }, { fieldManager: 'kubectl-annotate' });
    },
    async secret(name, values) {
      const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
      const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: defaultNamespace }, data };
      await admin.apply(secrets, object, { fieldManager: 'kubectl' });
    },
    async becomes(name, what, holds) {
      let last: Seen | undefined;
      const look = async (): Promise<boolean> => {
        const definition = await admin.get(systemdefinitions, name);
        last = { definition, build: await buildOf(definition) };
        return holds(last);
      };
      try {
        await until(`${name}: ${what}`, look, limitMs);
      } catch (error) {
        const { definition, build } = last ?? {};
        throw new Error(`${name} is ${JSON.stringify([definition?.status, build?.status], undefined, 1)}`, { cause: error });
      }
      if (!last) throw new Error(`${name} is gone`);
      return last;
    },
  };
}

/** True when the definition has an image of its present spec. */
export function isBuilt({ definition: { metadata, status } }: Seen): boolean {
  const ready = conditionOf(status?.conditions, 'Ready');
  return ready?.status === 'True' && ready.observedGeneration === metadata.generation;
}

/** What an object says of itself: its reason, its message, and which of Reconciling and Stalled it is. */
export function saidBy(object: SystemDefinition | ImageBuild | undefined): { reason: string; message: string; is: string } {
  const { conditions } = object?.status ?? {};
  const ready = conditionOf(conditions, 'Ready');
  const is = ['Reconciling', 'Stalled'].filter(type => isTrue(conditions, type)).join(' and ');
  if (ready?.status !== 'False') return { reason: '', message: '', is };
  return { reason: ready.reason, message: ready.message, is };
}
