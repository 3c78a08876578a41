/** Puts things into a repository of a registry as they are, also such as no client of ours would: plain HTTP, nothing read back. */
import { createHash } from 'node:crypto';

export const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

export interface Stored {
  mediaType: string;
  digest: string;
  size: number;
}

export type Json = Record<string, unknown>;

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

const bytesOf = (content: Uint8Array | string | Json): Uint8Array =>
  content instanceof Uint8Array ? content : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));

export class Repository {
  /** `host:port/path`: what policies cover. */
  readonly name: string;
  readonly #base: string;

  /** @param host host:port of a registry that speaks plain http */
  constructor(host: string, path: string) {
    this.name = `${host}/${path}`;
    this.#base = `http://${host}/v2/${path}`;
  }

  async blob(content: Uint8Array | string | Json, mediaType: string): Promise<Stored> {
    const bytes = bytesOf(content);
    const opened = await fetch(`${this.#base}/blobs/uploads/`, { method: 'POST' });
    const location = new URL(opened.headers.get('location') ?? '', this.#base);
    location.searchParams.set('digest', digestOf(bytes));
    const headers = { 'content-type': 'application/octet-stream' };
    await done(await fetch(location, { method: 'PUT', headers, body: bytes.slice() }));
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  }

  /** By its digest, and by a tag too where that is given. */
  async manifest(content: Uint8Array | string | Json, o: { tag?: string; mediaType?: string } = {}): Promise<Stored> {
    const { mediaType = types.manifest, tag } = o;
    const bytes = bytesOf(content);
    for (const name of [digestOf(bytes), ...(tag === undefined ? [] : [tag])]) {
      const headers = { 'content-type': mediaType };
      await done(await fetch(`${this.#base}/manifests/${name}`, { method: 'PUT', headers, body: bytes.slice() }));
    }
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  }

  /** What a tag or a digest names, undefined when there is none. */
  async read(name: string): Promise<Json | undefined> {
    const headers = { accept: `${types.manifest}, ${types.index}` };
    const answer = await fetch(`${this.#base}/manifests/${name}`, { headers });
    if (answer.status === 404) return undefined;
    return (await (await done(answer)).json()) as Json;
  }

  /** Adds an entry to the referrers tag of a manifest; for registries without the API. */
  async addReferrer(subject: string, entry: Stored & Json): Promise<void> {
    const tag = subject.replace(':', '-');
    const before = (await this.read(tag)) as { manifests: Json[] } | undefined;
    const manifests = [...(before?.manifests ?? []), entry];
    await this.manifest({ schemaVersion: 2, mediaType: types.index, manifests }, { tag, mediaType: types.index });
  }
}

async function done(answer: Response): Promise<Response> {
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
  return answer;
}
