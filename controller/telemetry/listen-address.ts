import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where to listen; without a host on every address, of IPv6 and of IPv4. */
export interface ListenAddress {
  host?: string;
  port: number;
}

/** What `host:port`, `[IPv6]:port` or `:port` says; port 0 is any free one. Throws for anything else. */
export function parseAddress(address: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^[\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) throw new Error(`"${address}" is not an address such as :8080 or [::1]:8080`);
  const host = bracketed ?? plain;
  return host ? { host, port } : { port };
}

/**
 * Listens; resolves with the host:port that is listened on. Without a host that is Node's default: `::`, which takes IPv4 as well, and
 * 0.0.0.0 where the kernel has no IPv6. Rejects when the address is none, or is not to be had.
 */
export function listenOn(server: Server, address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { host, port } = parseAddress(address);
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      const bound = server.address() as AddressInfo;
      resolve(`${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`);
    });
  });
}
