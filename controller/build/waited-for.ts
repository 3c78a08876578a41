import { conditionOf } from '../api/conditions.ts';
import type { ImageBuild } from '../api/image-build.ts';

/** What the build last said its pod waits for. */
export function waitedFor(build: ImageBuild): { reason: string; message: string } | undefined {
  const ready = conditionOf(build.status?.conditions, 'Ready');
  return build.status?.phase === 'Building' && ready && ready.reason !== 'Building' && !lacksJob(build)
    ? { reason: ready.reason, message: ready.message }
    : undefined;
}

/** The build last said that one of its Jobs was refused, beside others that are at work. */
export function lacksJob({ status }: ImageBuild): boolean {
  return status?.phase === 'Building' && conditionOf(status.conditions, 'Ready')?.reason === 'JobRefused';
}
