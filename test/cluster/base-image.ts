/** A small bootable base image for amd64 and arm64, made on the spot: what a bootc base is to the registry and to Scantling, without a kernel in it. */
import { createCipheriv } from 'node:crypto';
import {
  formatVendorProfile,
  type VendorEntry,
  vendorProfileMark,
  vendorProfilePath,
} from '../../controller/api/vendor-profile.ts';
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
  /** What makes it another image under the same tag. */
  release?: string;
  /** Bytes of a further layer that no compression makes smaller, for a base of a real one's size (default none). */
  payloadBytes?: number;
  /** What differs from the default: a base without it is not bootable. */
  labels?: Readonly<Record<string, string>>;
  /** Addons that it asks for itself (default: it has no such file). */
  profile?: readonly VendorEntry[];
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
      manifests.push(
        await pushPlatform(registry, {
          repository,
          tag,
          architecture,
          labels: options.labels ?? {},
          payload: options.payloadBytes ?? 0,
          release: options.release ?? 'first',
          profile: options.profile,
        }),
      );
    const marked = options.profile ? { annotations: { [vendorProfileMark]: '1' } } : {};
    const index = json({ schemaVersion: 2, mediaType: mediaTypes.index, manifests, ...marked });
    const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.index, bytes: index, tag });
    const platforms = Object.fromEntries(manifests.map(m => [m.platform?.architecture ?? '', m.digest]));
    return { image: `${repository}:${tag}`, digest, platforms };
  } finally {
    await registry.close();
  }
}

async function pushPlatform(
  registry: Registry,
  o: {
    repository: string;
    tag: string;
    architecture: string;
    labels: Readonly<Record<string, string>>;
    payload: number;
    release: string;
    profile: readonly VendorEntry[] | undefined;
  },
): Promise<Descriptor> {
  const tars = [writeTar(rootFiles(o)), ...(o.payload > 0 ? [writeTar([payload(o.payload)])] : [])];
  const layers: Descriptor[] = [];
  for (const tar of tars)
    layers.push({ mediaType: mediaTypes.layer, digest: await registry.pushBlob(o.repository, tar), size: tar.length });
  const config = json({
    created,
    architecture: o.architecture,
    os: 'linux',
    config: { Labels: { 'containers.bootc': '1', 'org.opencontainers.image.version': o.tag, ...o.labels } },
    rootfs: { type: 'layers', diff_ids: layers.map(layer => layer.digest) },
    history: layers.map(() => ({ created, created_by: 'base system' })),
  });
  const configDigest = await registry.pushBlob(o.repository, config);
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: configDigest, size: config.length },
    layers,
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

/** The same bytes each time, and for every architecture: what two bases share is one blob. */
function payload(bytes: number): TarEntry {
  const key = Buffer.alloc(32, 7);
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return { path: 'usr/share/payload', mode: 0o644, bytes: cipher.update(Buffer.alloc(bytes)) };
}

function rootFiles({
  architecture,
  tag: version,
  release,
  profile,
}: {
  architecture: string;
  tag: string;
  release: string;
  profile: readonly VendorEntry[] | undefined;
}): TarEntry[] {
  return [
    ...(profile ? [file(vendorProfilePath.slice(1), formatVendorProfile(profile))] : []),
    file(
      'usr/lib/os-release',
      `NAME="Base system"\nID=base\nVERSION_ID=${version}\nPRETTY_NAME="Base system ${version}"\nBUILD_ID="${release}"\n`,
    ),
    file('usr/lib/modules/6.12.0/vmlinuz', `a kernel for ${architecture}\n`),
    file('usr/lib/ostree/prepare-root.conf', '[composefs]\nenabled = yes\n'),
    file('usr/bin/hello', '#!/bin/sh\necho hello\n', 0o755),
    { path: 'etc/os-release', link: '../usr/lib/os-release' },
  ];
}
