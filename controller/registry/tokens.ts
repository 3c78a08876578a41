import type { Dispatcher } from 'undici';
import { TransientError, messageOf } from '../api/errors.ts';
import { parseChallenges } from './challenge.ts';
import type { Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { sha256 } from './digest.ts';
import { TryAgain, parseRetryAfter } from './retry.ts';

/** What a request needs to be allowed to do, as distribution's token scopes (`repository:<name>:<actions>`). */
export interface Demand {
  host: string;
  scopes: readonly string[];
  credentials: Credentials | undefined;
}

interface CachedToken {
  token: Promise<{ value: string; expiresAt: number }>;
}

/** Tokens are replaced this long before they expire, so that none expires on its way. */
const marginMs = 10_000;
/** distribution's token specification: a token without expires_in lives 60 s. */
const defaultLifeSeconds = 60;
const maxTokens = 1_000;
const maxAnswerBytes = 1024 * 1024;
const deadlineMs = 30_000;

/**
 * Authorization headers for registries: Basic, and distribution's Bearer token flow. Remembers how each host asks and the tokens until they
 * expire, so that a request after the first goes out authorised. Credentials are sent only to a host that asked for them, and to the
 * token server it named.
 */
export class Authenticator {
  readonly #dispatcher: Dispatcher;
  readonly #insecureOrigins: ReadonlySet<string>;
  readonly #now: () => number;
  readonly #challenges = new Map<string, Challenge>();
  readonly #tokens = new Map<string, CachedToken>();

  constructor(options: { dispatcher: Dispatcher; insecureOrigins: ReadonlySet<string>; now: () => number }) {
    this.#dispatcher = options.dispatcher;
    this.#insecureOrigins = options.insecureOrigins;
    this.#now = options.now;
  }

  /** The header for a host that has asked before; undefined when it has not, or there is nothing to answer with. */
  async header(demand: Demand): Promise<string | undefined> {
    const challenge = this.#challenges.get(demand.host);
    return challenge ? this.#answer(challenge, demand) : undefined;
  }

  /**
   * The header that answers a 401. `refused` is the header that the request had: its token is forgotten.
   * @returns undefined when there is no answer (no credentials for Basic, or a scheme not known here).
   */
  async challenged(demand: Demand, wwwAuthenticate: string, refused: string | undefined): Promise<string | undefined> {
    const challenges = parseChallenges(wwwAuthenticate);
    const challenge = challenges.find(c => c.scheme === 'bearer') ?? challenges.find(c => c.scheme === 'basic');
    if (!challenge) return undefined;
    this.#challenges.set(demand.host, challenge);
    if (refused !== undefined) this.#tokens.delete(this.#key(challenge, demand));
    const header = await this.#answer(challenge, demand);
    return header === refused ? undefined : header;
  }

  async #answer(challenge: Challenge, demand: Demand): Promise<string | undefined> {
    const { credentials } = demand;
    if (challenge.scheme === 'basic') return credentials?.password ? basic(credentials) : undefined;
    const key = this.#key(challenge, demand);
    const cached = this.#tokens.get(key);
    if (cached) {
      const token = await cached.token;
      if (token.expiresAt - marginMs > this.#now()) return `Bearer ${token.value}`;
    }
    // Another caller may have asked for the same token while this one waited.
    const present = this.#tokens.get(key);
    if (present && present !== cached) return `Bearer ${(await present.token).value}`;
    const fresh: CachedToken = { token: this.#fetch(challenge, demand) };
    this.#remember(key, fresh);
    try {
      return `Bearer ${(await fresh.token).value}`;
    } catch (error) {
      if (this.#tokens.get(key) === fresh) this.#tokens.delete(key);
      throw error;
    }
  }

  #remember(key: string, token: CachedToken): void {
    this.#tokens.delete(key);
    this.#tokens.set(key, token);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= maxTokens) break;
      this.#tokens.delete(oldest);
    }
  }

  #key(challenge: Challenge, { host, scopes, credentials }: Demand): string {
    const who = credentials
      ? sha256(JSON.stringify([credentials.username, credentials.password, credentials.identityToken]))
      : 'anonymous';
    return JSON.stringify([host, challenge.parameters['realm'], challenge.parameters['service'], scopes, who]);
  }

  async #fetch(challenge: Challenge, demand: Demand): Promise<{ value: string; expiresAt: number }> {
    const url = this.#realm(challenge, demand.host);
    const { credentials } = demand;
    const service = challenge.parameters['service'];
    const fields: [string, string][] = service === undefined ? [] : [['service', service]];
    let answer = credentials?.identityToken
      ? await this.#post(url, [...fields, ['grant_type', 'refresh_token'], ['refresh_token', credentials.identityToken]], demand)
      : await this.#get(url, fields, demand);
    // A token server that knows only the OAuth2 flow has no GET.
    if (answer.status === 405 && credentials && !credentials.identityToken) {
      const grant: [string, string][] = [
        ['grant_type', 'password'],
        ['username', credentials.username],
        ['password', credentials.password],
      ];
      answer = await this.#post(url, [...fields, ...grant], demand);
    }
    return this.#parse(answer, url.host, demand);
  }

  #realm(challenge: Challenge, host: string): URL {
    const realm = challenge.parameters['realm'] ?? '';
    if (!URL.canParse(realm)) throw new TransientError('RegistryRefused', `${host} names no valid token server`);
    const url = new URL(realm);
    if (url.protocol !== 'https:' && !this.#insecureOrigins.has(url.origin)) {
      throw new TransientError(
        'RegistryRefused',
        `${host} names the token server ${url.host}, which is not https and not listed as insecure`,
      );
    }
    return url;
  }

  async #get(realm: URL, fields: [string, string][], { scopes, credentials }: Demand): Promise<Answer> {
    const url = new URL(realm);
    for (const [name, value] of fields) url.searchParams.append(name, value);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const authorization: Record<string, string> = credentials?.password ? { authorization: basic(credentials) } : {};
    return this.#send(url, { method: 'GET', headers: authorization });
  }

  async #post(url: URL, fields: [string, string][], { scopes }: Demand): Promise<Answer> {
    const form = new URLSearchParams([...fields, ['client_id', 'scantling'], ['scope', scopes.join(' ')]]);
    return this.#send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    });
  }

  async #send(url: URL, o: { method: 'GET' | 'POST'; headers: Record<string, string>; body?: string }): Promise<Answer> {
    try {
      const response = await this.#dispatcher.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: o.method,
        headers: { accept: 'application/json', ...o.headers },
        body: o.body ?? null,
        signal: AbortSignal.timeout(deadlineMs),
      });
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of response.body) {
        const bytes = chunk as Buffer;
        if ((size += bytes.length) > maxAnswerBytes) throw new Error('the answer is too large');
        chunks.push(bytes);
      }
      const retryAfter = response.headers['retry-after'];
      return { status: response.statusCode, text: Buffer.concat(chunks).toString('utf8'), retryAfter: [retryAfter].flat()[0] };
    } catch (error) {
      throw new TryAgain('RegistryUnavailable', `token server ${url.host}: ${messageOf(error)}`, { cause: error });
    }
  }

  #parse(answer: Answer, server: string, demand: Demand): { value: string; expiresAt: number } {
    if (answer.status === 429 || answer.status >= 500) {
      const retryAfterMs = parseRetryAfter(answer.retryAfter, this.#now());
      throw new TryAgain('RegistryUnavailable', `token server ${server} answers ${answer.status}`, { retryAfterMs });
    }
    if (answer.status !== 200) {
      const given = demand.credentials ? 'the credentials' : 'access without credentials';
      throw new TransientError(
        'RegistryAccessDenied',
        `token server ${server} of ${demand.host} refuses ${given} for ${demand.scopes.join(' ')} (${answer.status})`,
      );
    }
    const body = parseObject(answer.text);
    const value = body['token'] ?? body['access_token'];
    // The value goes into a header.
    if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
      throw new TryAgain('RegistryUnavailable', `token server ${server} answers without a token`);
    }
    const life = typeof body['expires_in'] === 'number' && body['expires_in'] > 0 ? body['expires_in'] : defaultLifeSeconds;
    return { value, expiresAt: this.#now() + life * 1000 };
  }
}

interface Answer {
  status: number;
  text: string;
  retryAfter: string | undefined;
}

function basic(credentials: Credentials): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // What is no JSON has no token; the caller says so without quoting it.
    return {};
  }
}
