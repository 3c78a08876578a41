import type { DockerConfig } from '../registry/credentials.ts';

const masked = '[masked]';

/** Shapes of secrets that no one told us of: user info in URLs, authorization headers, key=value with a telling key. */
const shapes: readonly [RegExp, string][] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi, `$1${masked}@`],
  // Signed addresses of storage, which registries redirect to: whoever has one may read until it expires.
  [/([?&](?:x-(?:amz|goog)-[a-z-]+|signature|sig|se|skoid|policy|key-pair-id|hmac)=)[^\s&"'<>]+/gi, `$1${masked}`],
  [/\b(authorization\s*[:=]\s*)(?:(basic|bearer|token)\s+)?\S+/gi, `$1$2 ${masked}`],
  [/\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}/gi, `$1${masked}`],
  [
    /\b((?:[a-z0-9_-]*(?:password|passwd|secret|token|api[_-]?key|private[_-]?key))["']?\s*[:=]\s*["']?)[^\s"',;]+/gi,
    `$1${masked}`,
  ],
];

/** A function that cuts the given secrets, and what looks like one, out of a line. */
export function createMask(secrets: readonly string[]): (line: string) => string {
  // Longest first, so that a secret within another leaves nothing of it; very short ones would mask ordinary words.
  const known = [...new Set(secrets)].filter(secret => secret.length >= 4).toSorted((a, b) => b.length - a.length);
  return line => {
    let out = line;
    for (const secret of known) out = out.replaceAll(secret, masked);
    for (const [shape, replacement] of shapes) out = out.replace(shape, replacement);
    return out;
  };
}

/** All that must never be seen of a file's text: each of its lines, and the whole in the encoding that secrets travel in. */
export function secretsIn(value: Uint8Array): string[] {
  const bytes = Buffer.from(value);
  const lines = bytes
    .toString('utf8')
    .split(/\r?\n|\r/)
    .map(line => line.trim())
    .filter(line => line !== '');
  return [...lines, bytes.toString('base64'), ...lines.map(line => Buffer.from(line).toString('base64'))];
}

/** All that must never be seen of registry credentials, in the forms it travels in. */
export function secretsOf(auth: DockerConfig | undefined): string[] {
  return [...(auth?.auths.values() ?? [])].flatMap(({ username, password, identityToken }) => [
    ...(password === '' ? [] : [password, Buffer.from(`${username}:${password}`).toString('base64')]),
    ...(identityToken === undefined ? [] : [identityToken]),
  ]);
}
