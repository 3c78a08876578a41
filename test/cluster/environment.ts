/**
 * Everything together: control plane, registry, Git server, the plain install, controller and agents under their own ServiceAccounts,
 * and simulated nodes. What the demo, `npm run cluster` and end-to-end tests run on.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createLog, type Log } from '../../controller/telemetry/log.ts';
import { pushBaseImage, type BaseImage } from './base-image.ts';
import { startControlPlane } from './control-plane.ts';
import { ControllerProcess } from './controller-process.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { startGitServer } from './git-server.ts';
import type { BootcVersion } from './host/state.ts';
import { Kubelets } from './kubelets.ts';
import { install } from './manifests.ts';
import { lastingAgent, SimulatedNode } from './nodes.ts';
import { removeDirectory, temporaryDirectory } from './processes.ts';
import { programFor } from './program.ts';
import type { RealCluster } from './real-cluster.ts';
import { startRegistry } from './registry.ts';
import { serviceAccountToken } from './service-account-tokens.ts';

export interface EnvironmentOptions {
  /** How many simulated nodes (default 5), named node-1, node-2, … */
  nodes?: number;
  /** Labels of every node; default the worker role. */
  labels?: Readonly<Record<string, string>>;
  /** Releases of bootc that the nodes have, in turn; default next. */
  bootcVersions?: readonly BootcVersion[];
  /** How long a node is down while it reboots (default 1 s). */
  rebootMs?: number;
  /** Program that runs the controller and the agents; default: the sources, by this Node. */
  program?: readonly [command: string, ...args: string[]];
  controllerFlags?: readonly string[];
  /** Hosts of further registries that are spoken to by plain http. */
  otherRegistries?: readonly string[];
  /** False: no scheduler, no Deployments, evictions or node lifecycle, and no Leases for it (default true). */
  workloads?: boolean;
  /** False: the controller is made, but not started. */
  startController?: boolean;
  /** True: the controller is started again when it ends by itself. */
  keepController?: boolean;
  /** Kept when given; otherwise a temporary one that is removed at the end. */
  directory?: string;
  /** Told what is being started. */
  progress?: (line: string) => void;
}

/** With the servers of a cluster whose pods really run, but no node on which they do. */
export interface Environment extends Omit<RealCluster, 'realNode' | 'realHost'> {
  directory: string;
  kubelets: Kubelets;
  nodes: SimulatedNode[];
  controller: ControllerProcess;
  log: Log;
  /** Ends everything, in an order in which nothing complains. */
  stop(): Promise<void>;
}

/** Starts it all; resolves when the controller is ready and every node is. Throws, with nothing left running, when a part does not start. */
export async function startEnvironment(options: EnvironmentOptions = {}): Promise<Environment> {
  const directory = options.directory ?? temporaryDirectory('environment');
  mkdirSync(directory, { recursive: true });
  const progress = options.progress ?? (() => {});
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    const failures: unknown[] = [];
    for (const step of stops.splice(0).toReversed()) await step().catch((error: unknown) => failures.push(error));
    if (options.directory === undefined) removeDirectory(directory);
    if (failures.length > 0) throw new AggregateError(failures, 'not all of the environment could be stopped');
  };
  try {
    return await start({ ...options, directory, progress }, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: EnvironmentOptions & { directory: string; progress: (line: string) => void },
  stops: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Environment> {
  const { directory, progress } = options;
  // Of the simulation itself; on a terminal it would break the table.
  const log = createLog('warn', line => appendFileSync(join(directory, 'simulation.log'), line));
  const registry = await startRegistry();
  stops.push(() => registry.stop());
  const git = await startGitServer();
  stops.push(() => git.stop());
  const controlPlane = await startControlPlane({
    ...(options.workloads === false ? {} : { controllers: 'demo', scheduler: true }),
    directory: join(directory, 'control-plane'),
    apiServerFlags: ['--allow-privileged=true'],
    // Long enough that a busy machine does not make a node seem lost.
    nodeMonitor: { graceSeconds: 30 },
    log: progress,
  });
  stops.push(() => controlPlane.stop());
  const proxy = await startFaultProxy(controlPlane);
  stops.push(() => proxy.stop());
  const transport = new Transport({
    kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig),
    userAgent: 'scantling-test-administrator',
    connections: 16,
  });
  stops.push(() => transport.close());
  const admin = createClient(transport);

  progress('installing CRDs and manifests');
  const base = await pushBaseImage({ registry: registry.host });
  // The controller is a process here. The agents are too, but the pods of their DaemonSet show that a drain leaves such pods.
  await install(admin, { without: ['Deployment'] });

  const program = options.program ?? (await programFor({ source: true }));
  const controller = new ControllerProcess({
    program,
    kubeconfig: proxy.kubeconfigFor(await serviceAccountToken(transport, 'scantling-controller')),
    insecureRegistries: [registry.host, ...(options.otherRegistries ?? [])],
    logFile: join(directory, 'controller.log'),
    keep: options.keepController ?? false,
    ...(options.controllerFlags ? { flags: options.controllerFlags } : {}),
  });
  if (options.startController !== false) {
    progress('starting controller');
    await controller.start();
  }
  stops.push(() => controller.stop());

  const kubelets = new Kubelets({ client: admin, transport, log, leases: options.workloads !== false });
  await kubelets.start();
  stops.push(() => kubelets.stop());
  const nodes = makeNodes(options, { base, kubelets, log, program }, async node =>
    proxy.kubeconfigFor(await serviceAccountToken(transport, 'scantling-agent', node)),
  );
  stops.push(async () => {
    await Promise.all(nodes.map(node => node.stop()));
  });
  progress(`starting ${nodes.length} nodes`);
  await Promise.all(nodes.map(node => node.start()));
  return { directory, controlPlane, proxy, registry, git, base, transport, admin, kubelets, nodes, controller, log, stop };
}

function makeNodes(
  options: EnvironmentOptions & { directory: string },
  parts: { base: BaseImage; kubelets: Kubelets; log: Log; program: readonly [command: string, ...args: string[]] },
  kubeconfigFor: (node: { name: string; uid: string }) => Promise<string>,
): SimulatedNode[] {
  const { base, kubelets, log, program } = parts;
  const versions = options.bootcVersions ?? ['next'];
  const architectures = ['amd64', 'arm64'] as const;
  return Array.from({ length: options.nodes ?? 5 }, (_, i) => {
    const name = `node-${i + 1}`;
    const architecture = architectures[i % 2] ?? 'amd64';
    return new SimulatedNode({
      name,
      directory: join(options.directory, 'nodes', name),
      labels: options.labels ?? { 'node-role.kubernetes.io/worker': '' },
      architecture,
      bootcVersion: versions[i % versions.length] ?? 'next',
      booted: { image: base.image, digest: base.platforms[architecture] ?? '' },
      kubelets,
      kubeconfigFor,
      agent: lastingAgent(program),
      ...(options.rebootMs === undefined ? {} : { rebootMs: options.rebootMs }),
      ...(options.otherRegistries ? { otherRegistries: options.otherRegistries } : {}),
      log,
    });
  });
}
