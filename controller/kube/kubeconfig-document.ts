/**
 * Kubeconfig files read and merged by kubectl's rules (client-go, tools/clientcmd/loader.go): the first file that says something of a cluster,
 * user or context, or names the current context, wins; files of $KUBECONFIG that do not exist are passed over; paths count from their file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../api/errors.ts';

type Fields = Record<string, unknown>;
interface Entry {
  name: string;
  [key: string]: unknown;
}

/** One file, or all of them. */
export interface KubeconfigDocument {
  clusters: Entry[];
  users: Entry[];
  contexts: Entry[];
  'current-context'?: string;
}

/** What is wrong with how the cluster is to be reached; the message says what to do. */
export class AccessError extends Error {}

/** Fields that hold paths. */
const pathKeys = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];
const parts = [
  ['clusters', 'cluster'],
  ['users', 'user'],
  ['contexts', 'context'],
] as const;

/** The files that $KUBECONFIG names. */
export function listedFiles(variable: string): string[] {
  return variable.split(delimiter).filter(Boolean);
}

/** ~/.kube/config, when it exists. */
export function homeFile(environment: NodeJS.ProcessEnv): string | undefined {
  const file = join(environment['HOME'] || homedir(), '.kube', 'config');
  return existsSync(file) ? file : undefined;
}

/** Reads and merges. Throws AccessError for a file that cannot be read or is none; one that is absent is one of these with `required`. */
export function readKubeconfigs(files: readonly string[], { required = false } = {}): KubeconfigDocument | undefined {
  const documents = files.flatMap(file => {
    const text = textOf(file, required);
    return text === undefined ? [] : [documentOf(file, text)];
  });
  return documents.length === 0 ? undefined : mergeKubeconfigs(documents);
}

/** The first to say something wins. Pure. */
export function mergeKubeconfigs(documents: readonly KubeconfigDocument[]): KubeconfigDocument {
  const merged: KubeconfigDocument = { clusters: [], users: [], contexts: [] };
  for (const document of documents) {
    for (const [list] of parts) {
      const known = new Set(merged[list].map(e => e.name));
      merged[list].push(...document[list].filter(e => !known.has(e.name)));
    }
    merged['current-context'] ||= document['current-context'] ?? '';
  }
  return merged;
}

/** What a person chooses on the command line, as kubectl has it. */
export interface Choices {
  /** Context, cluster and user of the kubeconfig; the last two in place of the context's. */
  context?: string;
  cluster?: string;
  user?: string;
  /** URL of the API server, in place of the cluster's. */
  server?: string;
  /** In place of all that the user has. */
  token?: string;
  /** The user to act for, and groups of that one or of the kubeconfig's. */
  as?: string;
  asGroups?: readonly string[];
}

/**
 * The document with what was chosen as its current context. Throws AccessError for what is not there, and for a URL of a server or proxy
 * that is none. Pure.
 */
export function withChoices(document: KubeconfigDocument, choices: Choices): KubeconfigDocument {
  const name = choices.context || document['current-context'] || '';
  const context = contextOf(document, name, choices);
  const chosen = clusterOf(document, choices, context['cluster'], name);
  const identity = userOf(document, choices, context['user']);
  const clear = urlOf(chosen, choices).protocol === 'http:';
  const cluster = withCheckedProxy(clear ? { ...chosen, cluster: unverified(chosen['cluster']) } : chosen);
  const user = clear && identity ? { ...identity, user: withoutCredentials(identity['user']) } : identity;
  const entry: Entry = {
    name: name || 'chosen',
    context: { ...context, cluster: cluster.name, ...(user ? { user: user.name } : {}) },
  };
  return {
    ...document,
    clusters: [cluster, ...document.clusters.filter(c => c.name !== cluster.name)],
    users: [...(user ? [user] : []), ...document.users.filter(u => u.name !== user?.name)],
    contexts: [entry, ...document.contexts.filter(c => c.name !== entry.name)],
    'current-context': entry.name,
  };
}

