import { canonicalPlace } from './reference.ts';

export interface Credentials {
  username: string;
  password: string;
  /** An OAuth2 refresh token (docker's `identitytoken`), used instead of the password where the registry has a token server. */
  identityToken?: string;
}

/** Credentials by registry or repository prefix: the `auths` of a kubernetes.io/dockerconfigjson Secret. */
export interface DockerConfig {
  readonly auths: ReadonlyMap<string, Credentials>;
}

/**
 * Parses the content of `.dockerconfigjson`. Keys are normalised: no scheme, no trailing slash, no /v1 or /v2, the host as registryHost has it.
 * @throws SyntaxError, without any of the text, which is secret.
 */
export function parseDockerConfig(json: string): DockerConfig {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    // The parser's message quotes the text.
    throw new SyntaxError('.dockerconfigjson is not JSON');
  }
  const auths = new Map<string, Credentials>();
  for (const [key, value] of Object.entries(record(record(parsed)['auths']))) {
    const credentials = credentialsOf(record(value));
    if (credentials) auths.set(normalise(key), credentials);
  }
  return { auths };
}

/**
 * The credentials whose key is the longest path prefix of `host/repository`, as containers-auth.json(5) and the kubelet choose them.
 * A key's leading `*.` stands for one label of the host.
 */
export function credentialsFor(config: DockerConfig | undefined, repository: string): Credentials | undefined {
  return config && entryFor(config, repository)?.credentials;
}

/** As credentialsFor, with the key: the prefix that matched, with the host itself where the key has `*.`, which other programs do not know. */
export function entryFor(config: DockerConfig, repository: string): { key: string; credentials: Credentials } | undefined {
  const [host = '', ...path] = normalise(repository).split('/');
  const hosts = [host, `*.${host.split('.').slice(1).join('.')}`];
  for (let length = path.length; length >= 0; length--) {
    const below = path.slice(0, length);
    for (const candidate of hosts) {
      const credentials = config.auths.get([candidate, ...below].join('/'));
      if (credentials) return { key: [host, ...below].join('/'), credentials };
    }
  }
  return undefined;
}

/** Of the credentials, those for this repository, and for it alone; none where there are none. */
export function onlyFor(config: DockerConfig, repository: string): DockerConfig {
  const found = entryFor(config, repository);
  return { auths: new Map(found ? [[normalise(repository), found.credentials]] : []) };
}

/** The inverse of parseDockerConfig, with its keys in order, so that equal configurations are equal texts. Holds secrets. */
export function formatDockerConfig({ auths }: DockerConfig): string {
  const entries = [...auths].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const formatted = entries.map(([key, { username, password, identityToken }]) => {
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    return [key, identityToken === undefined ? { auth } : { auth, identitytoken: identityToken }];
  });
  return JSON.stringify({ auths: Object.fromEntries(formatted) });
}

/** The credentials of both, of which the longest match counts; where both have the same key, those of `first`. */
export function mergeCredentials(first: DockerConfig | undefined, second: DockerConfig | undefined): DockerConfig | undefined {
  if (!first || !second) return first ?? second;
  return { auths: new Map([...second.auths, ...first.auths]) };
}

function normalise(key: string): string {
  const bare = key
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
  return canonicalPlace(bare);
}

function credentialsOf(entry: Record<string, unknown>): Credentials | undefined {
  const identityToken = text(entry['identitytoken']);
  const extra = identityToken ? { identityToken } : {};
  const username = text(entry['username']);
  const password = text(entry['password']);
  if (username !== undefined && password !== undefined) return { username, password, ...extra };
  const decoded = Buffer.from(text(entry['auth']) ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon > 0) return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1), ...extra };
  return identityToken ? { username: '', password: '', ...extra } : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
