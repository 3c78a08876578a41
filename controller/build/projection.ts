import type { ImageBuild, ImageBuildStatus } from '../api/image-build.ts';
import { requestedAt } from '../api/names.ts';
import type { StoredObject } from '../kube/store.ts';

/** What the build reconciler needs to know of all builds; the rest it reads when it acts. */
export interface BuildView extends StoredObject {
  phase: ImageBuildStatus['phase'] | undefined;
  /** The annotation that asks for another attempt, and the last one that was acted upon. */
  requestedAt: string | undefined;
  handledRequest: string | undefined;
  deleting: boolean;
}

export function projectBuild(build: ImageBuild): BuildView {
  const { name, uid, resourceVersion, annotations, deletionTimestamp } = build.metadata;
  return {
    name,
    uid: uid ?? '',
    resourceVersion: resourceVersion ?? '',
    phase: build.status?.phase,
    requestedAt: annotations?.[requestedAt],
    handledRequest: build.status?.lastHandledReconcileAt,
    deleting: deletionTimestamp !== undefined,
  };
}

/** True when there is nothing to do for a build until someone asks again. */
export function isSettled(view: BuildView): boolean {
  const ended = view.phase === 'Succeeded' || view.phase === 'Failed';
  return view.deleting || (ended && view.requestedAt === view.handledRequest);
}
