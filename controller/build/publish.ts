import { TransientError } from '../api/errors.ts';
import { vendorProfileMark } from '../api/vendor-profile.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { CopiedBlob, Registry } from '../registry/registry.ts';
import { assembleImage, assembleIndex } from './assemble.ts';
import type { AssembledImage } from './assemble.ts';
import type { Base } from './base.ts';
import type { BlobCopier, CopyTotals } from './blob-copier.ts';
import { contextKey, linkContext } from './context-link.ts';
import type { Plan } from './context.ts';
import { imageVersion } from './name.ts';

export interface BuiltImage {
  /** `host/repository@digest`. */
  reference: string;
  /** Digest of the index. */
  digest: string;
  version: string;
  platforms: { platform: string; digest: string }[];
}

export interface Published {
  image: BuiltImage;
  /** Of the blobs of base and image; the finish layers were pushed with the context. */
  bytes: CopyTotals;
  /** How long putting it together took, before the first request. */
  assembleMs: number;
}

export interface Publication {
  /** What the finish layers go on: the base, or the foundation made from it. */
  onto: Base;
  /** Base that the definition names, as `host/repository@digest`. */
  base: string;
  plan: Plan;
  /** Digest of the context. */
  context: string;
  /** Output repository, which already holds the finish layers: they are the context's. */
  repository: string;
  /** The index is pushed under it too, so that a registry that removes what has no tag keeps the image. */
  tag: string;
  auth: DockerConfig | undefined;
}

/** Assembles the image of every platform and pushes it: blobs, configs, manifests, then the index, each read back, and its link to the context. */
export async function publishImage(registry: Registry, copier: BlobCopier, publication: Publication): Promise<Published> {
  const { onto, plan, repository, tag, auth } = publication;
  const started = performance.now();
  const labels = imageLabels(publication);
  const images = onto.platforms.map(platform => assembleImage(platform, plan.layers, labels));
  const assembleMs = performance.now() - started;
  const [bytes] = await Promise.all([
    copier.copy(repository, baseLayers(onto), auth),
    checkLayers(registry, publication),
    ...images.map(image => registry.pushBlob(repository, image.config, auth)),
  ]);
  await Promise.all(
    images.map(image => registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: image.manifest }, auth)),
  );
  const index = assembleIndex(images, { ...indexAnnotations(labels), ...profileMark(publication) });
  const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.index, bytes: index, tag }, auth);
  const linked = { index: { digest, size: index.length }, context: publication.context };
  await linkContext(registry, repository, linked, auth);
  const version = imageVersion(plan.definition, publication.context);
  const platforms = images.map(platformOf).toSorted((a, b) => (a.platform < b.platform ? -1 : 1));
  return {
    image: { reference: `${repository}@${digest}`, digest, version, platforms },
    assembleMs,
    bytes: { ...bytes, pushed: images.reduce((sum, { config }) => sum + config.length, bytes.pushed) },
  };
}

/** The labels of the image: the definition's, and those that make the chain from commit to booted digest readable from the image alone. */
export function imageLabels({ plan, context, base }: Pick<Publication, 'plan' | 'context' | 'base'>): Record<string, string> {
  const at = base.lastIndexOf('@');
  return {
    ...plan.labels,
    'containers.bootc': '1',
    'org.opencontainers.image.version': imageVersion(plan.definition, context),
    'org.opencontainers.image.base.name': base.slice(0, at),
    'org.opencontainers.image.base.digest': base.slice(at + 1),
    'dev.scantling.definition': plan.definition,
    [contextKey]: context,
  };
}

/** A few labels of the whole, for those who see only the index. */
function indexAnnotations(labels: Readonly<Record<string, string>>): Record<string, string> {
  const keys = [
    'org.opencontainers.image.version',
    'org.opencontainers.image.base.name',
    'org.opencontainers.image.base.digest',
    'dev.scantling.definition',
    contextKey,
  ];
  return Object.fromEntries(keys.map(key => [key, labels[key] ?? '']));
}

/** The mark of a profile of addons, of the definition's own or of one that the base has on any platform: pools see the index alone. */
function profileMark({ plan, onto }: Publication): Record<string, string> {
  const mark = [plan.labels, ...onto.platforms.map(({ labels }) => labels)].find(labels => labels[vendorProfileMark])?.[
    vendorProfileMark
  ];
  return mark === undefined ? {} : { [vendorProfileMark]: mark };
}

/** Of all platforms, each once. */
function baseLayers({ platforms }: Base): CopiedBlob[] {
  const layers = new Map<string, CopiedBlob>();
  for (const { repository: from, digest, size } of platforms.flatMap(platform => platform.layers))
    layers.set(digest, { from, digest, size });
  return [...layers.values()];
}

/** The context's layers are in the output repository unless someone removed them after the context was read. */
async function checkLayers(registry: Registry, { plan, repository, auth }: Publication): Promise<void> {
  await Promise.all(
    plan.layers.map(async ({ digest, size }) => {
      if ((await registry.hasBlob(repository, digest, auth)) !== size) {
        throw new TransientError('ContextNotFound', `layer ${digest} of the context is not in ${repository}`);
      }
    }),
  );
}

function platformOf({ platform, digest }: AssembledImage): { platform: string; digest: string } {
  return { platform, digest };
}
