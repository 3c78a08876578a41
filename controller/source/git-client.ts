/** Git over http(s) with our own protocol version 2 client: polls in one request, fetches exactly the objects that are named. */
import { StallingError, TransientError } from '../api/errors.ts';
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import type { GitHttp, Wire } from './git-http.ts';
import { type Pack, openPack } from './pack.ts';
import { exceeded, packObjects } from './pack-scan.ts';
import { PacketError, type Packet, packets } from './pkt-line.ts';
import {
  type Acknowledgments,
  type Capabilities,
  type FetchRequest,
  type Filter,
  RemoteError,
  type ResolvedRef,
  fetchRequest,
  lsRefsRequest,
  readAdvertisedRef,
  readCapabilities,
  readFetch,
  readRef,
} from './protocol.ts';
import type { SourceReason } from './reasons.ts';

/** Why the server cannot be read by the partial transport; undefined when it can. */
export type Lesser = string | undefined;

const advertisement = { method: 'GET', path: '/info/refs?service=git-upload-pack' } as const;

export class GitClient {
  readonly http: GitHttp;
  /** Known after the first request; asked for again after an answer that broke the protocol. */
  #capabilities: Promise<Capabilities> | undefined;
  #filter: Filter = 'tree:0';
  #filterRefused = false;

  constructor(http: GitHttp) {
    this.http = http;
  }

  /** Why the whole shallow pack has to be fetched; undefined when the server leaves out what is not named. */
  async lesser(wire: Wire): Promise<Lesser> {
    const { version, filter } = await this.#serverCapabilities(wire);
    if (version === 1) return 'the server does not speak protocol version 2';
    if (!filter) return 'the server does not offer filter (uploadpack.allowFilter)';
    return this.#filterRefused ? 'the server refuses the filters tree:0 and blob:none' : undefined;
  }

  /** What a full ref name stands for. One request, once the server's capabilities are known. */
  async resolve(ref: string, wire: Wire): Promise<ResolvedRef> {
    const { version } = await this.#serverCapabilities(wire);
    const found = await this.#guarded(async () =>
      version === 2
        ? readRef(await this.#post(lsRefsRequest(ref), wire), ref)
        : readAdvertisedRef(await this.#get({}, wire), ref),
    );
    if (found === undefined)
      throw new StallingError('RefNotFound' satisfies SourceReason, `the repository has no ${ref}; push it, or correct spec.ref`);
    return found;
  }

  /** The named objects and, of commits, so much of the history; a depth of 1 is nothing of it, undefined is for what has none. For `keepBytes` see openPack. */
  async fetch(
    wants: readonly string[],
    o: { depth?: number | undefined; limits: SystemSourceSpecLimits; keepBytes?: number },
    wire: Wire,
  ): Promise<Pack> {
    const { pack } = await this.#fetch({ wants, depth: o.depth }, o.limits, wire);
    if (!pack) throw new TransientError('GitOperationFailed' satisfies SourceReason, 'the Git server sent no pack');
    return openPack(pack, o.limits, o.keepBytes);
  }

  /**
   * The commits that are reachable from `tip` and not from `ancestor`; undefined when the server finds nothing in common, or does not
   * know `ancestor`, so that `tip` cannot descend from it.
   */
  async commitsBetween(tip: string, ancestor: string, limits: SystemSourceSpecLimits, wire: Wire): Promise<Pack | undefined> {
    const asked = await this.#fetch({ wants: [tip], haves: [ancestor], done: false }, limits, wire);
    if (asked.pack) return openPack(asked.pack, limits);
    if (!asked.known.has(ancestor)) return undefined;
    const { pack } = await this.#fetch({ wants: [tip], haves: [ancestor] }, limits, wire);
    return pack && openPack(pack, limits);
  }

  async #fetch(
    request: FetchRequest,
    limits: SystemSourceSpecLimits,
    wire: Wire,
  ): Promise<Acknowledgments & { pack: Buffer | undefined }> {
    const [chunks, filter]: [Buffer[], Filter] = [[], this.#filter];
    let bytes = 0;
    const keep = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > limits.packBytes) throw exceeded('packBytes', limits.packBytes, 'the pack is larger');
      chunks.push(Buffer.from(chunk));
      const [first] = chunks;
      if (chunks.length === 1 && first && first.length >= 12 && packObjects(first) > limits.objects) {
        throw exceeded('objects', limits.objects, `the pack holds ${packObjects(first)} objects`);
      }
    };
    try {
      const answer = await this.#guarded(async () =>
        readFetch(await this.#post(fetchRequest({ ...request, filter }), wire), keep),
      );
      return { ...answer, pack: answer.pack ? Buffer.concat(chunks) : undefined };
    } catch (error) {
      if (!(error instanceof RemoteError) || !/filter/i.test(error.message)) throw error;
      if (filter === 'blob:none') this.#filterRefused = true;
      this.#filter = 'blob:none';
      if (filter === 'blob:none') throw error;
      return this.#fetch(request, limits, wire);
    }
  }

  #serverCapabilities(wire: Wire): Promise<Capabilities> {
    const asked = (this.#capabilities ??= this.#guarded(async () =>
      readCapabilities(await this.#get({ 'git-protocol': 'version=2' }, wire)),
    ));
    asked.catch(() => {
      if (this.#capabilities === asked) this.#capabilities = undefined;
    });
    return asked;
  }

  async #get(headers: Record<string, string>, wire: Wire): Promise<AsyncIterable<Packet>> {
    const response = await this.http.send({ ...advertisement, headers }, wire);
    if (!response.contentType.startsWith('application/x-git-upload-pack-advertisement')) {
      throw new TransientError(
        'GitOperationFailed' satisfies SourceReason,
        "what answers at spec.url does not speak Git's smart http protocol; name the repository itself, as https://git.example.com/systems.git",
      );
    }
    return packets(response.body);
  }

  async #post(body: Buffer, wire: Wire): Promise<AsyncIterable<Packet>> {
    const headers = { 'git-protocol': 'version=2', 'content-type': 'application/x-git-upload-pack-request' };
    return packets((await this.http.send({ method: 'POST', path: '/git-upload-pack', headers, body }, wire)).body);
  }

  /** Redacts what the server wrote, and forgets its capabilities when it broke the protocol. */
  async #guarded<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof RemoteError) {
        error.message = this.http.redact(error.message);
        this.#capabilities = undefined;
        if (/not our ref/i.test(error.message)) {
          throw new TransientError('RefNotFound' satisfies SourceReason, error.message, { cause: error });
        }
      }
      if (error instanceof PacketError) {
        this.#capabilities = undefined;
        throw new TransientError(
          'GitOperationFailed' satisfies SourceReason,
          `the Git server's answer is broken: ${error.message}`,
        );
      }
      throw error;
    }
  }
}
