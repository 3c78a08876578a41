/** The images of the Dockerfile in a registry of the tests, for an installation whose pods pull them. */
import { storedImage, withImageStorage } from './image-storage.ts';
import { repositoryOf, type Target } from '../tools/image-plan.ts';

/** References as repository:tag; the tag changes with what is in the image. */
export interface OperatorImages {
  /** Of the controller and of the agents. */
  controller: string;
  /** Of the pods of builds. */
  builder: string;
}

/**
 * Builds both images from the sources as they are now, unless the cache has them, and pushes them by plain http.
 * @param registry host:port, as the pods reach it
 * @throws Error with the end of what a builder said
 */
export async function operatorImages(registry: string): Promise<OperatorImages> {
  return withImageStorage(async buildah => {
    const push = async (target: Target): Promise<string> => {
      const name = await storedImage(buildah, target);
      const reference = `${repositoryOf(target, `${registry}/scantling`)}:${name.slice(name.lastIndexOf(':') + 1)}`;
      // Not compressed: that takes longer than to copy it on one machine.
      await buildah('push', '--quiet', '--disable-compression', '--tls-verify=false', name, `docker://${reference}`);
      return reference;
    };
    return { controller: await push('controller'), builder: await push('builder') };
  });
}
