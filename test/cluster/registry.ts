/** A real OCI registry (distribution) on the loopback address, over plain http, with requests recorded and faults on demand. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  Agent,
  createServer,
  get,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { serverBinary } from '../tools/servers.ts';
import { createAuthority } from './certificates.ts';
import { HttpFaults } from './http-faults.ts';
import { freePort, removeDirectory, startProcess, temporaryDirectory } from './processes.ts';
import { tokenService } from './registry-token.ts';

/** Who may push and pull where a registry asks for credentials. The registry keeps only bcrypt hashes, so this one is made ahead. */
export const registryCredentials = { username: 'scantling', password: 'not-a-secret' } as const;
const htpasswd = 'scantling:$2b$04$scantlingscantlingscaeVbqjo5bBfui2HU90i9yyU.xivt3NDf2\n';

export interface RegistryOptions {
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

/** Passes requests on to the registry behind, with the Host header as it was: the registry makes its Location headers of it. */
function forward(port: number, agent: Agent, requests: HttpFaults) {
  return async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const passage = await requests.accept(incoming, response);
    if (!passage) return;
    const { method, headers, url: path } = incoming;
    const outgoing = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent, setHost: false });
    outgoing.on('error', () => incoming.socket.destroy());
    outgoing.on('response', answer => passage.send(answer.statusCode ?? 502, answer.headers, answer, response));
    response.once('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  };
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

/** Starts a registry; resolves when it answers. Deleting is on. */
export async function startRegistry({
  auth,
  directory: given,
  address = '127.0.0.1',
}: RegistryOptions = {}): Promise<RegistryServer> {
  const directory = given ?? temporaryDirectory('registry');
  mkdirSync(directory, { recursive: true });
  const requests = new HttpFaults();
  const agent = new Agent({ keepAlive: true });
  const port = await freePort();
  const authority = createAuthority('scantling-registry');
  const tokens = tokenService({ ...authority, ...registryCredentials });
  const pass = forward(port, agent, requests);
  const front = createServer({ requestTimeout: 0 }, (incoming, response) => {
    const served =
      auth === 'token' && incoming.url?.startsWith('/token') ? tokens(incoming, response, requests) : pass(incoming, response);
    served.catch(() => response.destroy());
  });
  const host = `${address}:${await listen(front, address)}`;

  writeFileSync(join(directory, 'htpasswd'), htpasswd);
  writeFileSync(join(directory, 'token.crt'), authority.certificate);
  const authentication = {
    basic: { htpasswd: { realm: 'scantling', path: join(directory, 'htpasswd') } },
    token: {
      token: {
        realm: `http://${host}/token`,
        service: 'scantling',
        issuer: 'scantling',
        rootcertbundle: join(directory, 'token.crt'),
      },
    },
  };
  const configuration = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(directory, 'data') },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${port}`, secret: randomBytes(16).toString('hex') },
    ...(auth ? { auth: authentication[auth] } : {}),
  };
  const configurationFile = join(directory, 'config.yml');
  writeFileSync(configurationFile, stringify(configuration));

  const closeFront = async () => {
    const closed = new Promise<void>(resolve => front.close(() => resolve()));
    front.closeAllConnections();
    agent.destroy();
    await closed;
  };
  try {
    const server = await startProcess({
      name: 'registry',
      command: serverBinary('registry'),
      args: ['serve', configurationFile],
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
