/** The annotations of a foundation's manifest: whose it is, and that it is complete. A tag without them was left by a build that was cut off. */
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import { canonicalJson } from '../api/canonical-json.ts';
import type { Json } from '../api/canonical-json.ts';

export const keyAnnotation = 'dev.scantling.foundation';
export const lintAnnotation = 'dev.scantling.lint';

export interface FoundationMark {
  key: string;
  /** Findings of lint when it was built. */
  warnings: string[];
}

/** Pushes the manifest that a tag names again with its mark, under the same tag. Returns its new digest, which was read back. */
export async function markFoundation(
  registry: Registry,
  image: { repository: string; tag: string; digest: string },
  { key, warnings }: FoundationMark,
  auth: DockerConfig | undefined,
): Promise<string> {
  const { repository, tag, digest } = image;
  const { json, mediaType } = await registry.manifest(`${repository}@${digest}`, auth);
  const manifest = json as { [name: string]: Json; annotations?: { [name: string]: Json } };
  const annotations = { ...manifest.annotations, [keyAnnotation]: key, [lintAnnotation]: JSON.stringify(warnings) };
  const bytes = new TextEncoder().encode(canonicalJson({ ...manifest, mediaType, annotations }));
  return registry.pushManifest(repository, { mediaType, bytes, tag }, auth);
}
