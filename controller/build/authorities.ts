// By default import: a Node that is too old then gets as far as being told so (test/tools/build.ts), where a name that it lacks would not link.
import tls from 'node:tls';

/**
 * The certificates that the machine trusts, and these: one PEM file, as SSL_CERT_FILE replaces the machine's own. `system` is what this machine's
 * OpenSSL trusts, where there is such a thing; else the list that comes with Node.
 */
export function bundleWith(authorities: string): string {
  const system = tls.getCACertificates('system');
  const known = system.length > 0 ? system : tls.getCACertificates('bundled');
  return `${[...known, authorities].map(pem => pem.trim()).join('\n')}\n`;
}
