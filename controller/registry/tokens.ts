import { TransientError, messageOf } from '../api/errors.ts';
import { parseChallenges } from './challenge.ts';
import type { Challenge } from './challenge.ts';
import type { Connections } from './connections.ts';
import type { Credentials } from './credentials.ts';
import { sha256 } from './digest.ts';
import type { Pace } from './pace.ts';
import type { Place } from './places.ts';
import { TryAgain, parseRetryAfter } from './retry.ts';

/** What a request needs to be allowed to do, as distribution's token scopes (`repository:<name>:<actions>`). */
export interface Demand {
  place: Place;
  scopes: readonly string[];
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
  readonly #connections: Connections;
  readonly #pace: Pace;
  readonly #maxWaitMs: number;
  readonly #now: () => number;
  readonly #challenges = new Map<string, Challenge>();
  readonly #tokens = new Map<string, CachedToken>();

  constructor(options: { connections: Connections; pace: Pace; maxWaitMs: number; now: () => number }) {
    this.#connections = options.connections;
    this.#pace = options.pace;
    this.#maxWaitMs = options.maxWaitMs;
    this.#now = options.now;
  }

  /** The header for a host that has asked before; undefined when it has not, or there is nothing to answer with. */
  async header(demand: Demand): Promise<string | undefined> {
    const challenge = this.#challenges.get(demand.place.origin);
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
    // The scope that it asks for is that of this one request.
    const { scope, ...parameters } = challenge.parameters;
    this.#challenges.set(demand.place.origin, { ...challenge, parameters });
    if (refused !== undefined) await this.#forget(this.#key(challenge, demand), refused);
    const header = await this.#answer(challenge, demand, extraScopes(demand, scope ?? ''));
    return header === refused ? undefined : header;
  }

  /** Forgets a token that was refused, unless another caller has replaced it already. */
  async #forget(key: string, refused: string): Promise<void> {
    const cached = this.#tokens.get(key);
    const value = await cached?.token.then(
      token => token.value,
      () => undefined,
    );
    if (value === undefined || `Bearer ${value}` === refused) this.#tokens.delete(key);
  }

  async #answer(challenge: Challenge, demand: Demand, extra: readonly string[] = []): Promise<string | undefined> {
    const { credentials } = demand.place;
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
    const fresh: CachedToken = { token: this.#fetch(challenge, { ...demand, scopes: [...demand.scopes, ...extra] }) };
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

  #key(challenge: Challenge, { place: { origin, credentials }, scopes }: Demand): string {
    const who = credentials
      ? sha256(JSON.stringify([credentials.username, credentials.password, credentials.identityToken]))
      : 'anonymous';
    return JSON.stringify([origin, challenge.parameters['realm'], challenge.parameters['service'], scopes, who]);
  }

  async #fetch(challenge: Challenge, demand: Demand): Promise<{ value: string; expiresAt: number }> {
    const url = this.#realm(challenge, demand.place);
    const { credentials } = demand.place;
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

  #realm(challenge: Challenge, { host, reach }: Place): URL {
    const realm = challenge.parameters['realm'] ?? '';
    if (!URL.canParse(realm)) throw new TransientError('RegistryRefused', `${host} names no valid token server`);
    const url = new URL(realm);
    if (url.protocol !== 'https:' && !reach.allowsPlain(url)) {
      throw new TransientError(
        'RegistryRefused',
        `${host} names the token server ${url.host}, which is not https and not listed as insecure`,
      );
    }
    return url;
  }

  async #get(realm: URL, fields: [string, string][], demand: Demand): Promise<Answer> {
    const { credentials } = demand.place;
    const url = new URL(realm);
    for (const [name, value] of fields) url.searchParams.append(name, value);
    for (const scope of demand.scopes) url.searchParams.append('scope', scope);
    const authorization: Record<string, string> = credentials?.password ? { authorization: basic(credentials) } : {};
    return this.#send(url, demand.place, { method: 'GET', headers: authorization });
  }

  async #post(url: URL, fields: [string, string][], { place, scopes }: Demand): Promise<Answer> {
    const form = new URLSearchParams([...fields, ['client_id', 'scantling'], ['scope', scopes.join(' ')]]);
    return this.#send(url, place, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    });
  }

  async #send(
    url: URL,
    place: Place,
    o: { method: 'GET' | 'POST'; headers: Record<string, string>; body?: string },
  ): Promise<Answer> {
    const what = `a token for ${place.name}`;
    const leave = await this.#pace.enter(url.host, { stream: false, maxWaitMs: this.#maxWaitMs, what });
    try {
      const response = await this.#connections.dispatcherFor(url, place.reach.certificatesFor(url, place)).request({
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
      throw new TryAgain('RegistryUnavailable', `token server ${url.host}: ${what}: ${messageOf(error)}`, { cause: error });
    } finally {
      leave();
    }
  }

  #parse(answer: Answer, server: string, demand: Demand): { value: string; expiresAt: number } {
    const asked = parseRetryAfter(answer.retryAfter, this.#now());
    if (answer.status === 429 || answer.status >= 500) {
      const paced = answer.status === 429 || (answer.status === 503 && asked !== undefined);
      const retryAfterMs = paced ? this.#pace.pause(server, asked) : asked;
      throw new TryAgain('RegistryUnavailable', `token server ${server} of ${demand.place.name} answers ${answer.status}`, {
        retryAfterMs,
      });
    }
    if (answer.status !== 200) {
      const { credentials, host } = demand.place;
      const given = credentials ? 'the credentials' : 'access without credentials';
      throw new TransientError(
        'RegistryAccessDenied',
        `token server ${server} of ${host} refuses ${given} for ${demand.scopes.join(' ')} (${answer.status})`,
      );
    }
    this.#pace.served(server);
    const body = parseObject(answer.text);
    const value = body['token'] ?? body['access_token'];
    // The value goes into a header.
    if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
      throw new TryAgain('RegistryUnavailable', `token server ${server} of ${demand.place.name} answers without a token`);
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

/** What the registry asks for beyond the demand, on the same repositories: for a deletion some want `delete`, some `*`. */
function extraScopes({ scopes }: Demand, asked: string): string[] {
  const repositories = new Set(scopes.map(scope => scope.split(':').slice(0, -1).join(':')));
  const known = asked.split(' ').filter(scope => repositories.has(scope.split(':').slice(0, -1).join(':')));
  return known.filter(scope => !scopes.some(own => covers(own, scope)));
}

function covers(own: string, scope: string): boolean {
  const cut = scope.lastIndexOf(':');
  const actions = own.slice(own.lastIndexOf(':') + 1).split(',');
  return (
    own.slice(0, own.lastIndexOf(':')) === scope.slice(0, cut) &&
    scope
      .slice(cut + 1)
      .split(',')
      .every(action => actions.includes(action))
  );
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
