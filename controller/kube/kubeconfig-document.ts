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

/** The document with another current context, and its user acting for another. Throws AccessError for a context that is not there. Pure. */
export function withChoices(document: KubeconfigDocument, choices: { context?: string; as?: string }): KubeconfigDocument {
  const name = choices.context || document['current-context'];
  const names = document.contexts.map(c => c.name);
  const known = names.length > 0 ? `the contexts are ${names.toSorted().join(', ')}` : 'there are no contexts in it';
  if (!name) throw new AccessError(`the kubeconfig names no current context: choose one with --context; ${known}`);
  const context = document.contexts.find(c => c.name === name);
  if (!context) throw new AccessError(`the kubeconfig's context "${name}" is not there; ${known}`);
  const { cluster, user } = fieldsOf(context['context']);
  if (!document.clusters.some(c => c.name === cluster))
    throw new AccessError(`the kubeconfig's current context "${name}" names no cluster`);
  const chosen = { ...document, 'current-context': name };
  if (!choices.as) return chosen;
  const before = document.users.find(u => u.name === user);
  const acting: Entry = { name: before?.name ?? 'as', user: { ...fieldsOf(before?.['user']), as: choices.as } };
  const contexts = document.contexts.map(c =>
    c === context ? { name, context: { ...fieldsOf(c['context']), user: acting.name } } : c,
  );
  return { ...chosen, contexts, users: [acting, ...document.users.filter(u => u !== before)] };
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
