import { randomBytes } from 'node:crypto';
import { type RegistryOptions, createRegistry } from '../../controller/registry/client.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { DockerConfig } from '../../controller/registry/credentials.ts';
import type { Registry } from '../../controller/registry/registry.ts';

const text = new TextEncoder();

/** A small manifest over one blob. */
export function manifestOf(blob: Uint8Array): Uint8Array {
  const descriptor = { digest: sha256(blob), size: blob.length };
  return text.encode(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, ...descriptor },
      layers: [{ mediaType: mediaTypes.layer, ...descriptor }],
    }),
  );
}

/** Pushes an image of one random blob. */
export async function pushImage(
  registry: Registry,
  repository: string,
  tag: string,
  auth?: DockerConfig,
): Promise<{ blob: Uint8Array; blobDigest: string; digest: string }> {
  const blob = randomBytes(2_000);
  const blobDigest = await registry.pushBlob(repository, blob, auth);
  const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: manifestOf(blob), tag }, auth);
  return { blob, blobDigest, digest };
}

/** A client that waits only as long as it must between tries. */
export function clientOf(...insecureHosts: string[]): Registry {
  return clientWith({}, ...insecureHosts);
}

/** The same with other options. */
export function clientWith(options: Partial<RegistryOptions>, ...insecureHosts: string[]): Registry {
  return createRegistry({
    insecureHosts: new Set(insecureHosts),
    userAgent: 'scantling-test',
    retry: { tries: 3, baseMs: 1, maxWaitMs: 2_000 },
    uploadRetry: { tries: 3, baseMs: 1, maxWaitMs: 2_000 },
    ...options,
  });
}
