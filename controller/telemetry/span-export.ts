/** Spans through OpenTelemetry's SDK to a collector, by OTLP over HTTP (JSON). Loaded only where tracing is on. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type IdGenerator,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { messageOf } from '../api/errors.ts';
import type { LinkSpan } from './links.ts';
import type { Log } from './log.ts';
import { metrics } from './metrics.ts';
import type { SpanSink, TracingOptions } from './tracing.ts';

/** Throws when a variable of the environment cannot be used. */
export function createSpanSink({ environment, service, version, log }: TracingOptions): SpanSink {
  const ids = new GivenIds();
  const sampler = samplerOf(environment);
  const delay = Number(environment['OTEL_BSP_SCHEDULE_DELAY'] ?? '');
  const resource = resourceFromAttributes({ 'service.name': service, 'service.version': version });
  const provider = new TracerProvider({
    resource: resource.merge(detectResources({ detectors: [envDetector] })),
    sampler,
    idGenerator: ids,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new ToldExporter(new OTLPTraceExporter(), log),
        ...(delay > 0 ? { scheduledDelayMillis: delay } : {}),
      }),
    ],
  });
  sayProtocol(environment, log);
  const tracer = provider.getTracer('scantling', version);
  return {
    add: span => {
      const { traceId, parentId, link: name, start, end } = span;
      const kind = SpanKind.INTERNAL;
      // By the commit alone, so that all processes come to the same for all links of one.
      const { decision } = sampler.shouldSample(ROOT_CONTEXT, traceId, name, kind, {}, []);
      if (decision !== SamplingDecision.RECORD_AND_SAMPLED) return;
      ids.next = span;
      const parent = { traceId, spanId: parentId ?? '', traceFlags: TraceFlags.SAMPLED, isRemote: true };
      const context = parentId === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
      // A number from before the process began would be taken for a time since then.
      const recorded = tracer.startSpan(name, { kind, startTime: new Date(start), attributes: attributesOf(span) }, context);
      if (span.error !== undefined) recorded.setStatus({ code: SpanStatusCode.ERROR, message: span.error });
      recorded.end(new Date(Math.max(start, end)));
    },
    stop: () => provider.shutdown(),
  };
}

function attributesOf({ commit, revision, attributes }: LinkSpan): Record<string, string> {
  const said = Object.entries(attributes).map(([name, value]) => [`scantling.${name}`, value]);
  return { 'scantling.commit': commit, ...(revision ? { 'scantling.revision': revision } : {}), ...Object.fromEntries(said) };
}

/** Ids are those of the link that is told next; asked for at once, in `startSpan`. */
class GivenIds implements IdGenerator {
  next: { traceId: string; spanId: string } = { traceId: '', spanId: '' };

  generateTraceId(): string {
    return this.next.traceId;
  }

  generateSpanId(): string {
    return this.next.spanId;
  }
}

/** No link has a parent of another program's, so a sampler that goes by the parent goes by its root. */
function samplerOf(environment: NodeJS.ProcessEnv): Sampler {
  const name = (environment['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on').replace(/^parentbased_/, '');
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio': {
      const ratio = Number(environment['OTEL_TRACES_SAMPLER_ARG'] || '1');
      if (!(ratio >= 0 && ratio <= 1)) throw new Error('OTEL_TRACES_SAMPLER_ARG is a number from 0 to 1');
      return new TraceIdRatioBasedSampler(ratio);
    }
    default:
      throw new Error(
        `OTEL_TRACES_SAMPLER names "${name}"; known are always_on, always_off, traceidratio, each also with parentbased_`,
      );
  }
}

function sayProtocol(environment: NodeJS.ProcessEnv, log: Log): void {
  const protocol = environment['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || environment['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol !== undefined && protocol !== 'http/json')
    log.warn({ protocol }, 'traces are sent by http/json, whatever OTEL_EXPORTER_OTLP_PROTOCOL says');
}

/** One line when a collector no longer takes spans, and one when it does again. */
class ToldExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: Log;
  #failing = false;

  constructor(exporter: SpanExporter, log: Log) {
    this.#exporter = exporter;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    this.#exporter.export(spans, result => {
      const failed = result.code !== ExportResultCode.SUCCESS;
      metrics.traceSpans.inc({ result: failed ? 'failed' : 'exported' }, spans.length);
      if (failed && !this.#failing)
        this.#log.warn(
          { reason: messageOf(result.error ?? 'no answer') },
          'the collector of traces takes none; nothing else is affected',
        );
      if (!failed && this.#failing) this.#log.info({}, 'the collector of traces takes them again');
      this.#failing = failed;
      // The processor has nobody to tell but standard error.
      done({ code: ExportResultCode.SUCCESS });
    });
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }
}
