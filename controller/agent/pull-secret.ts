/** What the host is given to pull with: pure. */
import type { Secret } from '../api/core.ts';

/** The host cannot be given the credentials that its target is to be pulled with. */
export class PullSecretError extends Error {
  readonly reason: 'PullSecretUnavailable' | 'PullSecretBlocked' | 'PullSecretUnwritable';

  constructor(reason: PullSecretError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PullSecretError';
    this.reason = reason;
  }
}

/** By this key in it a file is known to be ours; containers-auth.json(5) has other keys, and its readers pass over this one. */
const mark = 'scantling.dev/agent';

/**
 * What the service manager runs when a pull has ended, so that the file goes also where no agent is left: no shell, and nothing but a plain file
 * that bears our mark is removed. It looks from /run because find complains of a path that is not there. `-`: whatever comes of it is not
 * the pull's result.
 */
export const removalAfterPull = `-/usr/bin/find /run -ignore_readdir_race -maxdepth 2 -path /run/ostree/auth.json -type f -exec /usr/bin/grep -qF '"${mark}":"' {} ';' -delete`;

/**
 * The text of an auth.json with the credentials of the Secret over those of the file that it hides, of which bootc reads only the first.
 * `hidden` is that file's text. Throws PullSecretError, without any of the texts.
 */
export function authFile(secret: Secret, hidden: { path: string; text: string } | undefined): string {
  const json = Buffer.from(secret.data?.['.dockerconfigjson'] ?? '', 'base64').toString('utf8');
  const own = record(parse(json));
  if (!own) throw new PullSecretError('PullSecretUnavailable', `Secret ${secret.metadata.name} holds no registry credentials`);
  const below = hidden ? record(parse(hidden.text)) : {};
  if (!below) {
    const path = hidden?.path ?? '';
    throw new PullSecretError(
      'PullSecretBlocked',
      `${path} on the host is no JSON object, so what is in it would be lost: mend it, or remove it`,
    );
  }
  const auths = { ...record(below['auths']), ...record(own['auths']) };
  return JSON.stringify({ ...below, auths, [mark]: 'pull Secret of a SystemPool; removed when the image is staged' });
}

/** Whether a file is one that an agent wrote. */
export function isOurs(text: string): boolean {
  return record(parse(text))?.[mark] !== undefined;
}

/** Undefined for what is no JSON; the parser's message would quote it. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
