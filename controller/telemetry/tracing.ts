/**
 * Tells of each link of the chain as it is made. Off unless the environment names a collector, by the variables of OpenTelemetry; its SDK is
 * loaded only then. Tracing never fails anything: what cannot be told is counted.
 */
import { messageOf } from '../api/errors.ts';
import { spanOf, type Link, type LinkSpan } from './links.ts';
import type { Log } from './log.ts';
import { metrics } from './metrics.ts';

/** Takes spans to a collector. */
export interface SpanSink {
  add(span: LinkSpan): void;
  /** Sends what is left. */
  stop(): Promise<void>;
}

export interface TracingOptions {
  environment: NodeJS.ProcessEnv;
  /** Default of OTEL_SERVICE_NAME. */
  service: string;
  version: string;
  log: Log;
}

export interface Tracing {
  /** Sends what is left, for two seconds at most. */
  stop(): Promise<void>;
}

/** Spans that may wait while the SDK is loaded. */
const mostWaiting = 1_000;
const flushMs = 2_000;

let sink: { add(span: LinkSpan): void } | undefined;

/** Tells of a link that was made just now. Without tracing, and for links without a commit, nothing happens. */
export function recordLink(link: Link): void {
  if (!sink) return;
  const span = spanOf(link);
  if (span) sink.add(span);
}

/** Whether the environment asks for traces (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables). */
export function isTracingWanted(environment: NodeJS.ProcessEnv): boolean {
  const endpoint = environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || environment['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const off = environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || environment['OTEL_TRACES_EXPORTER'] === 'none';
  return Boolean(endpoint) && !off;
}

/** Begins to tell of links, if that is wanted; undefined if not. */
export function startTracing(o: TracingOptions): Tracing | undefined {
  if (!isTracingWanted(o.environment)) return undefined;
  const waiting: LinkSpan[] = [];
  const queue = {
    add: (span: LinkSpan): void => {
      if (waiting.length < mostWaiting) waiting.push(span);
      else metrics.traceSpans.inc({ result: 'dropped' });
    },
  };
  sink = queue;
  const loaded = load(o).then(exporter => {
    if (sink === queue) sink = exporter;
    if (exporter) for (const span of waiting.splice(0)) exporter.add(span);
    return exporter;
  });
  return {
    stop: async () => {
      sink = undefined;
      const done = loaded.then(exporter => exporter?.stop());
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, flushMs);
      });
      await Promise.race([done, late]);
      clearTimeout(timer);
    },
  };
}

/** Never rejects. */
async function load(o: TracingOptions): Promise<SpanSink | undefined> {
  try {
    const { createSpanSink } = await import('./span-export.ts');
    return createSpanSink(o);
  } catch (error) {
    o.log.error({ error }, `traces cannot be sent: ${messageOf(error)}`);
    return undefined;
  }
}