function clusterOf(document: KubeconfigDocument, choices: Choices, own: unknown, context: string): Entry {
  const found = document.clusters.find(c => c.name === (choices.cluster || own));
  if (choices.cluster && !found) throw missing('cluster', choices.cluster, document.clusters);
  if (!choices.server) {
    if (!found) throw new AccessError(`the kubeconfig's current context "${context}" names no cluster`);
    return found;
  }
  // The name in the certificate is that of the cluster's own server.
  const { 'tls-server-name': _, ...fields } = fieldsOf(found?.['cluster']);
  return { name: found?.name ?? 'chosen', cluster: { ...fields, server: choices.server } };
}

/** Of the server. What is wrong is not quoted: it may hold a password. */
function urlOf(cluster: Entry, choices: Choices): URL {
  const { server } = fieldsOf(cluster['cluster']);
  const url = typeof server === 'string' ? URL.parse(server) : null;
  if (url && ['http:', 'https:'].includes(url.protocol) && url.hostname !== '') return url;
  const what = choices.server ? '--server' : `the server of the kubeconfig's cluster "${cluster.name}"`;
  throw new AccessError(`${what} is not a URL such as https://host:6443`);
}

/** client-node refuses a server without TLS unless it is told not to verify it. */
function unverified(cluster: unknown): Fields {
  return { ...fieldsOf(cluster), 'insecure-skip-tls-verify': true };
}

/** Whoever is on the way, a proxy first of all, reads what is sent to a server without TLS; so, as with kubectl, nothing secret is. */
function withoutCredentials(user: unknown): Fields {
  return Object.fromEntries(Object.entries(fieldsOf(user)).filter(([key]) => key === 'as' || key.startsWith('as-')));
}

/** Undefined for nobody. */
function userOf(document: KubeconfigDocument, choices: Choices, own: unknown): Entry | undefined {
  const found = document.users.find(u => u.name === (choices.user || own));
  if (choices.user && !found) throw missing('user', choices.user, document.users);
  const { token, as, asGroups = [] } = choices;
  if (!token && !as && asGroups.length === 0) return found;
  const fields: Fields = {
    ...(token ? { token } : fieldsOf(found?.['user'])),
    ...(as ? { as } : {}),
    ...(asGroups.length > 0 ? { 'as-groups': asGroups } : {}),
  };
  checkGroups(asGroups, fields['as']);
  return { name: found?.name ?? 'chosen', user: fields };
}

/** Throws AccessError for groups of nobody. */
export function checkGroups(groups: readonly string[], of: unknown): void {
  if (groups.length > 0 && !of) throw new AccessError('--as-group needs --as');
}

/** The groups that the current context's user acts with. Pure. */
export function impersonatedGroupsOf(document: KubeconfigDocument): string[] {
  const context = fieldsOf(document.contexts.find(c => c.name === document['current-context'])?.['context']);
  const groups = fieldsOf(document.users.find(u => u.name === context['user'])?.['user'])['as-groups'];
  return Array.isArray(groups) ? groups.filter(group => typeof group === 'string') : [];
}

/** The context's fields; where a cluster or server is chosen there need be none. */
function contextOf(document: KubeconfigDocument, name: string, choices: Choices): Fields {
  const found = document.contexts.find(c => c.name === name);
  if (found) return fieldsOf(found['context']);
  const known = knownOf('contexts', document.contexts);
  if (name) throw new AccessError(`the kubeconfig's context "${name}" is not there; ${known}`);
  if (choices.cluster || choices.server) return {};
  throw new AccessError(`the kubeconfig names no current context: choose one with --context; ${known}`);
}

/** What to do where there is no file at all. `listed`: what $KUBECONFIG names all the same. */
export function noKubeconfig({ context, cluster, user }: Choices, listed: string | undefined): AccessError {
  const files = listedFiles(listed ?? '');
  if (files.length > 0)
    return new AccessError(
      `no kubeconfig: $KUBECONFIG names ${files.join(' and ')}, which ${files.length === 1 ? 'does' : 'do'} not exist`,
    );
  const flag = context ? '--context' : cluster ? '--cluster' : user ? '--user' : undefined;
  if (flag) return new AccessError(`no kubeconfig for ${flag} to choose from: give one with --kubeconfig or $KUBECONFIG`);
  return new AccessError('no kubeconfig: give one with --kubeconfig or $KUBECONFIG, or run in a pod');
}

