/** What the Secret of a source says, by Flux's key names: username and password, or bearerToken; ca.crt. */
import { createHash } from 'node:crypto';
import type { Secret } from '../api/core.ts';
import { StallingError } from '../api/errors.ts';
import type { SourceReason } from './reasons.ts';

export interface Credentials {
  /** Value of the Authorization header. */
  authorization?: string;
  /** PEM of the authority that signs the server's certificate. */
  ca?: string;
}

/** Throws StallingError `InvalidSecret`, which names keys and never a value. */
export function credentialsOf(secret: Secret): Credentials {
  const value = (key: string): string | undefined => {
    const encoded = secret.data?.[key];
    return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8').trim();
  };
  const [username, password, bearerToken, ca] = [value('username'), value('password'), value('bearerToken'), value('ca.crt')];
  const name = secret.metadata.name;
  if (bearerToken && (username || password)) throw invalid(name, 'has both bearerToken and username or password');
  if (Boolean(username) !== Boolean(password)) throw invalid(name, 'has only one of username and password');
  if (!bearerToken && !username && !ca) throw invalid(name, 'has none of username and password, bearerToken, ca.crt');
  const authorization = bearerToken ? `Bearer ${bearerToken}` : username ? basic(username, password ?? '') : undefined;
  if (authorization && /[^\x20-\x7e]/.test(authorization))
    throw invalid(name, 'has a bearerToken with characters no header may have');
  return { ...(authorization ? { authorization } : {}), ...(ca ? { ca } : {}) };
}

/** Equal for equal credentials; says nothing of them. Sources that share it may share connections and objects. */
export function fingerprint(credentials: Credentials): string {
  return createHash('sha256')
    .update(JSON.stringify([credentials.authorization, credentials.ca]))
    .digest('hex');
}

/** Cuts the credentials out of a text that another program wrote. */
export function withoutCredentials(text: string, credentials: Credentials): string {
  const [, encoded] = credentials.authorization?.split(' ') ?? [];
  if (!encoded) return text;
  const decoded = credentials.authorization?.startsWith('Basic ') ? Buffer.from(encoded, 'base64').toString('utf8') : '';
  const password = decoded.slice(decoded.indexOf(':') + 1);
  let out = text;
  for (const secret of [encoded, decoded, password, encodeURIComponent(password)]) {
    if (secret) out = out.replaceAll(secret, '[redacted]');
  }
  return out;
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function invalid(name: string, why: string): StallingError {
  return new StallingError('InvalidSecret' satisfies SourceReason, `Secret ${name} ${why}`);
}
