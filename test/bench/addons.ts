/** What addons cost. */
import { measureAddonImages } from './addon-images.ts';
import type { Measure } from './measure.ts';

export async function measureAddons(progress: (line: string) => void): Promise<Measure[]> {
  return measureAddonImages(progress);
}
