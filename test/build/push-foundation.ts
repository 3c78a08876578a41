import type { FoundationTask } from '../../controller/build/foundation-task.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';

interface Blob {
  digest: string;
  size: number;
  mediaType?: string;
}

interface Image {
  config: Blob;
  layers: Blob[];
  annotations?: Record<string, string>;
}

/** What a builder leaves in the registry, without having run a step: the base's own layers under the foundation's name, with its mark, and `own` on top. */
export async function pushFoundation(
  registry: Registry,
  task: Pick<FoundationTask, 'base' | 'repository' | 'tag' | 'key'>,
  warnings: readonly string[] = [],
  own?: Uint8Array,
): Promise<string> {
  const { base, repository, tag, key } = task;
  const { json, mediaType } = await registry.manifest(base);
  const manifest = json as Image;
  const from = base.split('@')[0] ?? '';
  for (const { digest, size } of [manifest.config, ...manifest.layers]) {
    await registry.copyBlob(repository, { from, digest, size });
  }
  const image = own ? await withLayer(registry, { repository, from, manifest, own }) : manifest;
  const annotations = {
    ...manifest.annotations,
    'dev.scantling.foundation': key,
    'dev.scantling.lint': JSON.stringify(warnings),
  };
  const bytes = new TextEncoder().encode(JSON.stringify({ ...image, annotations }));
  return registry.pushManifest(repository, { mediaType, bytes, tag });
}

async function withLayer(
  registry: Registry,
  { repository, from, manifest, own }: { repository: string; from: string; manifest: Image; own: Uint8Array },
): Promise<Image> {
  const digest = await registry.pushBlob(repository, own);
  const text = new TextDecoder().decode(await registry.blob(from, manifest.config.digest));
  const config = JSON.parse(text) as { rootfs: { type: string; diff_ids: string[] } };
  config.rootfs.diff_ids.push(digest);
  const bytes = new TextEncoder().encode(JSON.stringify(config));
  return {
    ...manifest,
    config: { ...manifest.config, digest: await registry.pushBlob(repository, bytes), size: bytes.length },
    layers: [...manifest.layers, { mediaType: mediaTypes.layer, digest, size: own.length }],
  };
}
