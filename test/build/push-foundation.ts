import type { FoundationTask } from '../../controller/build/foundation-task.ts';
import type { Registry } from '../../controller/registry/registry.ts';

interface Blob {
  digest: string;
  size: number;
}

/** What a builder leaves in the registry, without having run a step: the base's own layers under the foundation's name, with its mark. */
export async function pushFoundation(
  registry: Registry,
  task: Pick<FoundationTask, 'base' | 'repository' | 'tag' | 'key'>,
  warnings: readonly string[] = [],
): Promise<string> {
  const { base, repository, tag, key } = task;
  const { json, mediaType } = await registry.manifest(base);
  const manifest = json as { config: Blob; layers: Blob[]; annotations?: Record<string, string> };
  const from = base.split('@')[0] ?? '';
  for (const { digest, size } of [manifest.config, ...manifest.layers]) {
    await registry.copyBlob(repository, { from, digest, size });
  }
  const annotations = {
    ...manifest.annotations,
    'dev.scantling.foundation': key,
    'dev.scantling.lint': JSON.stringify(warnings),
  };
  const bytes = new TextEncoder().encode(JSON.stringify({ ...manifest, annotations }));
  return registry.pushManifest(repository, { mediaType, bytes, tag });
}
