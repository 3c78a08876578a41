/** A real OCI registry of this machine, with requests recorded and faults on demand. */
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  Agent,
  type ClientRequest,
  createServer,
  get,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Certificate, createAuthority } from './certificates.ts';
import { HttpFaults } from './http-faults.ts';
import { directoryInMemory, freePort, removeDirectory, startProcess } from './processes.ts';
import { distribution, referrersRegistry } from './registry-program.ts';
import { tokenService } from './registry-token.ts';

/** Who may push and pull where a registry asks for credentials. The registry keeps only bcrypt hashes, so this one is made ahead. */
export const registryCredentials = { username: 'scantling', password: 'not-a-secret' } as const;
const basic = `Basic ${Buffer.from(`${registryCredentials.username}:${registryCredentials.password}`).toString('base64')}`;
const htpasswd = 'scantling:$2b$04$scantlingscantlingscaeVbqjo5bBfui2HU90i9yyU.xivt3NDf2\n';

export interface RegistryOptions {
  /** `distribution`, which has no referrers API and can mount blobs, or `referrers`, which has the one and cannot do the other. */
  kind?: 'distribution' | 'referrers';
  /**
   * https with this certificate; with `clientAuthority` (PEM), only for clients that show one of it. Default: plain http.
   * What is behind names itself with http, as a registry does whose proxy does not tell it, unless `forwarded`.
   */
  tls?: Certificate & { clientAuthority?: string; forwarded?: boolean };
  /** Whether manifests can be deleted; only distribution knows otherwise. Default: true. */
  deletion?: boolean;
  /** `basic`: htpasswd. `token`: a token service with the Bearer flow of the distribution specification. Default: open to all. */
  auth?: 'basic' | 'token';
  /** Kept when given, so that a registry can be started again on what it had. */
  directory?: string;
  /** Where it listens; default 127.0.0.1. Pods on a real node reach only that node's address. */
  address?: string;
}

export interface RegistryServer {
  /** address:port */
  host: string;
  /** What clients asked, and the place to make it fail. Requests for tokens are in it too, under /token. */
  requests: HttpFaults;
  directory: string;
  stop(): Promise<void>;
}

/** Headers that say how to authorise. */
type Refusal = Record<string, string>;

interface Behind {
  port: number;
  agent: Agent;
  requests: HttpFaults;
  /** Headers that tell it what the client spoke. */
  forwarded: Record<string, string>;
  /** For a registry that does not look at credentials itself. */
  refuses: (incoming: IncomingMessage) => Refusal | undefined;
}

/** Passes requests on to the registry behind, with the Host header as it was: the registry makes its Location headers of it. */
function forward({ port, agent, requests, forwarded, refuses }: Behind) {
  return async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const passage = await requests.accept(incoming, response);
    if (!passage) return;
    const refusal = refuses(incoming);
    if (refusal) {
      incoming.resume();
      passage.refuse(401, refusal, response);
      return;
    }
    const { method, url: path } = incoming;
    const headers = { ...incoming.headers, ...forwarded };
    const outgoing = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent, setHost: false });
    outgoing.on('error', () => incoming.socket.destroy());
    outgoing.on('response', answer => {
      if (passage.fault.dropAnswer) answer.resume().once('end', () => incoming.socket.destroy());
      else passage.send(answer.statusCode ?? 502, answer.headers, answer, response);
    });
    response.once('close', () => outgoing.destroy());
    const { cutRequestAfterBytes: most } = passage.fault;
    if (most === undefined) incoming.pipe(outgoing);
    else cut(incoming, outgoing, most);
  };
}

/** Passes on only the beginning of a body, then breaks both connections. */
function cut(incoming: IncomingMessage, outgoing: ClientRequest, most: number): void {
  let sent = 0;
  incoming.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, Math.max(0, most - sent));
    sent += chunk.length;
    outgoing.write(part, () => {
      if (sent < most) return;
      outgoing.destroy();
      incoming.socket.destroy();
    });
  });
  incoming.resume();
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, () => resolve((server.address() as AddressInfo).port));
  });
}

const answers = (url: string) =>
  new Promise<boolean>((resolve, reject) => {
    get(url, response => resolve(response.resume().statusCode !== undefined)).once('error', reject);
  });

/** Starts a registry; resolves when it answers. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryServer> {
  const { auth, directory: given, address = '127.0.0.1', kind = 'distribution', tls } = options;
  const directory = given ?? directoryInMemory('registry');
  mkdirSync(directory, { recursive: true });
  const requests = new HttpFaults();
  const agent = new Agent({ keepAlive: true });
  const port = await freePort();
  const authority = createAuthority('scantling-registry');
  const tokens = tokenService({ ...authority, ...registryCredentials });
  let realm = '';
  const refuses = (incoming: IncomingMessage): Refusal | undefined => {
    if (kind === 'distribution' || auth === undefined) return undefined;
    if (auth === 'basic')
      return incoming.headers.authorization === basic ? undefined : { 'www-authenticate': 'Basic realm="scantling"' };
    return tokens.permits(incoming) ? undefined : { 'www-authenticate': `Bearer realm="${realm}",service="scantling"` };
  };
  const pass = forward({ port, agent, requests, forwarded: tls?.forwarded ? { 'x-forwarded-proto': 'https' } : {}, refuses });
  const serve = (incoming: IncomingMessage, response: ServerResponse): void => {
    const isToken = auth === 'token' && incoming.url?.startsWith('/token');
    const served = isToken ? tokens.serve(incoming, response, requests) : pass(incoming, response);
    served.catch(() => response.destroy());
  };
  const front = tls ? createSecureServer(secured(tls), serve) : createServer({ requestTimeout: 0 }, serve);
  const host = `${address}:${await listen(front, address)}`;
  realm = `${tls ? 'https' : 'http'}://${host}/token`;

  writeFileSync(join(directory, 'htpasswd'), htpasswd);
  writeFileSync(join(directory, 'token.crt'), authority.certificate);
  const authentication = {
    basic: { htpasswd: { realm: 'scantling', path: join(directory, 'htpasswd') } },
    token: { token: { realm, service: 'scantling', issuer: 'scantling', rootcertbundle: join(directory, 'token.crt') } },
  };
  const program =
    kind === 'referrers'
      ? referrersRegistry({ directory, port })
      : distribution({ directory, port, authentication: auth && authentication[auth], deletion: options.deletion ?? true });

  const closeFront = async () => {
    const closed = new Promise<void>(resolve => front.close(() => resolve()));
    front.closeAllConnections();
    agent.destroy();
    await closed;
  };
  try {
    const server = await startProcess({
      name: 'registry',
      ...program,
      env: { PATH: process.env['PATH'], HOME: directory, OTEL_TRACES_EXPORTER: 'none' },
      logFile: join(directory, 'registry.log'),
    });
    await server.ready(() => answers(`http://127.0.0.1:${port}/v2/`), { timeoutMs: 30_000, everyMs: 30 });
    return {
      host,
      requests,
      directory,
      stop: async () => {
        server.kill('SIGKILL');
        await server.exited;
        await closeFront();
        if (given === undefined) removeDirectory(directory);
      },
    };
  } catch (error) {
    await closeFront();
    throw error;
  }
}

function secured({ certificate, key, clientAuthority }: NonNullable<RegistryOptions['tls']>): ServerOptions {
  const clients = clientAuthority === undefined ? {} : { ca: clientAuthority, requestCert: true, rejectUnauthorized: true };
  return { cert: certificate, key, ...clients, requestTimeout: 0 };
}
