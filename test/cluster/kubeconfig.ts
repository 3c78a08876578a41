import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';

export interface KubeconfigOptions {
  /** The API server, https. */
  url: string;
  /** PEM. */
  certificateAuthority: string;
  token: string;
  user?: string;
}

/** Writes a kubeconfig with one cluster and one bearer token, readable by this user alone. */
export function writeKubeconfig(file: string, { url, certificateAuthority, token, user = 'user' }: KubeconfigOptions): void {
  const cluster = { server: url, 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') };
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'scantling', cluster }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: 'scantling', context: { cluster: 'scantling', user } }],
    'current-context': 'scantling',
  });
  writeFileSync(file, text, { mode: 0o600 });
}
