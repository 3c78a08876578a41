/** An image that has the tree of an addon and nothing else: into an OCI layout, or into a registry. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, type Json } from '../api/canonical-json.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { sha256 } from '../registry/digest.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Registry } from '../registry/registry.ts';
import type { Layer } from './addon-layer.ts';

export interface AddonContentImage {
  /** As `linux/amd64`. */
  platform: string;
  layer: Layer;
  config: Uint8Array;
  manifest: Uint8Array;
  /** Of the manifest. */
  digest: string;
}

/** The image of a layer. Equal layers give equal images; nothing here knows the time. */
export function imageOf(layer: Layer, platform: string, labels: Readonly<Record<string, string>>): AddonContentImage {
  const [os = '', architecture = ''] = platform.split('/');
  const config = encode({
    architecture,
    os,
    created: '1970-01-01T00:00:00Z',
    config: { Labels: { ...labels } },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: sha256(config), size: config.length },
    layers: [{ mediaType: mediaTypes.layer, digest: layer.digest, size: layer.size }],
  });
  return { platform, layer, config, manifest, digest: sha256(manifest) };
}

/** Writes the image as an OCI layout (OCI image specification 1.1, "Image Layout") into a directory that must not exist. */
export async function writeLayout(directory: string, image: AddonContentImage): Promise<void> {
  const blobs = join(directory, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const at = (digest: string): string => join(blobs, digest.slice('sha256:'.length));
  await copyFile(image.layer.file, at(image.layer.digest));
  await writeFile(at(sha256(image.config)), image.config);
  await writeFile(at(image.digest), image.manifest);
  const [os = '', architecture = ''] = image.platform.split('/');
  const index = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      { mediaType: mediaTypes.manifest, digest: image.digest, size: image.manifest.length, platform: { os, architecture } },
    ],
  });
  await writeFile(join(directory, 'index.json'), index);
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

/** Pushes the image, under a tag too, so that a registry that removes what has no tag keeps it. */
export async function pushImage(
  registry: Registry,
  to: { repository: string; tag: string },
  image: AddonContentImage,
  auth: DockerConfig | undefined,
): Promise<void> {
  await registry.pushFile(to.repository, image.layer, auth);
  await registry.pushBlob(to.repository, image.config, auth);
  await registry.pushManifest(to.repository, { mediaType: mediaTypes.manifest, bytes: image.manifest, tag: to.tag }, auth);
}

function encode(value: Json): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}
