/** A collector of traces: takes OTLP over HTTP as JSON, and keeps the spans. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** Epoch ms. */
  start: number;
  end: number;
  attributes: Record<string, string>;
  /** 2 is an error. */
  status: number;
  /** Of the process: service.name and others. */
  resource: Record<string, string>;
}

export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  endpoint: string;
  spans: CollectedSpan[];
  /** Requests that were not understood. */
  wrong: string[];
  stop(): Promise<void>;
}

interface Value {
  key: string;
  value: { stringValue?: string; intValue?: number | string };
}

interface TracesData {
  resourceSpans: {
    resource: { attributes: Value[] };
    scopeSpans: {
      spans: {
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        name: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes: Value[];
        status?: { code?: number };
      }[];
    }[];
  }[];
}

export async function startCollector(): Promise<Collector> {
  const [spans, wrong]: [CollectedSpan[], string[]] = [[], []];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const type = request.headers['content-type'];
      if (request.url !== '/v1/traces' || type !== 'application/json') wrong.push(`${request.method} ${request.url} ${type}`);
      else spans.push(...spansOf(JSON.parse(Buffer.concat(chunks).toString()) as TracesData));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    wrong,
    stop: () =>
      new Promise(resolve => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function spansOf({ resourceSpans }: TracesData): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(scope =>
      scope.spans.map(({ traceId, spanId, parentSpanId, name, startTimeUnixNano, endTimeUnixNano, attributes, status }) => ({
        traceId,
        spanId,
        ...(parentSpanId ? { parentSpanId } : {}),
        name,
        start: Number(BigInt(startTimeUnixNano) / 1_000_000n),
        end: Number(BigInt(endTimeUnixNano) / 1_000_000n),
        attributes: recordOf(attributes),
        status: status?.code ?? 0,
        resource: recordOf(resource.attributes),
      })),
    ),
  );
}

function recordOf(values: readonly Value[]): Record<string, string> {
  return Object.fromEntries(values.map(({ key, value }) => [key, String(value.stringValue ?? value.intValue)]));
}
