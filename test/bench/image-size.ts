/** How large the images are: to pull, and unpacked. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { storedImage, withImageStorage, withoutImages } from '../cluster/image-storage.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { targets } from '../tools/image-plan.ts';
import type { Measure } from './measure.ts';

interface Layers {
  layers: readonly { size: number }[];
}

const megabytes = ({ layers }: Layers): number => layers.reduce((sum, { size }) => sum + size, 0) / 1e6;

/** No figures where images cannot be made, which is said. */
export async function measureImages(progress: (line: string) => void): Promise<Measure[]> {
  const hindrance = withoutImages();
  if (hindrance !== false) {
    progress(`no sizes: ${hindrance}`);
    return [];
  }
  progress('making the images');
  return withImageStorage(async buildah => {
    const measures: Measure[] = [];
    for (const target of targets) {
      const name = await storedImage(buildah, target);
      const { Manifest } = JSON.parse(await buildah('inspect', '--type', 'image', name)) as { Manifest: string };
      const directory = temporaryDirectory('image-size');
      try {
        await buildah('push', '--quiet', name, `dir:${directory}`);
        const packed = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as Layers;
        measures.push({ measure: `image ${target}: compressed`, value: megabytes(packed), unit: 'MB' });
      } finally {
        removeDirectory(directory);
      }
      measures.push({ measure: `image ${target}: unpacked`, value: megabytes(JSON.parse(Manifest) as Layers), unit: 'MB' });
    }
    return measures;
  });
}
