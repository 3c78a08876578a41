/** /healthz, /readyz and /metrics over plain HTTP. */
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { listenOn } from './listen-address.ts';
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
 * Listens on `address` (host:port, or :port for every address). /healthz answers 200 while every `live` check passes, /readyz while every `ready` check passes;
 * otherwise 503 with one line for each thing that is wrong. The event loop's longest stall since the last scrape is a metric.
 */
export async function serveProbes(
  address: string,
  checks: { live: Record<string, Check>; ready: Record<string, Check> },
): Promise<Probes> {
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
  const bound = await listenOn(server, address);
  return {
    address: bound,
    close: () =>
      new Promise(resolve => {
        delay.disable();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
