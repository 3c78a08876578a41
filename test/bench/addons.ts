/** What addons cost: to make, to boot with, and to give to nodes. */
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { measureAddonBoots } from './addon-boot.ts';
import { measureAddonImages } from './addon-images.ts';
import { measureAddonLayers } from './addon-layers.ts';
import { measureAddonRollout } from './addon-rollout.ts';
import type { Measure } from './measure.ts';

export async function measureAddons(progress: (line: string) => void): Promise<Measure[]> {
  const directory = temporaryDirectory('bench-addons');
  try {
    const { measures, files } = await measureAddonImages(directory, progress);
    measures.push(...(await measureAddonBoots(files, progress)), ...(await measureAddonRollout(progress)));
    measures.push(...(await measureAddonLayers(directory, progress)));
    return measures;
  } finally {
    removeDirectory(directory);
  }
}
