/** The servers that tests run against, as programs on this machine. */
import { findServer, type ServerName } from './server-binaries.mjs';

/**
 * The path of a test server.
 * @throws Error that says how to get it.
 */
export function serverBinary(name: ServerName): string {
  const path = findServer(name);
  if (path === undefined)
    throw new Error(`${name} is not on this machine yet: run \`node test/tools/setup.mjs\`, which fetches or builds it`);
  return path;
}
