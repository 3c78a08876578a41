/** The artifact of an addon in the registry: whether it is what the target says, before its bytes are fetched. */
import { addonMediaTypes } from '../../api/addon-artifact.ts';
import type { ResolvedAddon } from '../../api/addon-set.ts';
import type { DockerConfig } from '../../registry/credentials.ts';
import type { Registry } from '../../registry/registry.ts';
import { AddonFault } from './addon-fault.ts';
import { mismatchOf } from './release.ts';
import type { Ground } from './inspect.ts';

const configLimit = 1 << 18;

/** `host/repository` of `host/repository@digest`. */
export function repositoryIn(image: string): string {
  return image.slice(0, image.lastIndexOf('@'));
}

/**
 * Reads manifest and configuration, and compares them with the target and the system.
 * @throws AddonFault, and what the registry's client throws
 */
export async function checkArtifact(
  registry: Pick<Registry, 'manifest' | 'blob'>,
  addon: Omit<ResolvedAddon, 'from'>,
  auth: DockerConfig | undefined,
  ground: Ground,
): Promise<void> {
  const { json } = await registry.manifest(addon.image, auth);
  const config = configIn(json, addon);
  const bytes = await registry.blob(repositoryIn(addon.image), config.digest, auth, configLimit, config.size);
  compare(parse(bytes, addon), addon, ground);
}

function configIn(manifest: unknown, addon: Omit<ResolvedAddon, 'from'>): { digest: string; size: number } {
  const { artifactType, config, layers } = record(manifest);
  const { mediaType, digest, size } = record(config);
  const [layer, ...more] = Array.isArray(layers) ? layers.map(record) : [];
  if (artifactType !== addonMediaTypes.artifact || mediaType !== addonMediaTypes.config || more.length > 0)
    throw fault(addon, 'is no addon (its artifact type, configuration or layers are others)');
  if (layer?.['mediaType'] !== addonMediaTypes.image || layer['digest'] !== addon.digest || layer['size'] !== addon.size)
    throw fault(addon, `does not hold the ${addon.size} bytes of ${addon.digest} that the target names`);
  if (typeof digest !== 'string' || typeof size !== 'number') throw fault(addon, 'has no configuration');
  return { digest, size };
}

function parse(bytes: Uint8Array, addon: Omit<ResolvedAddon, 'from'>): Record<string, unknown> {
  try {
    return record(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    throw fault(addon, 'has a configuration that is no JSON', error);
  }
}

function compare(config: Record<string, unknown>, addon: Omit<ResolvedAddon, 'from'>, { os, architecture }: Ground): void {
  const image = record(config['image']);
  if (image['digest'] !== addon.digest || image['size'] !== addon.size)
    throw fault(addon, 'has a configuration of another image than its layer');
  if (config['name'] !== addon.name)
    throw new AddonFault(
      'NameMismatch',
      `${addon.image} is the addon ${words(config['name'])}, and the target calls it ${addon.name}`,
    );
  if (!os) return;
  const { id, versionId, sysextLevel } = record(config['match']);
  const said = { ID: id, VERSION_ID: versionId, SYSEXT_LEVEL: sysextLevel, ARCHITECTURE: config['architecture'] };
  const release = Object.entries(said).flatMap(([key, text]) => (typeof text === 'string' ? [[key, text] as const] : []));
  const mismatch = mismatchOf(new Map(release), os, architecture);
  if (mismatch !== undefined) throw new AddonFault('WrongRelease', `the addon ${addon.name} ${mismatch}`);
}

function fault({ name, image }: Omit<ResolvedAddon, 'from'>, what: string, cause?: unknown): AddonFault {
  return new AddonFault('InvalidArtifact', `${image}, the addon ${name}, ${what}`, cause === undefined ? {} : { cause });
}

function words(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 100) : 'of no name';
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
