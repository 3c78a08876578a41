/** Tokens of webhooks, from the Secrets that sources name. */
import { type Secret, secrets } from '../api/core.ts';
import { StallingError } from '../api/errors.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { SourceReason } from './reasons.ts';

/** Shorter ones could be found out offline from one signed call. */
const shortestToken = 16;

/** The key `token` of a Secret. Throws StallingError `InvalidSecret`, which names the key and never its value. */
export function webhookTokenOf({ metadata, data }: Secret): string {
  const token = Buffer.from(data?.['token'] ?? '', 'base64')
    .toString('utf8')
    .trim();
  if (token.length >= shortestToken) return token;
  const what = token === '' ? 'has no key token' : `has a token of less than ${shortestToken} characters`;
  throw new StallingError('InvalidSecret' satisfies SourceReason, `Secret ${metadata.name} ${what}`);
}

/** Reads one token. Throws StallingError `InvalidSecret` or `SecretNotFound`; ApiError or TransientError when the API does not say. */
export async function readWebhookToken(client: Pick<Client, 'get'>, namespace: string, name: string): Promise<string> {
  let secret: Secret;
  try {
    secret = await client.get(secrets, name, namespace);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const message = `Secret ${namespace}/${name} does not exist; create it, or correct spec.webhook.secretRef`;
    throw new StallingError('SecretNotFound' satisfies SourceReason, message, { cause: error });
  }
  return webhookTokenOf(secret);
}

/** What is known of one Secret: its token, or why there is none. */
type Known = { at: number } & ({ token: string } | { error: unknown });

/**
 * Tokens by the name of their Secret, each remembered for a while: a flood of calls costs the API server nothing. While it cannot be asked,
 * the last known token stays in use.
 */
export class WebhookTokens {
  readonly #read: (secret: string) => Promise<string>;
  readonly #now: () => number;
  readonly #rememberMs: number;
  readonly #againMs: number;
  readonly #known = new Map<string, Promise<Known>>();

  /** `now` is a clock in ms that never goes back. */
  constructor(o: { read: (secret: string) => Promise<string>; now: () => number; rememberMs?: number; againMs?: number }) {
    this.#read = o.read;
    this.#now = o.now;
    this.#rememberMs = o.rememberMs ?? 30_000;
    this.#againMs = o.againMs ?? 5_000;
  }

  /** Throws what reading it threw. */
  of(secret: string): Promise<string> {
    return this.#within(secret, this.#rememberMs);
  }

  /** For a call that the known token does not fit: it may have been rotated. Reads it again, once in a few seconds at most. Throws as `of`. */
  anew(secret: string): Promise<string> {
    return this.#within(secret, this.#againMs);
  }

  /** A token that is known for so long at most. */
  async #within(secret: string, ms: number): Promise<string> {
    const before = this.#known.get(secret);
    const last = await before;
    // Whoever came first reads; the others wait for the same answer.
    if (this.#known.get(secret) === before && (!last || this.#now() - last.at > ms))
      this.#known.set(secret, this.#fresh(secret, last));
    const known = await this.#known.get(secret);
    if (known && 'token' in known) return known.token;
    throw known?.error;
  }

  /** Forgets those that no source names any more. */
  keep(secrets: ReadonlySet<string>): void {
    for (const secret of this.#known.keys()) if (!secrets.has(secret)) this.#known.delete(secret);
  }

  async #fresh(secret: string, last: Known | undefined): Promise<Known> {
    const at = this.#now();
    try {
      return { at, token: await this.#read(secret) };
    } catch (error) {
      if (!(error instanceof StallingError) && last && 'token' in last) return { at, token: last.token };
      return { at, error };
    }
  }
}
