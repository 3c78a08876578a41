/** A small bootable base image for amd64 and arm64, made on the spot: what a bootc base is to the registry and to Scantling, without a kernel in it. */
import { writeTar, type TarEntry } from '../../controller/definition/tar.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { mediaTypes, type Descriptor } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';

export interface BaseImageOptions {
  /** host:port of a registry that speaks plain http and asks for no password. */
  registry: string;
  /** Default `base/system`. */
  repository?: string;
  /** Default `1`. */
  tag?: string;
  /** Default amd64 and arm64. */
  architectures?: readonly string[];
  /** What differs from the default: a base without it is not bootable. */
  labels?: Readonly<Record<string, string>>;
}

export interface BaseImage {
  /** By tag, as a definition names it. */
  image: string;
  /** Of the index. */
  digest: string;
  /** Digest of each platform's manifest, by architecture. */
  platforms: Readonly<Record<string, string>>;
}

const text = new TextEncoder();
const json = (value: unknown) => text.encode(JSON.stringify(value));
const created = '1970-01-01T00:00:00Z';

/** Pushes the image and says how it is called. Throws what the registry client throws. */
export async function pushBaseImage(options: BaseImageOptions): Promise<BaseImage> {
  const registry = createRegistry({ insecureHosts: new Set([options.registry]), userAgent: 'scantling-test' });
  try {
    const repository = `${options.registry}/${options.repository ?? 'base/system'}`;
    const tag = options.tag ?? '1';
    const manifests: Descriptor[] = [];
    for (const architecture of options.architectures ?? ['amd64', 'arm64'])
      manifests.push(await pushPlatform(registry, { repository, tag, architecture, labels: options.labels ?? {} }));
    const index = json({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
    const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.index, bytes: index, tag });
    const platforms = Object.fromEntries(manifests.map(m => [m.platform?.architecture ?? '', m.digest]));
    return { image: `${repository}:${tag}`, digest, platforms };
  } finally {
    await registry.close();
  }
}

async function pushPlatform(
  registry: Registry,
  o: { repository: string; tag: string; architecture: string; labels: Readonly<Record<string, string>> },
): Promise<Descriptor> {
  const layer = writeTar(rootFiles(o.architecture, o.tag));
  const layerDigest = await registry.pushBlob(o.repository, layer);
  const config = json({
    created,
    architecture: o.architecture,
    os: 'linux',
    config: { Labels: { 'containers.bootc': '1', 'org.opencontainers.image.version': o.tag, ...o.labels } },
    rootfs: { type: 'layers', diff_ids: [layerDigest] },
    history: [{ created, created_by: 'base system' }],
  });
  const configDigest = await registry.pushBlob(o.repository, config);
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: configDigest, size: config.length },
    layers: [{ mediaType: mediaTypes.layer, digest: layerDigest, size: layer.length }],
  });
  const digest = await registry.pushManifest(o.repository, { mediaType: mediaTypes.manifest, bytes: manifest });
  return {
    mediaType: mediaTypes.manifest,
    digest,
    size: manifest.length,
    platform: { os: 'linux', architecture: o.architecture },
  };
}

const file = (path: string, content: string, mode = 0o644): TarEntry => ({ path, mode, bytes: text.encode(content) });

function rootFiles(architecture: string, version: string): TarEntry[] {
  return [
    file('usr/lib/os-release', `NAME="Base system"\nID=base\nVERSION_ID=${version}\nPRETTY_NAME="Base system ${version}"\n`),
    file('usr/lib/modules/6.12.0/vmlinuz', `a kernel for ${architecture}\n`),
    file('usr/lib/ostree/prepare-root.conf', '[composefs]\nenabled = yes\n'),
    file('usr/bin/hello', '#!/bin/sh\necho hello\n', 0o755),
    { path: 'etc/os-release', link: '../usr/lib/os-release' },
  ];
}