function missing(kind: string, name: string, entries: readonly Entry[]): AccessError {
  return new AccessError(`the kubeconfig's ${kind} "${name}" is not there; ${knownOf(`${kind}s`, entries)}`);
}

function knownOf(kinds: string, entries: readonly Entry[]): string {
  const names = entries.map(e => e.name).toSorted();
  return names.length > 0 ? `the ${kinds} are ${names.join(', ')}` : `there are no ${kinds} in it`;
}

/** The document with a proxy for its current cluster, where that names none. `proxyOf` as of ProxySettings. Throws AccessError for one that cannot be used. Pure. */
export function withProxy(document: KubeconfigDocument, proxyOf: (server: URL) => string | undefined): KubeconfigDocument {
  const [cluster, ...others] = document.clusters;
  const fields = fieldsOf(cluster?.['cluster']);
  const { server } = fields;
  if (!cluster || typeof server !== 'string' || fields['proxy-url'] || !URL.canParse(server)) return document;
  const url = new URL(server);
  const proxy = proxyOf(url);
  if (!proxy) return document;
  const used = usableProxy(proxy, url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  return { ...document, clusters: [{ ...cluster, cluster: { ...fields, 'proxy-url': used } }, ...others] };
}

function withCheckedProxy(cluster: Entry): Entry {
  const fields = fieldsOf(cluster['cluster']);
  const proxy = fields['proxy-url'];
  if (typeof proxy !== 'string' || proxy === '') return cluster;
  const what = `the proxy-url of the kubeconfig's cluster "${cluster.name}"`;
  return { ...cluster, cluster: { ...fields, 'proxy-url': usableProxy(proxy, what) } };
}

/** As undici takes it. What is wrong is not quoted: it may hold a password. */
function usableProxy(text: string, what: string): string {
  // undici lets every SOCKS proxy look names up, which for others is the h.
  const url = URL.parse(text.replace(/^socks5h:/i, 'socks5:'));
  if (!url || !['http:', 'https:', 'socks5:'].includes(url.protocol) || url.hostname === '')
    throw new AccessError(`${what} is not the URL of a proxy, such as http://host:3128 or socks5://host:1080`);
  try {
    decodeURIComponent(url.username + url.password);
  } catch (error) {
    throw new AccessError(`the name or password in ${what} holds a % that stands for no character: write it as %25`, {
      cause: error,
    });
  }
  return url.href;
}

function textOf(file: string, required: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (absent && !required) return undefined;
    throw new AccessError(`the kubeconfig ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function documentOf(file: string, text: string): KubeconfigDocument {
  let root: Fields;
  try {
    root = fieldsOf(parse(text));
  } catch (error) {
    throw new AccessError(`the kubeconfig ${file} is no YAML: ${messageOf(error)}`, { cause: error });
  }
  const directory = dirname(resolve(file));
  const entries = (list: string, part: string): Entry[] => {
    const items = Array.isArray(root[list]) ? root[list].map(fieldsOf) : [];
    return items.flatMap(item => {
      const { name } = item;
      return typeof name === 'string' ? [{ ...item, name, [part]: withPaths(fieldsOf(item[part]), directory) }] : [];
    });
  };
  const current = root['current-context'];
  return {
    clusters: entries('clusters', 'cluster'),
    users: entries('users', 'user'),
    contexts: entries('contexts', 'context'),
    ...(typeof current === 'string' ? { 'current-context': current } : {}),
  };
}

function withPaths(fields: Fields, directory: string): Fields {
  const out = { ...fields };
  for (const key of pathKeys) {
    const path = out[key];
    if (typeof path === 'string' && path !== '') out[key] = resolve(directory, path);
  }
  const exec = fieldsOf(out['exec']);
  // As for a shell: a command with a separator is a path, one without is looked for in PATH.
  const { command } = exec;
  if (typeof command === 'string' && command.includes('/')) out['exec'] = { ...exec, command: resolve(directory, command) };
  return out;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
