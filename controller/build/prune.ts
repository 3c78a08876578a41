/** Takes what builds pushed out of the registry again. */
import { StallingError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { Pushed } from './retention.ts';

/** What is asked of a registry. */
export interface ManifestStore {
  /**
   * Deletes a manifest by digest. Throws NotFoundError, StallingError `DeletionUnsupported` when the registry deletes nothing, and what
   * every method of Registry throws.
   */
  deleteManifest(repository: string, digest: string, auth?: DockerConfig): Promise<void>;
}

export interface Pruned {
  /** How many manifests were there and are deleted. */
  deleted: number;
  /** What the registry said, when it deletes nothing at all. */
  unsupported?: string;
}

/**
 * Deletes manifests by digest. One that is gone already is fine, and a registry that does not delete is asked no more; every other error
 * passes, and then some of them may be deleted.
 */
export async function prune(
  registry: ManifestStore,
  manifests: readonly Pushed[],
  auth: DockerConfig | undefined,
): Promise<Pruned> {
  let deleted = 0;
  for (const { repository, digest } of manifests) {
    try {
      await registry.deleteManifest(repository, digest, auth);
      deleted++;
      metrics.manifestsPruned.inc({});
    } catch (error) {
      if (error instanceof NotFoundError) continue;
      if (error instanceof StallingError && error.reason === 'DeletionUnsupported')
        return { deleted, unsupported: error.message };
      throw error;
    }
  }
  return { deleted };
}
