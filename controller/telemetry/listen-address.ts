/** What `host:port` says: where to listen. Without a host, on every address; port 0 is any free one. Throws for anything else. */
export function parseAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, Math.max(0, at)).replace(/^\[|\]$/g, '') || '0.0.0.0';
  const port = Number(address.slice(at + 1));
  if (at < 0 || !Number.isInteger(port) || port < 0 || port > 65535)
    throw new Error(`"${address}" is not an address such as 0.0.0.0:8080`);
  return { host, port };
}
