/** What an addon's artifact is made of, byte for byte, and what is believed of one that is read: nothing that is not of its form. */
import { type AddonConfig, type AddonMatch, type AddonRequirements, addonMediaTypes } from '../api/addon-artifact.ts';
import type { AddonBlob } from '../api/addon-artifact.ts';
import { canonicalJson } from '../api/canonical-json.ts';
import type { Json } from '../api/canonical-json.ts';
import { isDigest } from '../registry/digest.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Descriptor } from '../registry/media-types.ts';

/** The artifact is not of its form. */
export class ArtifactError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ArtifactError';
  }
}

/** The two bytes of `{}`: the configuration of an artifact that has none (OCI image specification, "Guidance for an Empty Descriptor"). */
export const emptyConfig = Buffer.from('{}');
const emptyDescriptor = {
  mediaType: mediaTypes.empty,
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
};

/** Equal configurations have equal bytes. */
export function configBytes({ name, match, architecture, image, services, requires, files }: AddonConfig): Buffer {
  return Buffer.from(
    canonicalJson({
      name,
      match: matchOf(match),
      architecture,
      image: blobOf(image),
      services,
      requires: requirementsOf(requires),
      ...(files ? { files: blobOf(files) } : {}),
    }),
  );
}

/** Of the addon: its image as the one layer. */
export function artifactManifest(config: AddonBlob, image: AddonBlob): Buffer {
  return manifest({
    artifactType: addonMediaTypes.artifact,
    config: { mediaType: addonMediaTypes.config, ...blobOf(config) },
    layers: [{ mediaType: addonMediaTypes.image, ...blobOf(image) }],
  });
}

/** Of the list of files, which refers to the addon's. */
export function listManifest(list: AddonBlob, subject: AddonBlob): Buffer {
  return manifest({
    artifactType: addonMediaTypes.files,
    config: emptyDescriptor,
    layers: [{ mediaType: addonMediaTypes.files, ...blobOf(list) }],
    subject: { mediaType: mediaTypes.manifest, ...blobOf(subject) },
  });
}

function manifest(of: { [key: string]: Json }): Buffer {
  return Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.manifest, ...of }));
}

/**
 * The configuration and the layer that a manifest names.
 * @throws ArtifactError for what is no addon's
 */
export function parseArtifact(json: unknown): { config: AddonBlob; image: AddonBlob } {
  const { artifactType, config, layers } = recordOf(json);
  if (artifactType !== addonMediaTypes.artifact)
    throw new ArtifactError(`its artifact type is ${quoted(artifactType)}, not ${addonMediaTypes.artifact}`);
  const layer: unknown = Array.isArray(layers) && layers.length === 1 ? layers[0] : undefined;
  if (!isDescriptor(config, addonMediaTypes.config)) throw new ArtifactError('it names no configuration of an addon');
  if (!isDescriptor(layer, addonMediaTypes.image)) throw new ArtifactError("its layers are not one addon's image");
  return { config: blobOf(config), image: blobOf(layer) };
}

const architectures: readonly string[] = ['x86-64', 'arm64', '_any'] satisfies AddonConfig['architecture'][];

/**
 * A configuration.
 * @throws ArtifactError for what is none
 */
export function parseConfig(bytes: Uint8Array): AddonConfig {
  const { name, match, architecture, image, services, requires, files } = recordOf(parse(bytes));
  const isRight =
    isText(name) &&
    isMatch(match) &&
    isText(architecture) &&
    architectures.includes(architecture) &&
    isBlob(image) &&
    isTexts(services) &&
    isRequirements(requires) &&
    (files === undefined || isBlob(files));
  if (!isRight) throw new ArtifactError('its configuration is not of the form of an addon');
  return {
    name,
    match: matchOf(match),
    architecture: architecture as AddonConfig['architecture'],
    image: blobOf(image),
    services,
    requires: requirementsOf(requires),
    ...(files ? { files: blobOf(files) } : {}),
  };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new ArtifactError('its configuration is no JSON');
    throw error;
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 4096;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= 1000 && value.every(isText);
}

function isBlob(value: unknown): value is AddonBlob {
  const { digest, size } = recordOf(value);
  return typeof digest === 'string' && isDigest(digest) && typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
}

function isDescriptor(value: unknown, mediaType: string): value is Descriptor {
  return isBlob(value) && recordOf(value)['mediaType'] === mediaType;
}

function isMatch(value: unknown): value is AddonMatch {
  const { id, versionId, sysextLevel } = recordOf(value);
  return isText(id) && (versionId === undefined || isText(versionId)) && (sysextLevel === undefined || isText(sysextLevel));
}

function isRequirements(value: unknown): value is AddonRequirements {
  if (typeof value !== 'object') return false;
  const { addons, systemd, kernelModules, paths } = recordOf(value);
  return (
    [addons, kernelModules, paths].every(list => list === undefined || isTexts(list)) &&
    (systemd === undefined || (typeof systemd === 'number' && Number.isSafeInteger(systemd)))
  );
}

/** Just what the form has, so that equal ones have equal bytes. */
function matchOf({ id, versionId, sysextLevel }: AddonMatch): { [key: string]: Json } & AddonMatch {
  return { id, ...(versionId === undefined ? {} : { versionId }), ...(sysextLevel === undefined ? {} : { sysextLevel }) };
}

/** An empty list asks for nothing, and so is not in it. */
function requirementsOf({
  addons,
  systemd,
  kernelModules,
  paths,
}: AddonRequirements): { [key: string]: Json } & AddonRequirements {
  return {
    ...(addons?.length ? { addons } : {}),
    ...(systemd === undefined ? {} : { systemd }),
    ...(kernelModules?.length ? { kernelModules } : {}),
    ...(paths?.length ? { paths } : {}),
  };
}

function blobOf({ digest, size }: AddonBlob): { digest: string; size: number } {
  return { digest, size };
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 128)) : 'none';
}
