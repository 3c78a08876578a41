/** What is told of builds beside their status: events and metrics. */
import { isDeepStrictEqual } from 'node:util';
import { conditionOf } from '../api/conditions.ts';
import { StallingError, WaitingError } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { EventRecorder } from '../kube/events.ts';
import { metrics } from '../telemetry/metrics.ts';
import { eventOfCondition } from '../trust/judgement.ts';
import { BuildError } from './build-error.ts';
import { traceBuild } from './build-trace.ts';
import type { BuildEvent, Verdict } from './status.ts';

export class Announcements {
  readonly #events: Pick<EventRecorder, 'record'>;

  constructor(events: Pick<EventRecorder, 'record'>) {
    this.#events = events;
  }

  /** One event for each transition; waiting for the same thing again is no news. */
  tell(before: ImageBuild, after: ImageBuild, event: BuildEvent, verdict: Verdict): void {
    const ready = conditionOf(verdict.status.conditions, 'Ready');
    const was = conditionOf(before.status?.conditions, 'Ready');
    if (!ready) return;
    this.#tellTrust(before, after);
    if (event.kind === 'Succeeded') traceBuild(after, event);
    if (event.kind === 'Succeeded') return this.say(after, 'Normal', 'Succeeded', `pushed ${event.image.reference}`);
    if (event.kind === 'Sealed') return this.#tellSigned(before, after);
    if (event.kind === 'Running') {
      if (ready.reason !== 'Building' && ready.reason !== was?.reason) this.say(after, 'Warning', ready.reason, ready.message);
      return;
    }
    const waits = isWaiting(event);
    const news = ready.message !== was?.message && !(waits && ready.reason === was?.reason);
    if (news) this.say(after, 'Warning', ready.reason, ready.message);
  }

  /** Of an image that was there before. */
  #tellSigned(before: ImageBuild, after: ImageBuild): void {
    if (isDeepStrictEqual(before.status?.signatures, after.status?.signatures)) return;
    const keys = new Set((after.status?.signatures ?? []).map(({ key }) => key));
    this.say(after, 'Normal', 'ImageSigned', `signed ${after.status?.image?.reference ?? ''} by ${[...keys].join(', ')}`);
  }

  #tellTrust(before: ImageBuild, after: ImageBuild): void {
    const judged = conditionOf(after.status?.conditions, 'ImageTrusted');
    const event = judged && eventOfCondition(conditionOf(before.status?.conditions, 'ImageTrusted'), judged);
    if (event) this.say(after, event.type, event.reason, judged.message);
  }

  warn(build: ImageBuild, reason: string, note: string): void {
    this.say(build, 'Warning', reason, note);
  }

  say({ apiVersion, kind, metadata }: ImageBuild, type: 'Normal' | 'Warning', reason: string, note: string): void {
    const regarding = { apiVersion, kind, name: metadata.name, ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
    this.#events.record({ regarding, type, reason, action: 'Build', note });
  }
}

function isWaiting(event: BuildEvent): boolean {
  if (event.kind === 'Interrupted') return true;
  return (event.kind === 'Thrown' || event.kind === 'Unsealed') && event.error instanceof WaitingError;
}

/** Counts an attempt that came to an end at `now`; a pass that only looks at Jobs is none. It began at `startTime`, in whichever process. */
export function measure(event: BuildEvent, { status }: Verdict, startTime: string | undefined, now: number): void {
  if (event.kind === 'Running') return;
  const builder = status.builder ?? 'Assemble';
  const failed = event.kind === 'Thrown' && (event.error instanceof StallingError || event.error instanceof BuildError);
  const result = event.kind === 'Succeeded' ? 'succeeded' : failed && status.phase === 'Failed' ? 'failed' : 'retried';
  metrics.builds.inc({ result, builder });
  const seconds = startTime === undefined ? 0 : Math.max(0, now - Date.parse(startTime)) / 1000;
  metrics.buildSeconds.observe({ result, builder }, seconds);
}
