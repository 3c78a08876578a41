/**
 * A cluster whose pods really run: control plane and one real node, with a registry and a Git server that pods reach as programs of this
 * machine do. Pods find the API server by the address of its Service, through the proxy that records. The node's host is a fake one.
 */
import { join } from 'node:path';
import { createClient, type Client } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import type { Log } from '../../controller/telemetry/log.ts';
import { pushBaseImage, type BaseImage } from './base-image.ts';
import { apiServerAddress, startControlPlane, type ControlPlane } from './control-plane.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import { startGitServer, type GitServer } from './git-server.ts';
import { InstalledHost } from './installed-host.ts';
import { freeServiceRange } from './real-node/outside.ts';
import { realNodeControlPlane, startRealNode, type RealNode } from './real-node/real-node.ts';
import { startRegistry, type RegistryServer } from './registry.ts';
import { startServiceFront } from './service-front.ts';

export interface RealCluster {
  controlPlane: ControlPlane;
  /** In front of the API server for pods and agents; records what they ask. */
  proxy: FaultProxy;
  registry: RegistryServer;
  git: GitServer;
  base: BaseImage;
  /** A cluster administrator's, past the proxy. */
  transport: Transport;
  admin: Client;
  realNode: RealNode;
  realHost: InstalledHost;
}

export interface RealClusterOptions {
  directory: string;
  log: Log;
  progress: (line: string) => void;
  /** Given what ends each part, in the order in which they were started. */
  stops: (() => void | Promise<void>)[];
}

export const realNodeName = 'real';

/** Starts it; what was started is in `stops`, also when this throws because a part does not start. */
export async function startRealCluster({ directory, log, progress, stops }: RealClusterOptions): Promise<RealCluster> {
  const serviceRange = freeServiceRange();
  const controlPlane = await startControlPlane({
    ...realNodeControlPlane,
    directory: join(directory, 'control-plane'),
    serviceRange,
    // Long enough that a busy machine does not make a node seem lost.
    nodeMonitor: { graceSeconds: 30 },
    // Tests install, remove and install again.
    rolesComeAndGo: true,
    log: progress,
  });
  stops.push(() => controlPlane.stop());
  const proxy = await startFaultProxy(controlPlane);
  stops.push(() => proxy.stop());
  const kubeConfig = loadKubeConfig(controlPlane.adminKubeconfig);
  const transport = new Transport({ kubeConfig, userAgent: 'scantling-test-administrator', connections: 16 });
  stops.push(() => transport.close());
  const admin = createClient(transport);

  progress('starting a real node');
  const realHost = new InstalledHost({ directory: join(directory, 'nodes', realNodeName), log });
  const apiServer = apiServerAddress(serviceRange);
  const node = { name: realNodeName, services: [apiServer], bootIDFile: realHost.bootIDFile };
  const realNode = await startRealNode({ controlPlane, admin, ...node });
  stops.push(() => realNode.stop());
  const front = await startServiceFront({ address: apiServer, port: 443, to: Number(new URL(proxy.url).port) });
  stops.push(() => front.stop());
  const registry = await startRegistry({ address: realNode.address });
  stops.push(() => registry.stop());
  realNode.allowPlainHttp(registry.host);
  const git = await startGitServer({ address: realNode.address });
  stops.push(() => git.stop());

  // The registry is at the node's address, so the image that its host was installed from comes after the node.
  const base = await pushBaseImage({ registry: registry.host });
  realHost.installFrom({ image: base.image, digest: base.platforms[realHost.architecture] ?? '' });
  realHost.start(realNode);
  stops.push(() => realHost.stop());
  return { controlPlane, proxy, registry, git, base, transport, admin, realNode, realHost };
}
