/** The lesser transport: a whole shallow pack by isomorphic-git, for servers that cannot leave out what is not named. */
import { StallingError, TransientError } from '../api/errors.ts';
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import type { GitHttp, Wire } from './git-http.ts';
import { invalid } from './git-object.ts';
import { createMemoryFiles } from './memory-files.ts';
import { type Pack, isomorphicGit, letGo, packIn } from './pack.ts';
import { exceeded, packObjects, scanPack } from './pack-scan.ts';
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

/** All objects of the commit, foreign ones included; caps are checked while it streams and before it is indexed. */
export async function fetchShallow(http: GitHttp, o: ShallowFetch, wire: Wire): Promise<Pack> {
  const [git, cache] = [await isomorphicGit(), {}];
  let refused: Error | undefined;
  const files = createMemoryFiles(async (path, data) => {
    if (!path.endsWith('.pack')) return;
    // isomorphic-git writes a second time when the first fails; the answer is the same.
    if (refused) throw refused;
    try {
      if (packObjects(data) > o.limits.objects)
        throw exceeded('objects', o.limits.objects, `the commit has ${packObjects(data)} objects`);
      await scanPack(data, o.limits);
    } catch (error) {
      refused = error instanceof Error ? error : new Error(String(error));
      throw refused;
    }
  });
  await git.init({ fs: files, gitdir, bare: true });
  await git.addRemote({ fs: files, gitdir, remote: 'origin', url: placeholder });
  try {
    await git.fetch({
      fs: files,
      gitdir,
      cache,
      http: { request: request => send(http, request, o.limits, wire) },
      remote: 'origin',
      remoteRef: o.commit,
      singleBranch: true,
      depth: o.depth,
      tags: false,
      onProgress: letGo,
    });
  } catch (error) {
    if (error instanceof StallingError || error instanceof TransientError) throw error;
    throw new TransientError(
      'GitOperationFailed' satisfies SourceReason,
      `shallow fetch: ${http.redact(String(error)).slice(0, 500)}`,
    );
  }
  return packOf(files, cache);
}

async function packOf(files: ReturnType<typeof createMemoryFiles>, cache: object): Promise<Pack> {
  const directory = `${gitdir}/objects/pack`;
  const names = await files.promises.readdir(directory).catch(() => []);
  const [idx, pack] = ['.idx', '.pack'].map(ending => names.find(n => n.endsWith(ending)));
  if (!idx || !pack) throw new TransientError('GitOperationFailed' satisfies SourceReason, 'the Git server sent no pack');
  const { size } = await files.promises.stat(`${directory}/${pack}`);
  const index = await files.promises.readFile(`${directory}/${idx}`);
  const bytes = await files.promises.readFile(`${directory}/${pack}`);
  if (typeof index === 'string' || typeof bytes === 'string') throw new Error('a pack is not text');
  const oids = indexedOids(index);
  if (oids.length !== packObjects(bytes)) throw invalid('(pack)', 'the pack holds objects that cannot be resolved');
  return packIn({ files, cache, oids, size });
}

/** The ids in a pack index of version 2: after the magic and the fan-out table of 256 counts, whose last is the number of objects. */
function indexedOids(index: Buffer): string[] {
  const count = index.readUInt32BE(8 + 255 * 4);
  return Array.from({ length: count }, (_, i) => index.toString('hex', 1032 + i * 20, 1052 + i * 20));
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
