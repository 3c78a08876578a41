/** What kube-proxy does in a cluster, for one Service: connections to its address are passed on. */
import { connect, createServer, type Socket } from 'node:net';

export interface ServiceFront {
  stop(): Promise<void>;
}

/** Listens on a Service's address, which must be one of this machine's, and passes every connection on to a port of the loopback address. */
export async function startServiceFront(o: { address: string; port: number; to: number }): Promise<ServiceFront> {
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, client => {
    const upstream = connect({ host: '127.0.0.1', port: o.to, noDelay: true });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy()); // the other side learns of it by the end of its connection
      one.once('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(o.port, o.address, resolve);
  });
  return {
    stop: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
