/** The one endpoint of a kubelet that `kubectl logs` needs, for nodes on which nothing runs: the API server passes the question on to it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { nodes } from '../../controller/api/core.ts';
import type { Client } from '../../controller/kube/client.ts';
import { createAuthority, issueCertificate } from './certificates.ts';

export interface KubeletLogs {
  /** Requests for logs so far, as the query that the kubelet got. */
  readonly requests: URLSearchParams[];
  /** Adds lines to what a container of the pod has written. */
  write(pod: string, ...lines: string[]): void;
  /** The container has ended: so do the answers. */
  end(pod: string): void;
  /** Breaks every open answer off. */
  cut(): void;
  stop(): Promise<void>;
}

interface Log {
  lines: { time: Date; text: string }[];
  ended: boolean;
  readers: Set<ServerResponse>;
}

/** Starts it, and registers a Node whose kubelet it is. */
export async function startKubeletLogs(admin: Client, node: string): Promise<KubeletLogs> {
  const logs = new Map<string, Log>();
  const requests: URLSearchParams[] = [];
  const logOf = (pod: string): Log => {
    const log = logs.get(pod) ?? { lines: [], ended: false, readers: new Set() };
    logs.set(pod, log);
    return log;
  };
  const format = ({ time, text }: Log['lines'][number]): string => `${time.toISOString().replace('Z', '000000Z')} ${text}\n`;
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'https://kubelet');
    const [, kind, , pod = ''] = url.pathname.split('/');
    if (kind !== 'containerLogs') return void response.writeHead(404).end();
    requests.push(url.searchParams);
    const since = Date.parse(url.searchParams.get('sinceTime') ?? '') || 0;
    const log = logOf(pod);
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    for (const line of log.lines) if (line.time.getTime() >= since) response.write(format(line));
    if (log.ended || url.searchParams.get('follow') !== 'true') response.end();
    else log.readers.add(response);
  };
  const authority = { ...createAuthority('kubelet'), commonName: 'kubelet' };
  const { certificate, key } = issueCertificate(authority, ['127.0.0.1']);
  const server = createServer({ cert: certificate, key }, serve);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: node } });
  const { port: Port } = server.address() as AddressInfo;
  const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port } } };
  await admin.mergePatch(nodes, node, { status }, { fieldManager: 'test', subresource: 'status' });
  // Two lines of one millisecond would be one to a reader that goes by time.
  let clock = Date.now() - 3_600_000;
  return {
    requests,
    write(pod, ...texts) {
      const log = logOf(pod);
      for (const text of texts) {
        const line = { time: new Date((clock += 7)), text };
        log.lines.push(line);
        for (const reader of log.readers) reader.write(format(line));
      }
    },
    end(pod) {
      const log = logOf(pod);
      log.ended = true;
      for (const reader of log.readers) reader.end();
      log.readers.clear();
    },
    cut() {
      for (const log of logs.values()) {
        for (const reader of log.readers) reader.destroy();
        log.readers.clear();
      }
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}
