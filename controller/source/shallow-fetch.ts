/** The lesser transport: a whole shallow pack by isomorphic-git's fetch, for servers that cannot leave out what is not named. */
import { StallingError, TransientError } from '../api/errors.ts';
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import type { GitHttp, Wire } from './git-http.ts';
import { createMemoryFiles } from './memory-files.ts';
import { type Pack, openPack } from './pack.ts';
import { exceeded } from './pack-scan.ts';
import type { SourceReason } from './reasons.ts';

const gitdir = '/g';
/** Stands for the real URL inside isomorphic-git, which therefore never sees it. */
const placeholder = 'https://repository.invalid';

export interface ShallowFetch {
  commit: string;
  /** Commits of history, the tip included. */
  depth: number;
  limits: SystemSourceSpecLimits;
}

/** Ends isomorphic-git's fetch when it has the pack: it would index it next, without caps and in one go. */
class HavePack extends Error {}

/** All objects of the commit, foreign ones included; the answer is capped while it streams. */
export async function fetchShallow(http: GitHttp, o: ShallowFetch, wire: Wire): Promise<Pack> {
  // Loaded when first needed: most servers never need it, and it is large.
  const git = await import('isomorphic-git');
  let pack: Buffer | undefined;
  const files = createMemoryFiles((path, data) => {
    if (!path.endsWith('.pack')) return;
    pack = data;
    throw new HavePack();
  });
  await git.init({ fs: files, gitdir, bare: true });
  await git.addRemote({ fs: files, gitdir, remote: 'origin', url: placeholder });
  try {
    await git.fetch({
      fs: files,
      gitdir,
      http: { request: request => send(http, request, o.limits, wire) },
      remote: 'origin',
      remoteRef: o.commit,
      singleBranch: true,
      depth: o.depth,
      tags: false,
    });
  } catch (error) {
    if (error instanceof StallingError || error instanceof TransientError) throw error;
    if (!(error instanceof HavePack)) {
      throw new TransientError(
        'GitOperationFailed' satisfies SourceReason,
        `shallow fetch: ${http.redact(String(error)).slice(0, 500)}`,
      );
    }
  }
  if (!pack) throw new TransientError('GitOperationFailed' satisfies SourceReason, 'the Git server sent no pack');
  return openPack(pack, o.limits);
}

interface PluginRequest {
  url: string;
  method?: string | undefined;
  headers?: Record<string, string> | undefined;
  body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined;
}

interface PluginResponse {
  url: string;
  method: string;
  statusCode: number;
  statusMessage: string;
  headers: Record<string, string>;
  body: AsyncIterableIterator<Uint8Array>;
}

/** isomorphic-git's http plugin over our own requests. */
async function send(http: GitHttp, o: PluginRequest, limits: SystemSourceSpecLimits, wire: Wire): Promise<PluginResponse> {
  const method = o.method === 'POST' ? 'POST' : 'GET';
  const chunks: Uint8Array[] = [];
  for await (const chunk of o.body ?? []) chunks.push(chunk);
  const { authorization: _, ...headers } = o.headers ?? {};
  const response = await http.send(
    { method, path: o.url.slice(placeholder.length), headers, ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}) },
    wire,
  );
  return {
    url: o.url,
    method,
    statusCode: 200,
    statusMessage: 'OK',
    headers: { 'content-type': response.contentType },
    body: capped(response.body, limits.packBytes),
  };
}

async function* capped(body: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > most) throw exceeded('packBytes', most, 'the answer is larger');
    yield chunk;
  }
}
