/** Collisions as problems of a profile (pure). */
import { type AddonContent, type Collision, findCollisions, type ListedFile } from './collisions.ts';
import type { ProfileProblem } from './profile-reasons.ts';

/** At most so many paths are named. */
const namedPaths = 20;

/** One for each addon that hides files of another or of the system, or is hidden by them. */
export function collisionProblems(addons: readonly AddonContent[], base: Iterable<ListedFile>): ProfileProblem[] {
  const { found, total } = findCollisions(addons, base, namedPaths);
  const byAddon = Map.groupBy(found, ({ name }) => name);
  const more = total - found.length;
  return [...byAddon].map(([name, collisions], at) => ({
    name,
    reason: 'Collision',
    message: `hides or is hidden by ${collisions.map(described).join(', ')}${more > 0 && at === byAddon.size - 1 ? `, and there are ${more} more` : ''}`,
  }));
}

function described({ path, with: other }: Collision): string {
  return `${path} (of ${other ?? 'the system'})`;
}
