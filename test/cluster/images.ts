/** The images of the Dockerfile in a registry of the tests, for an installation whose pods pull them. */
import { buildPodImage, pushPodImage } from './real-node/pod-image.ts';

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
  const controller = await pushPodImage(await buildPodImage('controller'), `${registry}/scantling`);
  const builder = await pushPodImage(await buildPodImage('builder'), `${registry}/scantling-builder`);
  return { controller, builder };
}
