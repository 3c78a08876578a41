/** /healthz, /readyz and /metrics over plain HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseAddress } from './listen-address.ts';
import { registry, scrape } from './metric-table.ts';
import { metrics } from './metrics.ts';

/** A named check; returns what is wrong, several things as a list, or undefined. */
export type Check = () => string | readonly string[] | undefined;

export interface Probes {
  /** host:port that is listened on. */
  address: string;
  close(): Promise<void>;
}

/**
 * Listens on `address` (host:port). /healthz answers 200 while every `live` check passes, /readyz while every `ready` check passes;
 * otherwise 503 with one line for each thing that is wrong. The event loop's longest stall since the last scrape is a metric.
 */
export async function serveProbes(
  address: string,
  checks: { live: Record<string, Check>; ready: Record<string, Check> },
): Promise<Probes> {
  const { host, port } = parseAddress(address);
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    const send = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'content-type': type }).end(request.method === 'HEAD' ? '' : body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'only GET\n');
    if (path === '/healthz' || path === '/readyz') {
      const failed = Object.entries(path === '/healthz' ? checks.live : checks.ready).flatMap(([name, check]) => {
        return [check() ?? []].flat().map(problem => `${name}: ${problem}`);
      });
      return failed.length === 0 ? send(200, 'text/plain', 'ok\n') : send(503, 'text/plain', `${failed.join('\n')}\n`);
    }
    if (path !== '/metrics') return send(404, 'text/plain', 'not found\n');
    metrics.loopLag.set(delay.max / 1e9);
    delay.reset();
    scrape().then(
      text => send(200, registry.contentType, text),
      (error: unknown) => send(500, 'text/plain', `${String(error)}\n`),
    );
  });
  await listen(server, port, host);
  const bound = server.address() as AddressInfo;
  return {
    address: `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    close: () =>
      new Promise(resolve => {
        delay.disable();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
