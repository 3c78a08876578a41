/** The cluster that a person's command speaks to, by kubectl's rules. */
import { createClient, type Client } from '../kube/client.ts';
import { accessAsPerson } from '../kube/cluster-access.ts';
import { type Answer, Transport } from '../kube/transport.ts';
import { proxyFor, proxyFromEnvironment } from '../registry/proxy.ts';
import type { Invocation } from '../running.ts';
import { userAgent } from '../version.ts';

export interface Cluster {
  client: Client;
  transport: Transport;
  close(): Promise<void>;
}

/** `fence`: false while nothing but Leases may be written. `observe` is told of every answer. */
export async function connect(
  { config }: Invocation,
  component: string,
  options: { fence?: () => boolean; observe?: (answer: Answer) => void } = {},
): Promise<Cluster> {
  const proxy = proxyFromEnvironment(process.env);
  const { cluster, user, server, token, as, 'as-group': asGroups } = config;
  const choices = {
    context: config['kube-context'],
    cluster,
    user,
    server,
    token,
    as,
    asGroups,
    proxyOf: (url: URL) => proxyFor(url, proxy),
  };
  const access = await accessAsPerson(config.kubeconfig || undefined, choices);
  const transport = new Transport({
    ...access,
    userAgent: userAgent(component),
    readTimeoutMs: config['request-timeout'],
    ...options,
  });
  return { client: createClient(transport), transport, close: () => transport.close() };
}
