/** The token service of a registry with the Bearer flow (distribution's token specification): Basic credentials in, a signed token out. */
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { HttpFaults } from './http-faults.ts';

export interface TokenServiceOptions {
  /** PEM; the registry trusts it. */
  certificate: string;
  key: string;
  username: string;
  password: string;
}

interface Access {
  type: string;
  name: string;
  actions: string[];
}

const encode = (value: object | Buffer) =>
  (Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value))).toString('base64url');

/** The scopes of a token request: `repository:name:pull,push`, any number of them. */
function accessOf(scopes: readonly string[]): Access[] {
  return scopes
    .flatMap(scope => scope.split(' '))
    .map(scope => /^(\w+):(.+):([\w,*]*)$/.exec(scope))
    .flatMap(match => (match ? [{ type: match[1] ?? '', name: match[2] ?? '', actions: (match[3] ?? '').split(',') }] : []));
}

/** A JSON Web Token (RFC 7519, ES256) that lets its bearer do what `access` lists for five minutes. */
function registryToken({ certificate, key, username }: TokenServiceOptions, service: string, access: Access[]): string {
  const now = Math.floor(Date.now() / 1_000);
  const x5c = [certificate.replaceAll(/-----[^-]+-----|\s/g, '')];
  const claims = {
    iss: 'scantling',
    sub: username,
    aud: service,
    iat: now,
    nbf: now - 10,
    exp: now + 300,
    jti: randomBytes(8).toString('hex'),
    access,
  };
  const body = `${encode({ typ: 'JWT', alg: 'ES256', x5c })}.${encode(claims)}`;
  return `${body}.${encode(sign('sha256', Buffer.from(body), { key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' }))}`;
}

/** Whether a token that came from here, as its bearer shows it, allows a request to a registry that does not look at tokens itself. */
function permits(issued: ReadonlyMap<string, Access[]>, { method = 'GET', url = '/', headers }: IncomingMessage): boolean {
  const name = /^\/v2\/(.+?)\/(?:blobs|manifests|referrers|tags)\//.exec(url)?.[1];
  const action = { GET: 'pull', HEAD: 'pull', DELETE: 'delete' }[method] ?? 'push';
  const access = issued.get(headers.authorization?.replace(/^Bearer /, '') ?? '');
  return access?.some(each => each.name === name && each.actions.includes(action)) ?? false;
}

/** Serves GET requests for tokens: everything for the right credentials, 401 for wrong ones, nothing but the answer for none. */
export function tokenService(options: TokenServiceOptions) {
  const issued = new Map<string, Access[]>();
  const expected = `Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`;
  const serve = async (incoming: IncomingMessage, response: ServerResponse, requests: HttpFaults): Promise<void> => {
    const passage = await requests.accept(incoming, response);
    if (!passage) return;
    const { searchParams } = new URL(incoming.url ?? '/', 'http://localhost');
    const { authorization } = incoming.headers;
    const json = { 'content-type': 'application/json' };
    if (authorization !== undefined && authorization !== expected) {
      passage.send(
        401,
        json,
        Readable.from([Buffer.from('{"errors":[{"code":"UNAUTHORIZED","message":"wrong credentials"}]}')]),
        response,
      );
      return;
    }
    // Without credentials a real service grants what is public; here nothing is.
    const access = authorization === undefined ? [] : accessOf(searchParams.getAll('scope'));
    const token = registryToken(options, searchParams.get('service') ?? '', access);
    issued.set(token, access);
    passage.send(200, json, Readable.from([Buffer.from(JSON.stringify({ token, expires_in: 300 }))]), response);
  };
  return { serve, permits: (incoming: IncomingMessage) => permits(issued, incoming) };
}
