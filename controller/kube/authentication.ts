/**
 * What a request carries to be let in. client-node knows every way (token files, exec plugins, OIDC, certificates); it is asked
 * at most every ten seconds, because it reads the CA file synchronously each time.
 */
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { isKubeConfig, type ClusterAccess } from './cluster-access.ts';

/** Headers of every request, and the TLS material of every connection. */
export interface Credentials {
  headers: Readonly<Record<string, string>>;
  tls: Readonly<TlsMaterial>;
}

const tlsNames = ['ca', 'cert', 'key', 'rejectUnauthorized', 'servername'] as const;
export type TlsMaterial = { [K in (typeof tlsNames)[number]]?: NonNullable<RequestOptions[K]> };

const freshMs = 10_000;

export class Authentication {
  #config: ClusterAccess;
  #current: { credentials: Promise<Credentials>; at: number } | undefined;

  constructor(config: ClusterAccess) {
    this.#config = config;
  }

  /** The credentials to use now. Rejects when a token file is absent or an exec plugin fails. */
  async credentials(): Promise<Credentials> {
    const now = performance.now();
    if (!this.#current || now - this.#current.at > freshMs) this.#current = { credentials: read(this.#config), at: now };
    const current = this.#current;
    try {
      return await current.credentials;
    } catch (error) {
      if (this.#current === current) this.#current = undefined;
      throw error;
    }
  }

  /** Forgets every token, also those that the library remembers; called when the server answers 401. */
  refresh(): void {
    // A plain access reads its files each time and remembers nothing.
    if (isKubeConfig(this.#config)) this.#config = copyOf(this.#config);
    this.#current = undefined;
  }
}

/** What authenticators remember is in the objects that loadFromOptions makes anew. The class is the object's own, so that the library is not loaded for its name. */
function copyOf({ constructor, clusters, users, contexts, currentContext }: KubeConfig): KubeConfig {
  const copy = new (constructor as new () => KubeConfig)();
  copy.loadFromOptions({ clusters, users, contexts, currentContext });
  return copy;
}

async function read(config: ClusterAccess): Promise<Credentials> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token read from a file may end in a newline, which no header may.
    if (typeof value === 'string') headers[name] = value.trim();
  }
  if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return { headers, tls: tlsOf(options) };
}

function tlsOf(options: RequestOptions): TlsMaterial {
  return Object.fromEntries(tlsNames.filter(name => options[name] !== undefined).map(name => [name, options[name]]));
}
