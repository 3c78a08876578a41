/** Whether what a build has recorded of trust still stands. Nothing is looked up for it. */
import { stillStands } from '../trust/judgement.ts';
import { nameOfImage } from '../trust/scope.ts';
import type { Trust } from '../trust/trust.ts';
import type { BuildView } from './projection.ts';

/** What was never judged is outdated: it was built before there were policies to judge by, or by a version that had none. */
export function judgedOf(
  { trust: recorded, base, output }: Pick<BuildView, 'trust' | 'base' | 'output'>,
  trust: Pick<Trust, 'basis'>,
  now: number,
): 'Stands' | 'Outdated' {
  // Either the image was judged, or the base was refused and nothing came after it.
  const ofBase = recorded !== undefined && base.endsWith(`@${recorded.digest}`);
  const basis = trust.basis('Image', nameOfImage(ofBase ? base : output), recorded?.commit);
  // While the policies are not read nobody knows better.
  if (basis === undefined) return 'Stands';
  if (!recorded) return 'Outdated';
  return stillStands(recorded, { digest: recorded.digest, basis, now }) ? 'Stands' : 'Outdated';
}
