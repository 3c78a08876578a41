/** What is in an image: its packages and the files of its finish layers. Both follow from layers, whose digests never mean anything else, so they are remembered. */
import { createHash } from 'node:crypto';
import type { DockerConfig } from '../registry/credentials.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Registry } from '../registry/registry.ts';
import { isReadable, layerStream } from '../trust/layer-stream.ts';
import type { Layer } from '../trust/layer-stream.ts';
import { ownText } from '../trust/own-text.ts';
import { readPackages } from '../trust/package-database.ts';
import type { InstalledPackages } from '../trust/package-database.ts';
import type { ListedFile } from '../trust/sbom.ts';
import { tarMembers } from '../trust/tar-members.ts';
import type { TarMember } from '../trust/tar-members.ts';
import type { BaseLayer } from './base.ts';
import type { Plan } from './context.ts';

/** Of one finish layer. */
export interface LayerContents {
  files: ListedFile[];
  /** Images that workloads of it name, by digest. */
  workloads: string[];
}

/** Bases are few, and have some hundreds of packages each. */
const rememberedBases = 16;
const rememberedLayers = 64;
/** What is listed of one layer at most; the statement has room for fewer. */
const maxFiles = 10_000;
/** The finish layers' own bound, which the context has already been held to. */
const maxLayerBytes = 512 * 1024 * 1024;
const maxUnitBytes = 64 * 1024;

export class ImageContents {
  readonly #registry: Pick<Registry, 'readBlob'>;
  readonly #packages = new Map<string, Promise<InstalledPackages>>();
  readonly #layers = new Map<string, Promise<LayerContents>>();
  /** One image at a time: the database of rpm is in memory while it is read. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(registry: Pick<Registry, 'readBlob'>) {
    this.#registry = registry;
  }

  /** What is installed according to the image itself. `layers` from the lowest to the uppermost. */
  packages(
    layers: readonly (Layer & Pick<BaseLayer, 'repository'>)[],
    auth: DockerConfig | undefined,
  ): Promise<InstalledPackages> {
    const key = layers.map(({ digest }) => digest).join(' ');
    const repositories = new Map(layers.map(({ digest, repository }) => [digest, repository]));
    const open = (layer: Layer): AsyncIterable<Uint8Array> =>
      this.#registry.readBlob(repositories.get(layer.digest) ?? '', layer, auth);
    return recalled(this.#packages, { key, most: rememberedBases }, () => {
      const reading = this.#reading.then(() => readPackages(layers, open));
      this.#reading = reading.catch(() => undefined);
      return reading;
    });
  }

  /** What the finish layers of a plan place, in their order. */
  async finish(plan: Plan, repository: string, auth: DockerConfig | undefined): Promise<LayerContents> {
    const layers = await Promise.all(
      plan.layers.map(({ digest, size }) =>
        recalled(this.#layers, { key: digest, most: rememberedLayers }, () => {
          const layer = { mediaType: mediaTypes.layer, digest, size };
          return contentsOf(layer, this.#registry.readBlob(repository, layer, auth));
        }),
      ),
    );
    // A later layer's file is in place of an earlier one's.
    const files = new Map(layers.flatMap(layer => layer.files).map(file => [file.path, file]));
    const workloads = new Set(layers.flatMap(layer => layer.workloads));
    return {
      files: [...files.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
      workloads: [...workloads].toSorted(),
    };
  }
}

async function contentsOf(layer: Layer, source: AsyncIterable<Uint8Array>): Promise<LayerContents> {
  const files: ListedFile[] = [];
  const workloads = new Set<string>();
  if (!isReadable(layer)) return { files, workloads: [] };
  for await (const member of tarMembers(layerStream(layer, source, maxLayerBytes))) {
    if (member.type !== '0' || files.length >= maxFiles) continue;
    const { hashes, text } = await read(member);
    files.push({ path: `/${member.path}`, ...hashes });
    for (const image of isUnit(member.path) ? imagesIn(text) : []) workloads.add(image);
  }
  return { files, workloads: [...workloads] };
}

async function read(member: TarMember): Promise<{ hashes: Pick<ListedFile, 'sha1' | 'sha256'>; text: string }> {
  const hashes = { sha1: createHash('sha1'), sha256: createHash('sha256') };
  const kept: Buffer[] = [];
  const keep = isUnit(member.path) && member.size <= maxUnitBytes;
  for await (const piece of member.bytes()) {
    hashes.sha1.update(piece);
    hashes.sha256.update(piece);
    if (keep) kept.push(Buffer.from(piece));
  }
  const text = Buffer.concat(kept).toString('utf8');
  return { hashes: { sha1: hashes.sha1.digest('hex'), sha256: hashes.sha256.digest('hex') }, text };
}

/** Quadlet's files for images and containers (podman-systemd.unit(5)). */
function isUnit(path: string): boolean {
  return /^usr\/share\/containers\/systemd\/[^/]+\.(image|container)$/.test(path);
}

function imagesIn(text: string): string[] {
  return [...text.matchAll(/^Image=(\S{1,512}@sha256:[0-9a-f]{64})$/gm)].map(([, image = '']) => ownText(image));
}

/** What was found is kept; what failed is tried again by whoever asks next. */
function recalled<T>(
  known: Map<string, Promise<T>>,
  { key, most }: { key: string; most: number },
  make: () => Promise<T>,
): Promise<T> {
  const present = known.get(key);
  if (present) return present;
  const made = make();
  known.set(key, made);
  made.catch(() => {
    if (known.get(key) === made) known.delete(key);
  });
  const [oldest] = known.keys();
  if (known.size > most && oldest !== undefined) known.delete(oldest);
  return made;
}
