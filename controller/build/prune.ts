/** Takes what builds pushed out of the registry again. */
import { StallingError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Registry } from '../registry/registry.ts';
import { metrics } from '../telemetry/metrics.ts';
import { contextLinkArtifactType } from './context-link.ts';
import type { Pushed } from './retention.ts';

export type ManifestStore = Pick<Registry, 'deleteManifest' | 'referrers'>;

export interface Pruned {
  /** How many manifests were there and are deleted. */
  deleted: number;
  /** What the registry said, when it deletes nothing at all. */
  unsupported?: string;
}

/**
 * Deletes manifests by digest, and with an image the links from it to its context, but nothing that others attached to it. One that is gone already is fine, and a registry that does not delete is asked no more; every other error
 * passes, and then some of them may be deleted.
 */
export async function prune(
  registry: ManifestStore,
  manifests: readonly Pushed[],
  auth: DockerConfig | undefined,
): Promise<Pruned> {
  let deleted = 0;
  const remove = async (repository: string, digest: string): Promise<void> => {
    try {
      await registry.deleteManifest(repository, digest, auth);
      deleted++;
      metrics.manifestsPruned.inc({});
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  };
  for (const { what, repository, digest } of manifests) {
    try {
      const links =
        what === 'image' ? await registry.referrers(repository, digest, auth, { artifactType: contextLinkArtifactType }) : [];
      for (const link of links) await remove(repository, link.digest);
      await remove(repository, digest);
    } catch (error) {
      if (error instanceof StallingError && error.reason === 'DeletionUnsupported')
        return { deleted, unsupported: error.message };
      throw error;
    }
  }
  return { deleted };
}
