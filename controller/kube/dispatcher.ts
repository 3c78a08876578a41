/** The connections to the API server. */
import { Agent, ProxyAgent, Socks5ProxyAgent, type Dispatcher } from 'undici';
import type { TlsMaterial } from './authentication.ts';
import { isKubeConfig, type ClusterAccess } from './cluster-access.ts';

const connectOptions = { timeout: 5_000, keepAlive: true, keepAliveInitialDelay: 30_000 };

/** HTTP/1.1, so that one stalled stream holds up only itself; idle connections are kept for less than the server's own 90 s. */
export function createDispatcher(config: ClusterAccess, tls: TlsMaterial): Dispatcher {
  // A plain access knows no proxy.
  const options = isKubeConfig(config)
    ? config.createDispatcherOptions(config.getCurrentCluster(), tls)
    : ({ type: 'none' } as const);
  const common = { allowH2: false, keepAliveTimeout: 60_000, keepAliveMaxTimeout: 80_000, pipelining: 1 };
  const connect = { ...connectOptions, ...tls };
  switch (options.type) {
    case 'proxy':
      return new ProxyAgent({ ...common, uri: options.uri, requestTls: connect });
    case 'socks':
      return new Socks5ProxyAgent(options.uri, { ...common, requestTls: connect });
    case 'agent':
    case 'none':
      return new Agent({ ...common, connect });
  }
}
