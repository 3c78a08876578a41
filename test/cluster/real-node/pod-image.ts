/** Images of the Dockerfile for pods on a real node, as archives that are imported there: no registry is needed. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '../../tools/image-plan.ts';
import { fileNameOf, imageDirectory, storedImage, withImageStorage } from '../image-storage.ts';

/** Commands that must be on the PATH, beside those of a real node. */
export const podImageNeeds = ['buildah', 'mmdebstrap'];

export interface PodImage {
  /** As pods name it; it can be pulled from nowhere. */
  name: string;
  /** A path: an archive to import. */
  archive: string;
}

/**
 * Builds one of the Dockerfile's targets from the sources as they are now, unless the cache has it.
 * @throws Error with the end of what a builder said.
 */
export async function buildPodImage(target: Target): Promise<PodImage> {
  return withImageStorage(async buildah => {
    const name = await storedImage(buildah, target);
    const archive = join(imageDirectory, `${fileNameOf(name)}.tar`);
    if (!existsSync(archive)) {
      const temporary = `${archive}.${process.pid}`;
      rmSync(temporary, { force: true });
      await buildah('push', '--quiet', name, `docker-archive:${temporary}:${name}`);
      renameSync(temporary, archive);
    }
    return { name, archive };
  });
}
