/** What the source controller remembers of the objects that wake it. */
import type { KubeObject } from '../api/meta.ts';
import { allowRemovals, allowRewind, requestedAt, sourceLabel } from '../api/names.ts';
import type { SystemSource, SystemSourceSpecWebhook } from '../api/system-source.ts';
import type { StoredObject } from '../kube/store.ts';
import { keyOf } from './prune.ts';

export interface SourceView extends StoredObject {
  /** Changes when there is something to do: spec, a request, a consent, a deletion. */
  wanted: string;
  suspended: boolean;
  /** Objects it applied, as `Kind/name`. */
  inventory: readonly string[];
}

/** What the receiver of webhooks knows of a source. */
export interface HookedView extends StoredObject {
  suspended: boolean;
  /** Full name of the ref that is followed; absent where a commit is. */
  ref?: string;
  webhook?: { provider: SystemSourceSpecWebhook['provider']; secret: string };
}

/** A definition, addon or pool that a source may have applied. */
export interface OwnedView extends StoredObject {
  generation: number;
  /** Name of the source. */
  source?: string;
}

export function projectSource({ metadata, spec, status }: SystemSource): SourceView {
  const { annotations = {} } = metadata;
  return {
    ...stored(metadata),
    wanted: JSON.stringify([
      metadata.generation,
      annotations[requestedAt],
      annotations[allowRemovals],
      annotations[allowRewind],
      metadata.deletionTimestamp,
    ]),
    suspended: spec.suspend,
    inventory: (status?.inventory ?? []).map(keyOf),
  };
}

export function projectHooked({ metadata, spec }: SystemSource): HookedView {
  const { branch, tag } = spec.ref;
  const ref = branch === undefined ? (tag === undefined ? undefined : `refs/tags/${tag}`) : `refs/heads/${branch}`;
  return {
    ...stored(metadata),
    suspended: spec.suspend,
    ...(ref === undefined ? {} : { ref }),
    ...(spec.webhook ? { webhook: { provider: spec.webhook.provider, secret: spec.webhook.secretRef.name } } : {}),
  };
}

export function projectOwned({ metadata }: KubeObject): OwnedView {
  const source = metadata.labels?.[sourceLabel];
  return { ...stored(metadata), generation: metadata.generation ?? 0, ...(source === undefined ? {} : { source }) };
}

function stored(metadata: { name: string; uid?: string; resourceVersion?: string }): StoredObject {
  return { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
