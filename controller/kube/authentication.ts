/**
 * What a request carries to be let in. client-node knows every way (token files, exec plugins, OIDC, certificates); it is asked
 * at most every ten seconds, because it reads the CA file synchronously each time.
 */
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

/** Headers of every request, and the TLS material of every connection. */
export interface Credentials {
  headers: Readonly<Record<string, string>>;
  tls: Readonly<TlsMaterial>;
}

const tlsNames = ['ca', 'cert', 'key', 'rejectUnauthorized', 'servername'] as const;
export type TlsMaterial = { [K in (typeof tlsNames)[number]]?: NonNullable<RequestOptions[K]> };

const freshMs = 10_000;

export class Authentication {
  #config: KubeConfig;
  #current: { credentials: Promise<Credentials>; at: number } | undefined;

  constructor(config: KubeConfig) {
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
    const { clusters, users, contexts, currentContext } = this.#config;
    this.#config = new KubeConfig();
    this.#config.loadFromOptions({ clusters, users, contexts, currentContext });
    this.#current = undefined;
  }
}

async function read(config: KubeConfig): Promise<Credentials> {
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
