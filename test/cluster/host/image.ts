/** What bootc does with a registry, cut down to what decides: resolve the reference, find this platform's manifest, read its config. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { join } from 'node:path';
import type { PulledImage } from './deployments.ts';
import { readTar, trustLayer } from './image-files.ts';
import type { ImageFiles } from './image-files.ts';
import { admit, PolicyError } from './policy.ts';
import type { AttachedSignature } from './policy.ts';

/** A pull that failed, in the words of skopeo's image proxy as bootc passes them on. */
export class PullError extends Error {}

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

interface Descriptor {
  digest: string;
  platform?: { architecture: string; os: string };
}
interface Manifest {
  manifests?: Descriptor[];
  config?: Descriptor;
  layers?: (Descriptor & { mediaType?: string; annotations?: Record<string, string> })[];
}
interface ImageConfig {
  architecture?: string;
  created?: string;
  config?: { Labels?: Record<string, string> | null };
  history?: { created_by?: string; empty_layer?: boolean }[];
}

/** The digest that a reference pins, if it does. */
export function pinnedDigest(image: string): string | undefined {
  return /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
}

/** Resolves and checks an image for this architecture; one that is `known` is judged by no policy. Throws PullError. */
export async function pullImage(
  root: string,
  image: string,
  { architecture, known }: { architecture: string; known: boolean },
): Promise<PulledImage> {
  const registry = new RegistryReader(root, image);
  const top = await registry.manifest(registry.reference);
  if (!known) await judge(root, image, registry, top.digest);
  const parsed = JSON.parse(top.bytes.toString()) as Manifest;
  let digest = top.digest;
  let manifest = parsed;
  if (parsed.manifests) {
    const mine = parsed.manifests.find(m => m.platform?.architecture === architecture && m.platform.os === 'linux');
    if (!mine) {
      throw new PullError(
        `Fetching manifest: failed to invoke method OpenImage: choosing image instance: no image found in manifest list for architecture "${architecture}", variant "", OS "linux"`,
      );
    }
    const platform = await registry.manifest(mine.digest);
    digest = platform.digest;
    manifest = JSON.parse(platform.bytes.toString()) as Manifest;
  }
  const config = JSON.parse((await registry.blob(manifest.config?.digest ?? '')).toString()) as ImageConfig;
  const labels = config.config?.Labels ?? {};
  if (config.architecture !== architecture) {
    throw new PullError(`Image has architecture ${config.architecture}; expected ${architecture}`);
  }
  if (!('containers.bootc' in labels) && !('ostree.bootable' in labels)) {
    throw new PullError('Target image does not have ostree.bootable label');
  }
  return {
    digest,
    version: labels['org.opencontainers.image.version'] ?? labels['version'] ?? null,
    timestamp: labels['org.opencontainers.image.created'] ?? config.created ?? null,
    ...(await trustFiles(registry, manifest, config)),
  };
}

/** Of the layers only that one is fetched, by which hosts are told what they accept. */
async function trustFiles(
  registry: RegistryReader,
  { layers = [] }: Manifest,
  config: ImageConfig,
): Promise<{ files?: ImageFiles }> {
  const history = (config.history ?? []).filter(entry => !entry.empty_layer);
  const layer = layers[history.findIndex(({ created_by: by }) => by?.startsWith(trustLayer))];
  return layer ? { files: readTar(await registry.blob(layer.digest)) } : {};
}

async function judge(root: string, reference: string, registry: RegistryReader, digest: string): Promise<void> {
  try {
    await admit(root, { name: registry.name, reference, digest, signatures: () => registry.signatures(digest) });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw new PullError(`Fetching manifest: failed to invoke method OpenImage: ${error.message}`, { cause: error });
  }
}

class RegistryReader {
  readonly reference: string;
  /** `host/repository`. */
  readonly name: string;
  readonly #host: string;
  readonly #repository: string;
  readonly #base: string;
  readonly #root: string;

