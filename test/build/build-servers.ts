/** What the controllers of builds live in: a real API server behind the fault proxy, real registries, and the controller's own ServiceAccount. */
import { type Client, createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type ControlPlaneOptions, startControlPlane } from '../cluster/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../cluster/fault-proxy.ts';
import { install } from '../cluster/manifests.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';

export interface BuildServers {
  /** Past the proxy. */
  admin: Client;
  proxy: FaultProxy;
  server: RegistryServer;
  /** Asks for credentials. */
  locked: RegistryServer;
  /** For both. */
  registry: Registry;
  /** Of the controller, through the proxy. */
  transport: Transport;
  stop(): Promise<void>;
}

/** Starts all of it, or nothing. No pod runs here, and the controller is started by the test. */
export async function startBuildServers(o: ControlPlaneOptions = {}): Promise<BuildServers> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  try {
    return { ...(await start(stops, o)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(stops: (() => Promise<void>)[], o: ControlPlaneOptions): Promise<Omit<BuildServers, 'stop'>> {
  const started = <T extends { stop(): Promise<void> }>(part: T): T => {
    stops.push(() => part.stop());
    return part;
  };
  const closed = <T extends { close(): Promise<void> }>(part: T): T => {
    stops.push(() => part.close());
    return part;
  };
  const controlPlane = started(await startControlPlane(o));
  const server = started(await startRegistry());
  const locked = started(await startRegistry({ auth: 'token' }));
  const proxy = started(await startFaultProxy(controlPlane));
  const direct = closed(new Transport({ kubeConfig: loadKubeConfig(controlPlane.adminKubeconfig), userAgent: 'admin' }));
  const admin = createClient(direct);
  await install(admin, { without: ['Deployment', 'DaemonSet'] });
  const token = await serviceAccountToken(direct, 'scantling-controller');
  const kubeConfig = loadKubeConfig(proxy.kubeconfigFor(token));
  const transport = closed(new Transport({ kubeConfig, userAgent: 'scantling-controller' }));
  const insecureHosts = new Set([server.host, locked.host]);
  const registry = closed(createRegistry({ insecureHosts, userAgent: 'scantling-test' }));
  return { admin, proxy, server, locked, registry, transport };
}
