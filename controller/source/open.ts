/** Repositories by URL and credentials, shared by everything that reads them. */
import { createHash } from 'node:crypto';
import { secrets } from '../api/core.ts';
import { parseDuration } from '../api/duration.ts';
import { TransientError } from '../api/errors.ts';
import type { SystemSource } from '../api/system-source.ts';
import type { Client } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { showExpiry } from '../telemetry/certificate-expiry.ts';
import { metrics } from '../telemetry/metrics.ts';
import { ByteCache } from './byte-cache.ts';
import { type Credentials, credentialsOf, fingerprint } from './credentials.ts';
import { GitHttp, type Wire } from './git-http.ts';
import type { SourceReason } from './reasons.ts';
import { type FetchContext, type Cached, Repository } from './repository.ts';
import { type SourceTree, createRepositoryTree } from './repository-tree.ts';

export interface RepositoriesOptions {
  client: Client;
  /** The operator's own, where Secrets are read. */
  namespace: string;
  userAgent: string;
  /** URL of the proxy that a Git server is reached through, undefined for none; absent: no proxy. */
  proxyOf?: (url: URL) => string | undefined;
  now: () => number;
  /** Bytes of Git objects kept over all repositories; default 32 MiB. */
  cacheBytes?: number;
}

export interface Repositories {
  /** The repository of a source with its present credentials. */
  of(source: SystemSource): Promise<Repository>;
  /** The tree of a commit; nothing is fetched before it is read. */
  tree(source: SystemSource, repository: Repository, oid: string, signal?: AbortSignal): SourceTree;
  /** Deadline (spec.timeout) and accounting of one operation for a source. */
  wire(source: SystemSource, signal?: AbortSignal): Wire;
  /** Lets go of what a deleted source held. */
  forget(sourceName: string): Promise<void>;
}

export function createRepositories(o: RepositoriesOptions): Repositories {
  const cache = new ByteCache<Cached>(o.cacheBytes ?? 32 * 1024 * 1024);
  const open = new Map<string, { repository: Repository; users: Set<string> }>();

  const release = async (sourceName: string, except?: string): Promise<void> => {
    for (const [key, { repository, users }] of open) {
      if (key === except || !users.delete(sourceName) || users.size > 0) continue;
      open.delete(key);
      await repository.close();
    }
  };
  const of = async (source: SystemSource): Promise<Repository> => {
    const credentials = await readCredentials(o, source);
    const { name } = source.metadata;
    const key = createHash('sha256')
      .update(`${source.spec.url}\n${fingerprint(credentials)}`)
      .digest('hex');
    let entry = open.get(key);
    if (!entry) {
      const { userAgent, now, proxyOf } = o;
      const http = new GitHttp({ url: source.spec.url, credentials, userAgent, now, ...(proxyOf ? { proxyOf } : {}) });
      entry = { repository: new Repository({ key, http, cache, now: o.now }), users: new Set() };
      open.set(key, entry);
    }
    entry.users.add(name);
    await release(name, key);
    return entry.repository;
  };
  const tree = (source: SystemSource, repository: Repository, oid: string, signal?: AbortSignal): SourceTree => {
    const { limits } = source.spec;
    const held = {};
    const context = (): FetchContext => ({ ...wireOf(source, signal), commit: oid, limits, held });
    return createRepositoryTree({
      limits,
      commit: () => repository.commit(context()),
      objects: oids => repository.objects(oids, context()),
    });
  };

  return {
    of,
    tree,
    wire: wireOf,
    forget: sourceName => release(sourceName),
  };
}

function wireOf(source: SystemSource, signal?: AbortSignal): Wire {
  const deadline = AbortSignal.timeout(timeoutOf(source));
  return {
    signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    onBytes: bytes => metrics.sourceFetchedBytes.inc({ source: source.metadata.name }, bytes),
  };
}

/** Milliseconds of spec.timeout, at least one second. */
export function timeoutOf(source: SystemSource): number {
  return Math.max(1000, parseDuration(source.spec.timeout));
}

async function readCredentials(o: RepositoriesOptions, source: SystemSource): Promise<Credentials> {
  const name = source.spec.secretRef?.name;
  if (name === undefined) return {};
  try {
    const credentials = credentialsOf(await o.client.get(secrets, name, o.namespace));
    showExpiry(`Secret/${name}`, [credentials.ca]);
    return credentials;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new TransientError(
      'SecretNotFound' satisfies SourceReason,
      `Secret ${o.namespace}/${name} does not exist; create it, or correct spec.secretRef`,
      {
        cause: error,
      },
    );
  }
}
