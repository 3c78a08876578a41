/** Collisions as problems of a profile (pure). */
import { type AddonContent, type Collision, findCollisions, type ListedFile } from './collisions.ts';
import type { ProfileProblem } from './profile-reasons.ts';

/** At most so many paths are named of each addon. */
const namedPaths = 10;

/**
 * One for each addon that hides files of another or of the system, or is hidden by them.
 * @param system its image, which messages name
 */
export function collisionProblems(
  addons: readonly AddonContent[],
  base: Iterable<ListedFile>,
  system?: string,
): ProfileProblem[] {
  const { found, totals } = findCollisions(addons, base, namedPaths);
  const byAddon = Map.groupBy(found, ({ name }) => name);
  return [...byAddon].map(([name, collisions]) => {
    const more = (totals.get(name) ?? 0) - collisions.length;
    const isOfSystem = collisions.some(of => of.with === undefined);
    const paths = `${collisions.map(described).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    const hint = collisions.some(of => of.with === undefined && !of.breaks) ? ', or name it in spec.allowReplace' : '';
    const image = system === undefined ? '' : ` ${system}`;
    const where = isOfSystem ? `; leave out of the addon what the system${image} has${hint}` : '';
    return { name, reason: 'Collision', message: `hides or is hidden by ${paths}${where}` };
  });
}

const words = { file: 'file', directory: 'directory', symlink: 'link' } as const;

function described({ path, with: other, breaks }: Collision): string {
  const of = other ?? 'the system';
  return breaks ? `${path} (a ${words[breaks.by]} over a ${words[breaks.of]} of ${of})` : `${path} (of ${of})`;
}
