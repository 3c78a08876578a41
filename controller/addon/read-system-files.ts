/** What a system's image has at the paths that addons have, by the lists of its layers. */
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import type { ListedFile } from './collisions.ts';
import { FileListError } from './file-list.ts';
import { LayerListError } from './layer-list.ts';
import type { LayerLists } from './layer-lists.ts';
import { readSourceImage, type SourceImage } from './source-image.ts';
import { SystemFiles } from './system-files.ts';

/** The image of a system, by digest, for one platform. */
export interface SystemImage {
  image: string;
  platform: string;
}

/** Between two turns of the loop. */
const linesAtOnce = 500;

/**
 * Layers that are not listed yet are read for it, from their first byte to the last.
 * @param wanted absolute paths, each with the directories that it is in
 * @throws TooLargeError for an image that is not listed; as readSourceImage and LayerLists.make
 */
export async function readSystemFiles(
  { registry, lists }: { registry: Pick<Registry, 'manifest' | 'blob'>; lists: LayerLists },
  { image, platform }: SystemImage,
  wanted: ReadonlySet<string>,
  auth?: DockerConfig,
): Promise<ListedFile[]> {
  const source = await readSourceImage(registry, image, platform, auth);
  await lists.make(source, auth);
  try {
    return await laidOver(lists, source, wanted);
  } catch (error) {
    if (!(error instanceof LayerListError || error instanceof FileListError)) throw error;
    // A disk that was full, or a machine that went down.
    await lists.drop(source.layers);
    await lists.make(source, auth);
    return laidOver(lists, source, wanted);
  }
}

async function laidOver(lists: LayerLists, { layers }: SourceImage, wanted: ReadonlySet<string>): Promise<ListedFile[]> {
  const files = new SystemFiles(wanted);
  let count = 0;
  for (const layer of layers) {
    files.nextLayer();
    for await (const line of lists.read(layer)) {
      files.put(line);
      if (++count % linesAtOnce === 0) await new Promise(resolve => setImmediate(resolve));
    }
  }
  return files.files();
}
