/**
 * The `assemble` builder's pure part: the finish layers of a plan on top of a base, as the bytes of a new config and manifest.
 * Equal inputs give equal bytes on any machine; nothing here knows the time.
 *
 * A base in Docker's format becomes an OCI image: its layer media types are replaced by the OCI ones of the same bytes, so that one manifest
 * does not mix the two families. Layers of OCI bases keep media type and annotations.
 */
import { StallingError } from '../api/errors.ts';
import { vendorProfileMark } from '../api/vendor-profile.ts';
import { sha256 } from '../registry/digest.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Descriptor } from '../registry/media-types.ts';
import type { BasePlatform } from './base.ts';
import { canonicalJson } from '../api/canonical-json.ts';
import type { Json } from '../api/canonical-json.ts';
import type { Plan } from './context.ts';

/** The creation time of every image; also the mtime in its layers. */
const epoch = '1970-01-01T00:00:00Z';

export interface AssembledImage {
  platform: string;
  config: Uint8Array;
  manifest: Uint8Array;
  /** Digest of the manifest. */
  digest: string;
  descriptor: Descriptor;
}

/** One platform's image. `labels` win over the base's. */
export function assembleImage(
  base: BasePlatform,
  layers: Plan['layers'],
  labels: Readonly<Record<string, string>>,
): AssembledImage {
  const config = encode(assembleConfig(base, layers, labels));
  const annotations = { ...ownAnnotations(base.annotations, labels), ...profileMark({ ...base.labels, ...labels }) };
  const manifest = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: sha256(config), size: config.length },
    layers: [
      ...base.layers.map(layer => layerDescriptor(layer, base)),
      ...layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer, digest, size })),
    ],
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  const { os, architecture, variant } = base;
  const digest = sha256(manifest);
  return {
    platform: base.platform,
    config,
    manifest,
    digest,
    descriptor: {
      mediaType: mediaTypes.manifest,
      digest,
      size: manifest.length,
      platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
    },
  };
}

/** The index of all platforms, in the order of their names whatever the order given. */
export function assembleIndex(images: readonly AssembledImage[], annotations: Readonly<Record<string, string>>): Uint8Array {
  const sorted = images.toSorted((a, b) => (a.platform < b.platform ? -1 : 1));
  return encode({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: sorted.map(({ descriptor: { mediaType, digest, size, platform } }) => ({
      mediaType,
      digest,
      size,
      platform: { ...platform },
    })),
    annotations,
  });
}

function assembleConfig(base: BasePlatform, layers: Plan['layers'], labels: Readonly<Record<string, string>>): Json {
  const { rootfs, history, config, ...rest } = base.config;
  const diffIds = record(rootfs)['diff_ids'];
  if (!Array.isArray(diffIds) || diffIds.length !== base.layers.length) {
    throw new StallingError(
      'BaseUnsupported',
      `base manifest ${base.digest}: its config does not name one diff id for each layer`,
    );
  }
  // Docker writes how the image came about in the machine that built it; OCI has no such members.
  const {
    container: _container,
    container_config: _containerConfig,
    docker_version: _docker,
    id: _id,
    parent: _parent,
    ...kept
  } = rest;
  return {
    ...kept,
    created: epoch,
    config: { ...record(config), Labels: { ...base.labels, ...labels } },
    rootfs: { type: 'layers', diff_ids: [...(diffIds as string[]), ...layers.map(layer => layer.digest)] },
    history: assembleHistory(history, diffIds.length, layers),
  };
}

/** Who looks for a profile of addons reads no configuration. */
function profileMark(labels: Readonly<Record<string, string>>): Record<string, string> {
  const mark = labels[vendorProfileMark];
  return mark ? { [vendorProfileMark]: mark } : {};
}

/** History is optional, but where it is it must have one entry for each layer: a base's that has not is left out. */
function assembleHistory(history: Json | undefined, baseLayers: number, layers: Plan['layers']): Json | undefined {
  const before: readonly Json[] = Array.isArray(history) ? (history as readonly Json[]) : [];
  if (before.filter(entry => record(entry)['empty_layer'] !== true).length !== baseLayers) return undefined;
  return [...before, ...layers.map(({ comment }) => ({ created: epoch, created_by: `scantling: ${comment}` }))];
}

/** Annotations of the base stay, but not those that say the same of the base as the new image's labels say of it. */
function ownAnnotations(
  base: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(base).map(([key, value]) => [key, labels[key] ?? value]));
}

const ociTypes: Readonly<Record<string, string>> = {
  [mediaTypes.dockerLayer]: mediaTypes.layer,
  [mediaTypes.dockerLayerGzip]: mediaTypes.layerGzip,
};

function layerDescriptor(layer: Descriptor, base: BasePlatform): { [key: string]: Json } {
  const { digest, size, annotations } = layer;
  const mediaType = ociTypes[layer.mediaType] ?? layer.mediaType;
  if (!mediaType.startsWith('application/vnd.oci.image.layer.v1.')) {
    throw new StallingError(
      'BaseUnsupported',
      `base manifest ${base.digest}: layers of type ${layer.mediaType} cannot be pushed to another repository`,
    );
  }
  return { mediaType, digest, size, ...(annotations === undefined ? {} : { annotations }) };
}

function record(value: Json | undefined): { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json | undefined })
    : {};
}

function encode(value: Json): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}
