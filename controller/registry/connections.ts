// By default import: see build/authorities.ts.
import tls from 'node:tls';
import type { SecureContext } from 'node:tls';
import { Agent, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { messageOf } from '../api/errors.ts';
import type { Certificates } from './configuration.ts';
import { sha256 } from './digest.ts';
import { proxyFor } from './proxy.ts';
import type { ProxySettings } from './proxy.ts';
import { TryAgain } from './retry.ts';

const connectMs = 10_000;
/** Sets of certificates and proxies in use at once; a change of certificates leaves an old set behind, which goes as the oldest. */
const maxAgents = 32;

/** Connections to all hosts, kept apart by the certificates and the proxy that they were made with. */
export class Connections {
  readonly #proxy: ProxySettings;
  readonly #ca: string | undefined;
  readonly #idleMs: number;
  readonly #agents = new Map<string, Dispatcher>();
  readonly #keys = new WeakMap<Certificates, string>();

  /** `ca`: PEM of authorities that are trusted for every host, besides the system's. */
  constructor(options: { proxy?: ProxySettings | undefined; ca?: string | undefined; idleMs: number }) {
    this.#proxy = options.proxy ?? {};
    this.#ca = options.ca;
    this.#idleMs = options.idleMs;
  }

  /** What sends requests to a URL with the certificates given for it. */
  dispatcherFor(url: URL, certificates: Certificates): Dispatcher {
    const proxy = proxyFor(url, this.#proxy);
    const key = `${this.#keyOf(certificates)} ${proxy ?? ''}`;
    const present = this.#agents.get(key);
    const agent = present ?? this.#open(url, certificates, proxy);
    this.#agents.delete(key);
    this.#agents.set(key, agent);
    for (const [oldest, old] of this.#agents) {
      if (this.#agents.size <= maxAgents) break;
      this.#agents.delete(oldest);
      // Waits for the requests under way; its connections fail only after they have, and then nobody asks.
      old.close().catch(() => old.destroy());
    }
    return agent;
  }

  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map(agent => agent.destroy()));
  }

  #open(url: URL, certificates: Certificates, proxy: string | undefined): Dispatcher {
    const secureContext = this.#contextOf(url, certificates);
    const tls = { timeout: connectMs, ...(secureContext === undefined ? {} : { secureContext }) };
    // Requests at once are bounded per host before they come here, which a connection for all of them (HTTP/2) would not be.
    const timeouts = { headersTimeout: this.#idleMs, bodyTimeout: this.#idleMs, allowH2: false };
    if (proxy === undefined) return new Agent({ ...timeouts, connect: tls });
    return new ProxyAgent({ ...timeouts, uri: proxy, proxyTunnel: false, requestTls: tls, connectTimeout: connectMs });
  }

  /** Authorities are added to the system's, as docker's and containers' certs.d do; one context serves all connections. */
  #contextOf(url: URL, { ca, cert, key }: Certificates): SecureContext | undefined {
    if (ca === undefined && cert === undefined && this.#ca === undefined) return undefined;
    const own = [ca, this.#ca].filter(pem => pem !== undefined);
    try {
      return tls.createSecureContext({
        ...(own.length === 0 ? {} : { ca: [...tls.getCACertificates('default'), ...own] }),
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
      });
    } catch (error) {
      throw new TryAgain('RegistryUnavailable', `${url.host}: the certificates for it cannot be used: ${messageOf(error)}`);
    }
  }

  #keyOf(certificates: Certificates): string {
    const known = this.#keys.get(certificates);
    if (known !== undefined) return known;
    const { ca, cert, key } = certificates;
    const made = ca === undefined && cert === undefined ? '' : sha256(JSON.stringify([ca, cert, key]));
    this.#keys.set(certificates, made);
    return made;
  }
}
