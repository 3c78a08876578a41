/** GET of what strangers serve: bounded in size, time and redirects, never downgraded, and only from addresses that are allowed. */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';
import { messageOf } from '../api/errors.ts';
import { plainText } from './plain-text.ts';
import { kindOfAddress } from './public-address.ts';

const connectMs = 10_000;
const maxRedirects = 5;

/** The addresses of a host. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface BoundedGetOptions {
  /** Hosts of one's own network too; what serves credentials of machines is never asked. */
  allowPrivate: boolean;
  /** Plain http from the beginning; never after https. */
  allowHTTP?: boolean;
  /** PEM of authorities that are trusted besides the system's. */
  ca?: string;
  /** In place of the system's resolver. */
  resolve?: Resolve;
}

export interface Got {
  status: number;
  body: Buffer;
  /** Where it was found, after redirects. */
  url: string;
}

export interface BoundedGet {
  /** @throws Refused for what is not followed or too large, other errors for what could not be reached */
  get(url: string, options: { limitBytes: number; signal: AbortSignal }): Promise<Got>;
  close(): Promise<void>;
}

/** What is not looked at, however often it is tried. */
export class Refused extends Error {
  /** Nothing is asked of the host at all. */
  readonly ofHost: boolean;
  constructor(message: string, { ofHost = false }: { ofHost?: boolean } = {}) {
    super(message);
    this.ofHost = ofHost;
  }
}

/**
 * The address that is checked is the one that is connected to: a name that has another one the next time gains nothing. No proxy is used, because
 * it would resolve names itself.
 */
export function createBoundedGet(options: BoundedGetOptions): BoundedGet {
  const { ca, allowPrivate, resolve = resolveBySystem } = options;
  const agent = new Agent({
    allowH2: false,
    headersTimeout: connectMs,
    bodyTimeout: connectMs,
    maxHeaderSize: 16_384,
    connect: {
      timeout: connectMs,
      lookup: checkedLookup(resolve, allowPrivate),
      ...(ca === undefined ? {} : { ca: [...tls.getCACertificates('default'), ca] }),
    },
  });
  return {
    async get(start, { limitBytes, signal }) {
      let url = parsed(start);
      requireScheme(url, undefined, options);
      for (let hops = 0; ; hops++) {
        requireAddress(url, allowPrivate);
        const { statusCode, headers, body } = await request(url, {
          dispatcher: agent,
          signal,
          headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'scantling' },
        });
        const { location, 'content-encoding': encoding } = headers;
        const isRedirect = [301, 302, 303, 307, 308].includes(statusCode) && typeof location === 'string';
        if (!isRedirect) {
          if (encoding !== undefined && encoding !== 'identity') {
            body.on('error', () => undefined).destroy();
            throw new Refused(`${url.href} is sent in the encoding ${String(encoding)}, which was not asked for`);
          }
          return { status: statusCode, body: await read(body, limitBytes, url), url: url.href };
        }
        body.on('error', () => undefined).destroy();
        if (hops === maxRedirects) throw new Refused(`${start} is redirected more than ${maxRedirects} times`);
        const next = parsed(location, url);
        requireScheme(next, url, options);
        url = next;
      }
    },
    close: () => agent.destroy(),
  };
}

function parsed(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (!url) throw new Refused(`${plainText(text, 256)} is not a URL`);
  if (url.username || url.password) throw new Refused(`a URL of ${url.host} has a user or a password in it`);
  return url;
}

function requireScheme({ protocol, href }: URL, from: URL | undefined, { allowHTTP = false }: BoundedGetOptions): void {
  if (protocol === 'https:') return;
  if (protocol === 'http:' && allowHTTP && from?.protocol !== 'https:') return;
  const what = protocol === 'http:' ? 'plain http, which others on the way can change' : protocol.replace(':', '');
  throw new Refused(from === undefined ? `${href} is ${what}` : `${from.href} is redirected to ${href}, which is ${what}`);
}

/** Literal addresses are not looked up. */
function requireAddress({ hostname, host }: URL, allowPrivate: boolean): void {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0) requireAllowed(bare, host, allowPrivate);
}

function requireAllowed(address: string, host: string, allowPrivate: boolean): void {
  const kind = kindOfAddress(address);
  if (kind === 'public' || (kind === 'private' && allowPrivate)) return;
  const of = address === host ? address : `${host} (${address})`;
  const what =
    kind === 'private' ? 'a private address, and these are not allowed' : 'a special address, where no keys are served';
  throw new Refused(`${of} is ${what}`, { ofHost: true });
}

const lookupAll = promisify<string, { all: true; verbatim: true }, LookupAddress[]>(systemLookup);

async function resolveBySystem(host: string): Promise<readonly string[]> {
  return (await lookupAll(host, { all: true, verbatim: true })).map(({ address }) => address);
}

/** Resolves and checks; a host with one address that is not allowed is not allowed at all. */
function checkedLookup(resolve: Resolve, allowPrivate: boolean): LookupFunction {
  return (host, { all }, done) => {
    const resolving = resolve(host).then(addresses => {
      for (const address of addresses) requireAllowed(address, host, allowPrivate);
      return addresses.map(address => ({ address, family: isIP(address) }));
    });
    resolving.then(
      found => {
        const [first] = found;
        if (!first) done(new Error(`${host} has no address`), '', 0);
        else if (all) done(null, found);
        else done(null, first.address, first.family);
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(messageOf(error)), '', 0),
    );
  };
}

async function read(body: AsyncIterable<Uint8Array>, limitBytes: number, url: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    // Leaving the loop ends the transfer.
    if (size > limitBytes) throw new Refused(`${url.href} is larger than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
