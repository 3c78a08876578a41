/** What the metrics say of a definition's builds. It comes from the API objects, so a restart changes none of it. */
import { metrics } from '../telemetry/metrics.ts';
import type { RetainedBuild, RetainingDefinition } from './retention-projection.ts';

export interface DefinitionFigures {
  /** Whether the build of the present inputs has failed. */
  latestFailed: boolean;
  /** Since when that build is asked for and not finished, epoch ms. */
  unfinishedSince?: number;
  /** Whether there is a newer base than that of the last good image; undefined without an image. */
  outdated?: boolean;
  /** When the oldest build on the present base that is still there was asked for, epoch ms. */
  baseSince?: number;
}

/** `builds` may be those of all definitions. Pure. */
export function figuresOf(definition: RetainingDefinition, builds: readonly RetainedBuild[]): DefinitionFigures {
  const own = builds.filter(b => b.definition === definition.name && !b.deleting);
  const latest = own.find(b => b.name === definition.latestBuild);
  const made = own.find(b => b.images.some(digest => definition.images.includes(digest)));
  const onBase = own.filter(b => b.base === definition.base).map(b => b.created);
  const outdated = definition.availableBase !== undefined || (made !== undefined && made.base !== definition.base);
  return {
    latestFailed: latest?.phase === 'Failed' && latest.settled,
    ...(latest && !latest.settled ? { unfinishedSince: latest.created } : {}),
    ...(definition.images.length > 0 ? { outdated } : {}),
    ...(onBase.length > 0 ? { baseSince: Math.min(...onBase) } : {}),
  };
}

/** Sets the gauges; without figures the definition is gone, and so is all that was said of it. */
export function showFigures(definition: string, figures: DefinitionFigures | undefined): void {
  const { latestFailed, unfinishedSince, outdated, baseSince } = figures ?? {};
  for (const [gauge, value] of [
    [metrics.latestBuildFailed, bit(latestFailed)],
    [metrics.buildUnfinishedSince, seconds(unfinishedSince)],
    [metrics.definitionOutdated, bit(outdated)],
    [metrics.definitionBaseSince, seconds(baseSince)],
  ] as const) {
    if (value === undefined) gauge.remove({ definition });
    else gauge.set({ definition }, value);
  }
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function bit(on: boolean | undefined): number | undefined {
  return on === undefined ? undefined : Number(on);
}
