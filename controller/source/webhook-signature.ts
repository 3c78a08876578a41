/** Whether a call of a Git server proves that it knows the token: pure. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { SystemSourceSpecWebhook } from '../api/system-source.ts';

export type Provider = SystemSourceSpecWebhook['provider'];

/** A call as far as it proves something; names of headers in lower case. */
export interface Call {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Uint8Array;
}

/** Texts are compared by their hashes under a key that nobody knows, so that time says nothing of them, nor of their length. */
const comparisonKey = randomBytes(32);

/** The headers that prove something to one provider or another. */
const proofHeaders = [
  'x-hub-signature-256',
  'x-gitlab-token',
  'x-gitea-signature',
  'x-hub-signature',
  'x-signature-256',
  'authorization',
] as const;

/** Whether a call offers any proof at all; one that does not is refused before its body is read. */
export function offersProof(headers: Call['headers']): boolean {
  return proofHeaders.some(name => headers[name] !== undefined);
}

/**
 * The headers are those that the hosting services document: GitHub and Bitbucket sign the body with HMAC-SHA256 (`sha256=<hex>`), Gitea and
 * Forgejo as well, without the prefix; GitLab sends the token itself. Generic takes the signature in X-Signature-256 (as Flux's generic-hmac
 * has it in X-Signature), or the token as a bearer.
 */
export function isGenuine(provider: Provider, { headers, body }: Call, token: string): boolean {
  const signed = createHmac('sha256', token).update(body).digest('hex');
  switch (provider) {
    case 'GitHub':
      return same(headers['x-hub-signature-256'], `sha256=${signed}`);
    case 'GitLab':
      return same(headers['x-gitlab-token'], token);
    case 'Gitea':
      return same(headers['x-gitea-signature'], signed);
    case 'Bitbucket':
      return same(headers['x-hub-signature'], `sha256=${signed}`);
    case 'Generic': {
      const bySignature = same(headers['x-signature-256'], `sha256=${signed}`);
      const byToken = same(headers['authorization'], `Bearer ${token}`);
      return bySignature || byToken;
    }
  }
}

function same(given: string | string[] | undefined, wanted: string): boolean {
  const [a, b] = [typeof given === 'string' ? given : '', wanted].map(text =>
    createHmac('sha256', comparisonKey).update(text).digest(),
  );
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}
