/**
 * Takes calls of Git servers (`POST /hooks/<source>`) and asks for a poll of the source; every replica may, because it writes one annotation
 * only. Whatever is wrong with a call, its answer is the same and takes as long, so that nobody learns which sources exist. A call
 * replaces no poll: one that is lost costs spec.interval.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { StallingError, messageOf, reasonOf } from '../api/errors.ts';
import { webhookPrefix } from '../api/names.ts';
import type { Store } from '../kube/store.ts';
import { listenOn } from '../telemetry/listen-address.ts';
import type { Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { HookedView } from './projection.ts';
import { BodyRoom, type NoBody, readBody } from './webhook-body.ts';
import { WebhookPace } from './webhook-pace.ts';
import { concerns, pushedRefs } from './webhook-push.ts';
import { type Call, type Provider, isGenuine, offersProof } from './webhook-signature.ts';
import type { WebhookTokens } from './webhook-tokens.ts';

export interface WebhookOptions {
  /** host:port, or :port for every address. */
  address: string;
  sources: Store<HookedView>;
  tokens: Pick<WebhookTokens, 'of' | 'anew'>;
  /** Asks for a poll. */
  poll: (source: string) => Promise<void>;
  log: Log;
  /** Milliseconds that never go back. */
  now: () => number;
  /** Between two polls of one source (default 3 s). */
  pauseMs?: number;
  /** How long any refusal takes (default 250 ms): longer than a Secret takes to be read. */
  refusalMs?: number;
  /** How long a body may take (default 2 s). */
  bodyMs?: number;
}

export interface WebhookReceiver {
  /** host:port that is listened on. */
  address: string;
  stop(): Promise<void>;
}

/** The label `result` of scantling_webhook_requests_total. */
export const webhookResults = ['accepted', 'coalesced', 'ignored', 'refused', 'failed'] as const;
type Result = (typeof webhookResults)[number];

/** What a call came to; `source` only where it is one that takes calls. */
interface Handled {
  result: Result;
  source?: HookedView;
}

/** The largest that GitHub sends is 25 MB; what names the ref is far smaller, and what is larger is polled for. */
const mostBytes = 1024 * 1024;
/** Of all bodies that are in memory at once. */
const mostBytesAtOnce = 16 * mostBytes;
const warnEveryMs = 60_000;

