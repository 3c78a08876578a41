import { conditionOf } from '../api/conditions.ts';
import type { ImageBuild } from '../api/image-build.ts';

/** What the build last said its pod waits for. */
export function waitedFor(build: ImageBuild): { reason: string; message: string } | undefined {
  const ready = conditionOf(build.status?.conditions, 'Ready');
  return build.status?.phase === 'Building' && ready && ready.reason !== 'Building'
    ? { reason: ready.reason, message: ready.message }
    : undefined;
}
