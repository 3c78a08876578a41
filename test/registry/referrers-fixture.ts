import type { DockerConfig } from '../../controller/registry/credentials.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';

export const artifactType = 'application/vnd.example.note.v1';
const empty = new TextEncoder().encode('{}');

/** Pushes a small artifact that refers to a manifest. */
export async function attach(
  client: Registry,
  repository: string,
  subject: string,
  note: string,
  { type = artifactType, auth }: { type?: string; auth?: DockerConfig | undefined } = {},
): Promise<string> {
  await client.pushBlob(repository, empty, auth);
  const descriptor = { mediaType: mediaTypes.empty, digest: sha256(empty), size: empty.length };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: type,
    config: descriptor,
    layers: [descriptor],
    subject: { mediaType: mediaTypes.manifest, digest: subject, size: 1 },
    annotations: { note },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  return client.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes }, auth);
}

/** A page of a list of referrers, named by what their digests are of. */
export const page = (digests: string[]): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: digests.map(each => ({ mediaType: mediaTypes.manifest, digest: sha256(each), size: 1 })),
  });

export const tagOf = (digest: string): string => digest.replace(':', '-');