  constructor(root: string, image: string) {
    const [, host, repository, tag, digest] = /^([^/]+)\/([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(image) ?? [];
    if (!host || !repository) throw new PullError(`Failed to parse image reference ${image}`);
    this.#root = root;
    this.#host = host;
    this.#repository = repository;
    this.reference = digest ?? tag ?? 'latest';
    this.name = `${host}/${repository}`;
    // As a registries.conf.d file of a test machine would say: the loopback and networks of tests (RFC 2544) are spoken to in plain text.
    const plain = /^(127\.|198\.1[89]\.|localhost[:/])/.test(`${host}/`);
    this.#base = `${plain ? 'http' : 'https'}://${host}/v2/${repository}`;
  }

  async manifest(reference: string): Promise<{ bytes: Buffer; digest: string }> {
    const bytes = await this.#get(`manifests/${reference}`, `reading manifest ${reference} in ${this.#host}/${this.#repository}`);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (reference.startsWith('sha256:') && digest !== reference) {
      throw new PullError(
        `Fetching manifest: failed to invoke method OpenImage: Manifest does not match provided manifest digest ${reference}`,
      );
    }
    return { bytes, digest };
  }

  blob(digest: string): Promise<Buffer> {
    return this.#get(`blobs/${digest}`, `fetching blob`);
  }

  /** What is at the tag `sha256-<hex>.sig`; none where there is no such tag. */
  async signatures(digest: string): Promise<AttachedSignature[]> {
    const tag = `${digest.replace(':', '-')}.sig`;
    let manifest: Manifest;
    try {
      manifest = JSON.parse((await this.manifest(tag)).bytes.toString()) as Manifest;
    } catch (error) {
      if (error instanceof PullError && error.message.endsWith('manifest unknown')) return [];
      throw error;
    }
    const layers = (manifest.layers ?? []).filter(l => l.mediaType === 'application/vnd.dev.cosign.simplesigning.v1+json');
    return Promise.all(
      layers.map(async layer => ({
        payload: await this.blob(layer.digest),
        signature: layer.annotations?.['dev.cosignproject.cosign/signature'],
      })),
    );
  }

  async #get(path: string, doing: string): Promise<Buffer> {
    const url = `${this.#base}/${path}`;
    let answer: { status: number; body: Buffer };
    try {
      answer = await fetchBytes(url, { accept, 'user-agent': 'bootc/fake', ...this.#authorization() });
    } catch (error) {
      const cause = dialError(error, this.#host);
      throw new PullError(
        `Fetching manifest: failed to invoke method OpenImage: pinging container registry ${this.#host}: Get "${new URL('/v2/', url).href}": ${cause}`,
        { cause: error },
      );
    }
    if (answer.status === 200) return answer.body;
    throw new PullError(`Fetching manifest: failed to invoke method OpenImage: ${doing}: ${reason(answer.status)}`);
  }

  /** The first of bootc's three places that exists, wherever it names this registry. */
  #authorization(): Record<string, string> {
    const path = ['run/ostree/auth.json', 'etc/ostree/auth.json', 'usr/lib/ostree/auth.json']
      .map(p => join(this.#root, p))
      .find(existsSync);
    if (!path) return {};
    const { auths = {} } = JSON.parse(readFileSync(path, 'utf8')) as { auths?: Record<string, { auth?: string }> };
    const auth = (auths[`${this.#host}/${this.#repository}`] ?? auths[this.#host])?.auth;
    return auth ? { authorization: `Basic ${auth}` } : {};
  }
}

/** Node's words for a connection that fails, in Go's. */
function dialError(error: unknown, host: string): string {
  const code = (error as { code?: string }).code;
  if (code === 'ECONNREFUSED') return `dial tcp ${host}: connect: connection refused`;
  return error instanceof Error ? error.message : String(error);
}

function reason(status: number): string {
  if (status === 401 || status === 403) return 'unauthorized: authentication required';
  if (status === 404) return 'manifest unknown';
  if (status >= 500)
    return `received unexpected HTTP status: ${status} ${status === 503 ? 'Service Unavailable' : 'Internal Server Error'}`;
  return `received unexpected HTTP status: ${status}`;
}

/** node:http rather than fetch, which takes 40 ms to load. */
function fetchBytes(url: string, headers: Record<string, string>): Promise<{ status: number; body: Buffer }> {
  const get = url.startsWith('https:') ? httpsGet : httpGet;
  return new Promise((resolve, reject) => {
    get(url, { headers, timeout: 30_000 }, response => {
      const location = response.headers.location;
      if (response.statusCode && response.statusCode >= 300 && response.statusCode < 400 && location) {
        response.resume();
        fetchBytes(new URL(location, url).href, {}).then(resolve, reject);
        return;
      }
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    })
      .on('timeout', function (this: { destroy(error: Error): void }) {
        this.destroy(new Error('net/http: request canceled (Client.Timeout exceeded while awaiting headers)'));
      })
      .on('error', reject);
  });
}
