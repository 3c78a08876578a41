/** A real Git server: node:http(s) in front of `git http-backend`, with requests counted and faults on demand. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createAuthority, issueCertificate } from './certificates.ts';
import { git, gitEnvironment, GitRepository } from './git-repository.ts';
import { HttpFaults } from './http-faults.ts';
import { removeDirectory, temporaryDirectory } from './processes.ts';

export interface GitServerOptions {
  /** Kept when given. */
  directory?: string;
  /** Default: open to all, for pushing too. */
  auth?: { username: string; password: string } | { bearer: string };
  /** Whether partial clones are served; default true. */
  filter?: boolean;
  /** Whether protocol version 2 is spoken; default true. */
  protocolV2?: boolean;
  /** https with an authority of its own. */
  tls?: boolean;
  /** Where it listens; default 127.0.0.1. Pods on a real node reach only that node's address. */
  address?: string;
}

export interface GitServer {
  url: string;
  /** PEM; '' over http. */
  certificateAuthority: string;
  /** Takes effect with the next request. */
  settings: { filter: boolean; protocolV2: boolean };
  requests: HttpFaults;
  directory: string;
  /** Makes an empty bare repository with `main` as its branch. */
  createRepository(name: string): Promise<GitRepository>;
  stop(): Promise<void>;
}

function authorizationOf(auth: GitServerOptions['auth']): string | undefined {
  if (auth === undefined) return undefined;
  if ('bearer' in auth) return `Bearer ${auth.bearer}`;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
}

/** Settings that git takes from the environment, over those of the repository. */
function configuration(settings: Record<string, string>): NodeJS.ProcessEnv {
  const entries = Object.entries(settings);
  const pairs = entries.flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(entries.length), ...(Object.fromEntries(pairs) as Record<string, string>) };
}

/** The environment of a CGI program (RFC 3875). */
function cgiEnvironment(
  request: IncomingMessage,
  root: string,
  { filter, protocolV2 }: GitServer['settings'],
): NodeJS.ProcessEnv {
  const { headers } = request;
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const optional = {
    CONTENT_TYPE: headers['content-type'],
    CONTENT_LENGTH: headers['content-length'],
    HTTP_CONTENT_ENCODING: headers['content-encoding'],
    GIT_PROTOCOL: protocolV2 ? (headers['git-protocol'] as string | undefined) : undefined,
  };
  return {
    ...gitEnvironment,
    ...configuration({
      'http.receivepack': 'true',
      'uploadpack.allowFilter': String(filter),
      'uploadpack.allowAnySHA1InWant': 'true',
      'safe.directory': '*',
    }),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: request.method ?? 'GET',
    PATH_INFO: decodeURIComponent(path),
    QUERY_STRING: query,
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_USER: 'test',
  };
}

/** Reads the head of a CGI answer and leaves its body in the stream. undefined when the program ended without one. */
async function cgiHead(output: Readable): Promise<{ status: number; headers: Record<string, string> } | undefined> {
  let head = Buffer.alloc(0);
  for (;;) {
    const chunk = output.read() as Buffer | null;
    if (chunk === null) {
      if (output.readableEnded) return undefined;
      await new Promise<void>(resolve => {
        const go = () => {
          output.off('readable', go).off('end', go);
          resolve();
        };
        output.on('readable', go).on('end', go);
      });
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) continue;
    output.unshift(head.subarray(end + 4));
    const lines = head.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const { status = '200', ...rest } = headers;
    return { status: Number.parseInt(status, 10), headers: rest };
  }
}

function listener(root: string, settings: GitServer['settings'], requests: HttpFaults, authorization: string | undefined) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const passage = await requests.accept(request, response);
    if (!passage) return;
    if (authorization !== undefined && request.headers.authorization !== authorization) {
      request.resume();
      const challenge = authorization.startsWith('Basic') ? 'Basic realm="git"' : 'Bearer realm="git"';
      passage.refuse(401, { 'www-authenticate': challenge }, response);
      return;
    }
    const program = spawn('git', ['http-backend'], {
      env: cgiEnvironment(request, root, settings),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    program.once('error', () => response.destroy());
    program.stdin.on('error', () => {
      // It answered before it read all, an error for instance.
    });
    response.once('close', () => program.kill());
    request.pipe(program.stdin);
    const head = await cgiHead(program.stdout);
    if (head) passage.send(head.status, head.headers, program.stdout, response);
    else response.destroy();
  };
}

/** Starts a Git server on a free port. */
export async function startGitServer({
  directory: given,
  auth,
  filter = true,
  protocolV2 = true,
  tls = false,
  address = '127.0.0.1',
}: GitServerOptions = {}): Promise<GitServer> {
  const directory = given ?? temporaryDirectory('git');
  mkdirSync(directory, { recursive: true });
  const settings = { filter, protocolV2 };
  const requests = new HttpFaults();
  const authority = createAuthority('scantling-git');
  const issued = issueCertificate({ ...authority, commonName: 'scantling-git' }, ['localhost', address]);
  const serve = listener(directory, settings, requests, authorizationOf(auth));
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response).catch(() => response.destroy());
  };
  const server = tls ? createHttpsServer({ cert: issued.certificate, key: issued.key }, handle) : createHttpServer(handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  const url = `${tls ? 'https' : 'http'}://${address}:${(server.address() as AddressInfo).port}`;
  return {
    url,
    certificateAuthority: tls ? authority.certificate : '',
    settings,
    requests,
    directory,
    createRepository: async name => {
      const path = join(directory, `${name}.git`);
      await git(directory, ['init', '--quiet', '--bare', '--initial-branch=main', path]);
      return new GitRepository(path, `${url}/${name}.git`);
    },
    stop: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      if (given === undefined) removeDirectory(directory);
    },
  };
}
