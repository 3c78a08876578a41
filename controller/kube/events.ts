/**
 * Kubernetes events (events.k8s.io/v1), in the background: a reconcile never waits for one and never fails by one. What repeats is
 * counted in a series instead of written again.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { events, type Event } from '../api/core.ts';
import { messageOf } from '../api/errors.ts';
import { fieldManagers } from '../api/names.ts';
import type { Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { Client } from './client.ts';
import { isNotFound } from './errors.ts';
import { microTime } from './microtime.ts';

export interface EventRecorderOptions {
  client: Client;
  /** Who reports, e.g. `scantling-controller`. */
  controller: string;
  /** Which of its processes, at most 128 characters. */
  instance: string;
  log: Log;
  /** Events that may wait (default 1,000); more, and the oldest is dropped. */
  queueLimit?: number;
}

export interface RecordedEvent {
  regarding: { apiVersion: string; kind: string; name: string; uid?: string; namespace?: string };
  type: 'Normal' | 'Warning';
  /** CamelCase: why. */
  reason: string;
  /** CamelCase: what was done or failed. */
  action: string;
  note: string;
}

interface Series {
  name: string;
  namespace: string;
  count: number;
  lastObserved: number;
}

/** The API server's limits (pkg/apis/core/validation/events.go). */
const limits = { note: 1024, reason: 128, action: 128, instance: 128, name: 253 };
/** The same thing later than this is news again; client-go's figure (tools/events/event_broadcaster.go). */
const seriesMs = 6 * 60_000;
const seriesLimit = 500;
const flushMs = 5_000;
const fieldManager = fieldManagers.events;

export class EventRecorder {
  readonly #o: EventRecorderOptions;
  readonly #queue: { event: RecordedEvent; at: number }[] = [];
  readonly #series = new Map<string, Series>();
  #sending: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    this.#o = options;
  }

  /** Queues an event. An object without namespace has its events in `default`, where kubectl looks for them. */
  record(event: RecordedEvent): void {
    this.#queue.push({ event, at: Date.now() });
    if (this.#queue.length > (this.#o.queueLimit ?? 1_000)) {
      this.#queue.shift();
      metrics.eventsDropped.inc({});
    }
    this.#sending ??= this.#send();
  }

  /** Resolves when all that was recorded is written or dropped, or after five seconds. */
  async flush(): Promise<void> {
    const done = new AbortController();
    // The timer is only cleared when the queue was faster.
    const timeout = sleep(flushMs, undefined, { signal: done.signal }).catch(() => undefined);
    await Promise.race([this.#sending, timeout]);
    done.abort();
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      try {
        await this.#write(next.event, next.at);
      } catch (error) {
        metrics.eventsDropped.inc({});
        this.#o.log.debug({ reason: messageOf(error), event: next.event.reason }, 'an event could not be written');
      }
    }
    this.#sending = undefined;
  }

  async #write(event: RecordedEvent, at: number): Promise<void> {
    const key = JSON.stringify([event.regarding, event.type, event.reason, event.action, event.note]);
    const series = this.#series.get(key);
    if (series && at - series.lastObserved < seriesMs && (await this.#repeat(series, at))) return;
    const created = await this.#o.client.create(events, this.#eventOf(event, at), { fieldManager });
    this.#series.delete(key);
    this.#series.set(key, { name: created.metadata.name, namespace: namespaceOf(event), count: 1, lastObserved: at });
    const oldest = this.#series.keys().next();
    if (this.#series.size > seriesLimit && !oldest.done) this.#series.delete(oldest.value);
  }

  /** Counts one more in an event that is there; false when it is no longer (events live for an hour). */
  async #repeat(series: Series, at: number): Promise<boolean> {
    const { name, namespace } = series;
    const body = { series: { count: series.count + 1, lastObservedTime: microTime(new Date(at)) } };
    try {
      await this.#o.client.mergePatch(events, name, body, { fieldManager, namespace });
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
    series.count++;
    series.lastObserved = at;
    return true;
  }

  #eventOf(event: RecordedEvent, at: number): Event {
    const suffix = randomBytes(8).toString('hex');
    const name = `${event.regarding.name.slice(0, limits.name - suffix.length - 1)}.${suffix}`;
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace: namespaceOf(event) },
      eventTime: microTime(new Date(at)),
      reportingController: this.#o.controller,
      reportingInstance: this.#o.instance.slice(0, limits.instance),
      type: event.type,
      reason: event.reason.slice(0, limits.reason),
      action: event.action.slice(0, limits.action),
      note: cut(event.note),
      regarding: event.regarding,
    };
  }
}

function namespaceOf(event: RecordedEvent): string {
  return event.regarding.namespace ?? 'default';
}

/** The limit is in bytes; a character that it would split goes too. */
function cut(note: string): string {
  if (Buffer.byteLength(note) <= limits.note) return note;
  return `${Buffer.from(note)
    .subarray(0, limits.note - 6)
    .toString('utf8')
    .replace(/\uFFFD$/, '')}…`;
}