/** Listens; rejects when it cannot. */
export async function startWebhooks(o: WebhookOptions): Promise<WebhookReceiver> {
  const receiver = new Receiver(o);
  // Node ends, with 408, what is not whole in time.
  const server = createServer({
    requestTimeout: 10_000,
    headersTimeout: 5_000,
    keepAliveTimeout: 5_000,
    connectionsCheckingInterval: 1_000,
  });
  server.maxConnections = 256;
  server.on('request', (request, response) => {
    void receiver.answer(request).then(({ status, text, close }) => {
      response.writeHead(status, {
        'content-type': 'text/plain',
        ...(status === 405 ? { allow: 'POST' } : {}),
        ...(close ? { connection: 'close' } : {}),
      });
      response.end(`${text}\n`);
    });
  });
  const address = await listenOn(server, o.address);
  return {
    address,
    stop: async () => {
      const closed = new Promise(resolve => {
        server.close(resolve);
      });
      server.closeIdleConnections();
      await receiver.stop();
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Answer {
  status: number;
  text: string;
  /** The rest of the request is not read. */
  close?: boolean;
}

const noBody: Readonly<Record<NoBody, Answer>> = {
  'too large': { status: 413, text: 'too large', close: true },
  'too slow': { status: 408, text: 'too slow', close: true },
  broken: { status: 400, text: 'incomplete', close: true },
  'no room': { status: 503, text: 'try again', close: true },
};

class Receiver {
  readonly #o: WebhookOptions;
  readonly #pace: WebhookPace;
  /** For calls to what is no source: they are checked like any other. */
  readonly #noToken = randomBytes(32).toString('hex');
  readonly #stopping = new AbortController();
  readonly #later = new Set<Promise<void>>();
  readonly #warnedAt = new Map<string, number>();
  readonly #end: () => void;
  readonly #room = new BodyRoom(mostBytesAtOnce);

  constructor(o: WebhookOptions) {
    this.#o = o;
    this.#pace = new WebhookPace(o.pauseMs ?? 3_000);
    this.#end = o.sources.onChange((name, now) => {
      if (now) return;
      this.#pace.forget(name);
      this.#warnedAt.delete(name);
      for (const result of webhookResults) metrics.webhookRequests.remove({ source: name, result });
    });
  }

  async stop(): Promise<void> {
    this.#end();
    this.#stopping.abort();
    await Promise.all(this.#later);
  }

  /** Never rejects. */
  async answer(request: IncomingMessage): Promise<Answer> {
    const path = request.url?.split('?')[0] ?? '';
    if (!path.startsWith(webhookPrefix)) return { status: 404, text: 'not found', close: true };
    if (request.method !== 'POST') return { status: 405, text: 'only POST', close: true };
    if (!this.#o.sources.synced) return noBody['no room'];
    const name = path.slice(webhookPrefix.length);
    if (!offersProof(request.headers)) return this.#answer(this.#unproven(name), this.#o.now());
    const body = await readBody(request, { mostBytes, withinMs: this.#o.bodyMs ?? 2_000, room: this.#room });
    if (typeof body === 'string') return noBody[body];
    // Not before: a caller who holds the body back would see how long the rest takes.
    const began = this.#o.now();
    try {
      return await this.#answer(await this.#handle(name, { headers: request.headers, body }), began);
    } finally {
      this.#room.give(body.byteLength);
    }
  }

  async #answer({ result, source }: Handled, began: number): Promise<Answer> {
    metrics.webhookRequests.inc({ source: source?.name ?? '', result });
    if (result === 'failed') return { status: 503, text: 'try again' };
    if (result !== 'refused') return { status: 202, text: 'accepted' };
    await this.#pause((this.#o.refusalMs ?? 250) - (this.#o.now() - began));
    return { status: 401, text: 'refused', close: true };
  }

  /** A call that no token could make a genuine one. */
  #unproven(name: string): Handled {
    const known = this.#o.sources.get(name);
    if (!known?.webhook) return { result: 'refused' };
    this.#warn(known, known.webhook.provider, 'it bears no signature and no token; give the Git server the token of the webhook');
    return { result: 'refused', source: known };
  }

  async #handle(name: string, call: Call): Promise<Handled> {
    const known = this.#o.sources.get(name);
    const webhook = known?.webhook;
    if (!known || !webhook) {
      isGenuine('Generic', call, this.#noToken);
      return { result: 'refused' };
    }
    const refusal = await this.#refusal(webhook, call);
    if (refusal !== undefined) {
      this.#warn(known, webhook.provider, refusal);
      return { result: 'refused', source: known };
    }
    const result = await this.#accept(known, webhook.provider, call);
    this.#o.log.info({ source: name, provider: webhook.provider, result }, 'a webhook was called');
    return { result, source: known };
  }

  /** Why a call is refused; undefined for one that is genuine. */
  async #refusal({ provider, secret }: NonNullable<HookedView['webhook']>, call: Call): Promise<string | undefined> {
    try {
      const token = await this.#o.tokens.of(secret);
      if (isGenuine(provider, call, token)) return undefined;
      const newer = await this.#o.tokens.anew(secret);
      return newer !== token && isGenuine(provider, call, newer) ? undefined : 'it does not prove that it knows the token';
    } catch (error) {
      isGenuine(provider, call, this.#noToken);
      return `${reasonOf(error)}: ${error instanceof StallingError ? error.message : `the Secret could not be read: ${messageOf(error)}`}`;
    }
  }

  async #accept(source: HookedView, provider: Provider, call: Call): Promise<Result> {
    if (source.suspended || !concerns(pushedRefs(provider, call), source.ref)) return 'ignored';
    const { name } = source;
    const waitMs = this.#pace.admit(name, this.#o.now());
    if (waitMs === undefined) return 'coalesced';
    if (waitMs === 0) return (await this.#poll(name)) ? 'accepted' : 'failed';
    const later = this.#pause(waitMs)
      .then(async () => {
        this.#pace.begun(name);
        // The process that ends now is not the only one to poll.
        if (!this.#stopping.signal.aborted) await this.#poll(name);
      })
      .finally(() => this.#later.delete(later));
    this.#later.add(later);
    return 'coalesced';
  }

  async #poll(source: string): Promise<boolean> {
    try {
      await this.#o.poll(source);
      return true;
    } catch (error) {
      this.#o.log.warn({ source, reason: reasonOf(error) }, `a webhook could not ask for a poll: ${messageOf(error)}`);
      return false;
    }
  }

  /** One line a minute: whoever calls must not fill the log. */
  #warn({ name }: HookedView, provider: Provider, why: string): void {
    const now = this.#o.now();
    if (now - (this.#warnedAt.get(name) ?? -Infinity) < warnEveryMs) return;
    this.#warnedAt.set(name, now);
    this.#o.log.warn({ source: name, provider, result: 'refused' }, `a call of a webhook was refused: ${why}`);
  }

  /** Ends early when the receiver stops. */
  async #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#stopping.signal.aborted) return;
    // Rejects only because it stops.
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
