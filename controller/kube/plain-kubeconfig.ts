/** Reads a kubeconfig without client-node, when its current context is plain: a server, an authority, a token or a certificate. */
import { resolve } from 'node:path';

/** An access for which nothing but reading files is needed. */
export interface PlainAccess {
  server: string;
  serverName?: string;
  authority?: Source;
  token?: Source;
  certificate?: Source;
  key?: Source;
  impersonatedUser?: string;
}

/** Text, or a file that is read each time because it changes. */
export type Source = { text: string } | { file: string };

const clusterKeys = ['server', 'certificate-authority', 'certificate-authority-data', 'tls-server-name'];
const userKeys = ['token', 'tokenFile', 'client-certificate', 'client-certificate-data', 'client-key', 'client-key-data'];

/** The plain access that a kubeconfig's current context gives; undefined when it asks for anything more. */
export function plainAccessOf(document: unknown, directory: string): PlainAccess | undefined {
  const config = record(document);
  const context = record(named(config['contexts'], config['current-context'])['context']);
  const cluster = record(named(config['clusters'], context['cluster'])['cluster']);
  const user = record(named(config['users'], context['user'])['user']);
  const plain = Object.keys(cluster).every(k => clusterKeys.includes(k)) && Object.keys(user).every(k => userKeys.includes(k));
  const { server } = cluster;
  if (!plain || typeof server !== 'string' || !server.startsWith('https:')) return undefined;
  const source = (from: Record<string, unknown>, data: string, file: string): Source | undefined => {
    const [text, path] = [from[data], from[file]];
    if (typeof text === 'string') return { text: data.endsWith('-data') ? Buffer.from(text, 'base64').toString() : text };
    return typeof path === 'string' ? { file: resolve(directory, path) } : undefined;
  };
  const serverName = cluster['tls-server-name'];
  return {
    server,
    ...(typeof serverName === 'string' ? { serverName } : {}),
    ...present('authority', source(cluster, 'certificate-authority-data', 'certificate-authority')),
    ...present('token', source(user, 'token', 'tokenFile')),
    ...present('certificate', source(user, 'client-certificate-data', 'client-certificate')),
    ...present('key', source(user, 'client-key-data', 'client-key')),
  };
}

function named(list: unknown, name: unknown): Record<string, unknown> {
  return Array.isArray(list) ? record(list.find(item => record(item)['name'] === name)) : {};
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function present<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
