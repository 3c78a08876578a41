/** A proxy for http and, by CONNECT, for https, that leads every name to one server. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';

export interface ForwardProxy {
  url: string;
  /** Method and host of each request, as they were asked. */
  asked: string[];
  stop(): void;
}

export async function startForwardProxy(upstream: { host: string; port: number }): Promise<ForwardProxy> {
  const asked: string[] = [];
  const proxy = createServer((incoming, response) => {
    const { host, pathname, search } = new URL(incoming.url ?? '');
    asked.push(`${incoming.method} ${host}`);
    const headers = Object.entries(incoming.headers).filter(
      ([name]) => !['host', 'connection', 'transfer-encoding'].includes(name),
    );
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      void fetch(`http://${upstream.host}:${upstream.port}${pathname}${search}`, {
        method: incoming.method ?? 'GET',
        headers: Object.fromEntries(headers) as Record<string, string>,
        ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
      }).then(async answer => {
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
    });
  });
  proxy.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    const tunnel = connect(upstream.port, upstream.host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      tunnel.pipe(socket).pipe(tunnel);
    });
    for (const each of [tunnel, socket]) each.on('error', () => tunnel.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    asked,
    stop() {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}
