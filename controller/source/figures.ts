/** What the metrics say of sources beside their polls; it comes from the API objects at each scrape. */
import { isTrue } from '../api/conditions.ts';
import { parseDuration } from '../api/duration.ts';
import type { SystemSource } from '../api/system-source.ts';
import type { StoredObject } from '../kube/store.ts';
import { metrics } from '../telemetry/metrics.ts';

export interface FiguredSource extends StoredObject {
  stalled: boolean;
  /** Seconds between polls; absent while it is not polled: suspended, or at a commit that never moves. */
  interval?: number;
}

export function projectFigures({ metadata, spec, status }: SystemSource): FiguredSource {
  const polled = !spec.suspend && spec.ref.commit === undefined;
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    stalled: isTrue(status?.conditions, 'Stalled'),
    ...(polled ? { interval: secondsOf(spec.interval) } : {}),
  };
}

export function showSources(sources: readonly FiguredSource[]): void {
  metrics.sourceStalled.reset();
  metrics.sourceInterval.reset();
  for (const { name, stalled, interval } of sources) {
    metrics.sourceStalled.set({ source: name }, Number(stalled));
    if (interval !== undefined) metrics.sourceInterval.set({ source: name }, interval);
  }
}

/** What the schema let through may still be no duration of ours; the source says so in its status. */
function secondsOf(interval: string): number {
  try {
    return parseDuration(interval) / 1000;
  } catch {
    return 0;
  }
}
