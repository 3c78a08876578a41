/** A real API server behind the fault proxy, for the tests of the runtime. */
import type { KubeObject } from '../../controller/api/meta.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { createClient, type Client } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport, type TransportOptions } from '../../controller/kube/transport.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../cluster/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../cluster/fault-proxy.ts';

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

export const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false };

export interface Api {
  cluster: ControlPlane;
  proxy: FaultProxy;
  /** Past the proxy: it meets no fault and is not recorded. */
  admin: Client;
  /** Through the proxy; closed with the fixture. */
  transport(options?: Partial<TransportOptions>): Transport;
  /** A new namespace, so that tests beside each other do not meet. */
  namespace(): Promise<string>;
  stop(): Promise<void>;
}

let namespaceNumber = 0;

export async function startApi(o: ControlPlaneOptions = {}): Promise<Api> {
  const cluster = await startControlPlane(o);
  const proxy = await startFaultProxy(cluster);
  const direct = new Transport({ kubeConfig: loadKubeConfig(cluster.adminKubeconfig), userAgent: 'admin' });
  const transports: Transport[] = [direct];
  const admin = createClient(direct);
  return {
    cluster,
    proxy,
    admin,
    transport: options => {
      const kubeConfig = loadKubeConfig(proxy.kubeconfigFor(cluster.adminToken));
      const transport = new Transport({ kubeConfig, userAgent: 'test', random: () => 0, ...options });
      transports.push(transport);
      return transport;
    },
    namespace: async () => {
      const name = `test-${namespaceNumber++}`;
      await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      return name;
    },
    stop: async () => {
      for (const transport of transports) await transport.close();
      await proxy.stop();
      await cluster.stop();
    },
  };
}

export const configMap = (namespace: string, name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

export const fieldManager = 'test';

/** A client through the proxy with a namespace of its own, and the calls and faults of just that. */
export async function startScene(api: Api, options: Partial<TransportOptions> = {}) {
  const namespace = await api.namespace();
  const transport = api.transport(options);
  const client = createClient(transport);
  const calls = () => api.proxy.calls({ namespace });
  const put = (name: string, value = '1') => client.apply(configMaps, configMap(namespace, name, { value }), { fieldManager });
  return { namespace, transport, client, calls, put, at: { namespace } };
}
