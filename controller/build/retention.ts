/** Which builds of a definition are kept, and which of what was pushed goes with the others: pure. */
import { parseDuration } from '../api/duration.ts';
import type { SystemDefinitionSpecHistory } from '../api/system-definition.ts';
import type { ImageUses } from './image-uses.ts';
import type { RetainedBuild } from './retention-projection.ts';

export interface Kept {
  build: RetainedBuild;
  /** In words, such as "newest good" or "booted by node-3". */
  why: string;
}

export interface Retention {
  /** Newest first. */
  kept: Kept[];
  /** Oldest first. */
  doomed: RetainedBuild[];
  /** When the passing of time changes the answer, in ms from now. */
  nextCheckMs: number | undefined;
}

/** `builds` are those of one definition; `latest` is the name of the one that it wants. */
export function retentionOf(
  builds: readonly RetainedBuild[],
  keep: Pick<SystemDefinitionSpecHistory, 'successful' | 'failed' | 'gracePeriod'>,
  { latest, uses, now }: { latest: string | undefined; uses: ImageUses; now: number },
): Retention {
  const sorted = builds.toSorted(newestFirst);
  const settled = sorted.filter(b => b.settled);
  const good = new Set(settled.filter(isGood).slice(0, keep.successful));
  const failed = new Set(settled.filter(b => !isGood(b)).slice(0, keep.failed));
  const graceMs = parseDuration(keep.gracePeriod);
  const [newestGood] = good;
  const [newestFailed] = failed;

  const why = (build: RetainedBuild): string | undefined => {
    if (!build.settled) return 'not finished';
    const reasons = [
      ...(build === newestGood ? ['newest good'] : good.has(build) ? [`one of the ${keep.successful} newest good`] : []),
      ...(build === newestFailed ? ['newest failed'] : failed.has(build) ? [`one of the ${keep.failed} newest failed`] : []),
      uses.of(build) ?? [],
      build.name === latest ? 'latest build' : [],
      now - build.ended < graceMs ? `younger than ${keep.gracePeriod}` : [],
    ].flat();
    return reasons.length > 0 ? reasons.join(', ') : undefined;
  };

  const kept: Kept[] = [];
  const doomed: RetainedBuild[] = [];
  for (const build of sorted) {
    const reason = why(build);
    if (reason === undefined) doomed.unshift(build);
    else kept.push({ build, why: reason });
  }
  const ends = settled.map(b => b.ended + graceMs - now).filter(ms => ms > 0);
  return { kept, doomed, nextCheckMs: ends.length > 0 ? Math.min(...ends) : undefined };
}

/** A manifest that a build has pushed. */
export interface Pushed {
  what: 'image' | 'platform' | 'context' | 'foundation';
  repository: string;
  digest: string;
}

/**
 * What may be deleted from the registry with a build: what nobody uses and none of the other builds names. The index comes before what it
 * names, because some registries keep what an index names.
 */
export function prunable(build: RetainedBuild, others: readonly RetainedBuild[], uses: ImageUses): Pushed[] {
  const named = new Set(others.flatMap(pushedBy).map(keyOf));
  // A build that is at work on the same context may be about to push the very same image.
  const again = others.some(other => !other.settled && other.context === build.context);
  const image = (what: Pushed['what']): boolean => what === 'image' || what === 'platform';
  return pushedBy(build).filter(
    pushed => !named.has(keyOf(pushed)) && !uses.has(pushed.digest) && !(again && image(pushed.what)),
  );
}

function pushedBy({ repository, context, images, foundations }: RetainedBuild): Pushed[] {
  return [
    ...images.map((digest, i) => ({ what: i === 0 ? ('image' as const) : ('platform' as const), repository, digest })),
    { what: 'context', repository, digest: context },
    ...foundations.map(reference => {
      const at = reference.lastIndexOf('@');
      return { what: 'foundation' as const, repository: reference.slice(0, at), digest: reference.slice(at + 1) };
    }),
  ];
}

/** Without the host: one registry may have several names. */
function keyOf({ repository, digest }: Pushed): string {
  return `${repository.slice(repository.indexOf('/') + 1)}@${digest}`;
}

function isGood(build: RetainedBuild): boolean {
  return build.phase === 'Succeeded';
}

function newestFirst(a: RetainedBuild, b: RetainedBuild): number {
  return b.ended - a.ended || b.created - a.created || (a.name < b.name ? -1 : 1);
}
