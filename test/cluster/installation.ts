/**
 * Scantling as Helm installs it, on a real node: the controller as its Deployment, the agent as its DaemonSet, builds as their Jobs, beside
 * simulated nodes whose agents come and go with the pods that the DaemonSet has there. Needs what a real node needs.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog, type Log } from '../../controller/telemetry/log.ts';
import { withLock } from '../tools/lock.mjs';
import { cacheDirectory } from '../tools/server-binaries.mjs';
import { HelmRelease } from './helm-release.ts';
import { InstalledController } from './installed-controller.ts';
import { Kubelets } from './kubelets.ts';
import { type AgentPod, SimulatedNode } from './nodes.ts';
import { removeDirectory, temporaryDirectory } from './processes.ts';
import { realNodeName, startRealCluster, type RealCluster } from './real-cluster.ts';
import { currentRelease, type Release } from './releases.ts';
import { serviceAccountToken } from './service-account-tokens.ts';

export interface InstallationOptions {
  /** How many simulated nodes (default 3), named node-1, node-2, … */
  nodes?: number;
  /** How long a simulated node is down while it reboots (default 1 s). */
  rebootMs?: number;
  /** Told what is being started, and what is waited for before that. */
  progress?: (line: string) => void;
  /** Called once nothing else on this machine is waited for. */
  onTurn?: () => void;
}

export interface Installation extends RealCluster {
  directory: string;
  kubelets: Kubelets;
  /** The simulated ones. */
  nodes: SimulatedNode[];
  controller: InstalledController;
  helm: HelmRelease;
  /** Of these sources; not installed yet. */
  release: Release;
  /** Makes another release known, so that simulated nodes run its agent where its pods are. */
  know(release: Release): void;
  log: Log;
  stop(): Promise<void>;
}

/** Label of the simulated nodes, which the real one does not have. */
export const workerLabel = { 'node-role.kubernetes.io/worker': '' } as const;

type Stops = (() => void | Promise<void>)[];

/** Starts everything but Scantling itself. Throws, with nothing left running, when a part does not start. */
export async function startInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const stops: Stops = [];
  const stop = async () => {
    const failures: unknown[] = [];
    for (const step of stops.splice(0).toReversed())
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    if (failures.length > 0) throw new AggregateError(failures, 'not all of the installation could be stopped');
  };
  try {
    return { ...(await start(options, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(options: InstallationOptions, stops: Stops): Promise<Omit<Installation, 'stop'>> {
  const progress = options.progress ?? (() => {});
  stops.push(await takeTurn(options.progress));
  options.onTurn?.();
  const directory = temporaryDirectory('installation');
  stops.push(() => removeDirectory(directory));
  const log = createLog('warn', line => appendFileSync(join(directory, 'simulation.log'), line));
  const cluster = await startRealCluster({ directory, log, progress, stops });
  progress('making the images, and pushing them to the registry');
  const release = await currentRelease({ registry: cluster.registry.host, directory });
  const programs = new Map([[release.images.controller, release.program]]);
  const kubelets = new Kubelets({ client: cluster.admin, transport: cluster.transport, log });
  await kubelets.start();
  stops.push(() => kubelets.stop());
  const nodes = simulatedNodes(options, cluster, { directory, log, kubelets, programs });
  stops.push(async () => {
    await Promise.all(nodes.map(node => node.stop()));
  });
  progress(`starting ${nodes.length} simulated nodes`);
  await Promise.all(nodes.map(node => node.start()));
  return {
    ...cluster,
    directory,
    kubelets,
    nodes,
    controller: new InstalledController({ admin: cluster.admin, node: cluster.realNode }),
    helm: new HelmRelease({ kubeconfig: cluster.controlPlane.adminKubeconfig, values: valuesOf(cluster), directory }),
    release,
    know: ({ images, program }) => {
      programs.set(images.controller, program);
    },
    log,
  };
}

/** The agent of a real node listens on a port of this machine's loopback address: one installation at a time. Returns what ends the turn. */
export async function takeTurn(tell?: (line: string) => void): Promise<() => Promise<void>> {
  const [taken, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const play = (): Promise<void> => {
    taken.resolve();
    return over.promise;
  };
  const turn = withLock(join(cacheDirectory(), 'installation.lock'), play, {
    waitsFor:
      'another run with a real node, a test or a demo: its agent has a port of this machine, so there can be one at a time',
    ...(tell ? { tell } : {}),
  });
  await Promise.race([taken.promise, turn]);
  return () => {
    over.resolve();
    return turn;
  };
}

const probes = { startupProbe: { periodSeconds: 1, failureThreshold: 60 }, readinessProbe: { periodSeconds: 1 } };

/** What the chart must be told of this cluster. */
function valuesOf({ registry, realHost }: RealCluster): object {
  return {
    insecureRegistries: [registry.host],
    // On a simulated node a pod only seems to run. Nothing is waited for longer than it takes: all start again and again.
    controller: { nodeSelector: { 'kubernetes.io/hostname': realNodeName }, ...probes },
    agent: { extraArgs: realHost.agentFlags, ...probes },
    // Longer than any node here is down; one that refuses to go is waited for in vain.
    uninstall: { timeoutSeconds: 30 },
  };
}

interface Simulation {
  directory: string;
  log: Log;
  kubelets: Kubelets;
  /** What images run, by reference. */
  programs: ReadonlyMap<string, Release['program']>;
}

function simulatedNodes(
  options: InstallationOptions,
  { base, proxy, transport }: RealCluster,
  { directory, log, kubelets, programs }: Simulation,
): SimulatedNode[] {
  const architectures = ['amd64', 'arm64'] as const;
  return Array.from({ length: options.nodes ?? 3 }, (_, i) => {
    const name = `node-${i + 1}`;
    const architecture = architectures[i % 2] ?? 'amd64';
    return new SimulatedNode({
      name,
      directory: join(directory, 'nodes', name),
      labels: workerLabel,
      architecture,
      booted: { image: base.image, digest: base.platforms[architecture] ?? '' },
      kubelets,
      kubeconfigFor: async node => proxy.kubeconfigFor(await serviceAccountToken(transport, 'scantling-agent', node)),
      agent: () => agentPod(kubelets, programs, name),
      ...(options.rebootMs === undefined ? {} : { rebootMs: options.rebootMs }),
      log,
    });
  });
}

/** The DaemonSet's pod on a simulated node, and the program of its image. */
function agentPod(kubelets: Kubelets, programs: Simulation['programs'], node: string): AgentPod | undefined {
  const ours = { 'app.kubernetes.io/name': 'scantling', 'app.kubernetes.io/component': 'agent' };
  const pod = kubelets.pods
    .byIndex('node', node)
    .find(p => !p.terminating && Object.entries(ours).every(([label, value]) => p.labels[label] === value));
  if (!pod) return undefined;
  const program = programs.get(pod.image);
  if (!program) throw new Error(`${pod.image} is of no release that is known here`);
  return { uid: pod.uid, program };
}
