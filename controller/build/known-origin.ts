/** Which commit an image is known to be built from: only one that a source itself has applied, never what somebody has written into a definition. */
import { commitOf } from '../api/revision.ts';
import { appliedMark } from '../api/applied-mark.ts';
import { WaitingError } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import { sourceLabel } from '../api/names.ts';
import { type SystemDefinition, systemdefinitions } from '../api/system-definition.ts';
import { type SystemSource, systemsources } from '../api/system-source.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import type { BuildReason } from './reasons.ts';

export interface KnownOrigin {
  /** URL. */
  repository: string;
  /** As `main@sha1:<40 hex>`. */
  revision: string;
  commit: string;
}

/** A source says what it has applied when it has applied all. An image may be built before that. */
const patienceMs = 30_000;
const recheckMs = 500;

export class KnownOrigins {
  readonly #client: Client;
  readonly #now: () => number;

  constructor({ client, now }: { client: Client; now: () => number }) {
    this.#client = client;
    this.#now = now;
  }

  /**
   * Undefined where no source vouches for the definition as it was built.
   * @throws WaitingError `SourceNotReady` while one has yet to say so, and `wait` is set
   */
  async of(build: ImageBuild, { wait }: { wait: boolean }): Promise<KnownOrigin | undefined> {
    if (build.spec.revision === undefined || build.spec.definitionRef.generation === undefined) return undefined;
    const definition = await findObject(this.#client, systemdefinitions, build.spec.definitionRef.name);
    const name = definition?.metadata.labels?.[sourceLabel];
    if (!definition || name === undefined || name !== definition.spec.sourceRef?.name) return undefined;
    const source = await findObject(this.#client, systemsources, name);
    const vouched = source && vouches(source, definition, build);
    if (wait && vouched === 'later' && this.#now() - Date.parse(build.metadata.creationTimestamp ?? '') < patienceMs) {
      const message = `SystemSource ${name} has not said yet that it has applied SystemDefinition ${definition.metadata.name}`;
      throw new WaitingError('SourceNotReady' satisfies BuildReason, message, recheckMs);
    }
    return typeof vouched === 'object' ? vouched : undefined;
  }
}

/** Whether the definition was, when the build was asked for, just what the source has applied at that revision: pure. */
export function vouches(
  { spec, status }: Pick<SystemSource, 'spec' | 'status'>,
  { metadata }: Pick<SystemDefinition, 'metadata'>,
  build: Pick<ImageBuild, 'spec' | 'metadata' | 'status'>,
): KnownOrigin | 'later' | undefined {
  const { revision, definitionRef } = build.spec;
  const commit = commitOf(revision);
  if (revision === undefined || commit === undefined) return undefined;
  if (build.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid) !== true) return undefined;
  const origin = { repository: spec.url, revision, commit };
  // Said once, of an image that is what it was.
  if (build.status?.trust?.commit === commit) return origin;
  const asked = appliedMark({ ...metadata, ...definitionRef });
  const entry = status?.inventory?.find(({ kind, name }) => kind === 'SystemDefinition' && name === definitionRef.name);
  if (asked !== undefined && entry?.applied === asked) return origin;
  return metadata.generation === definitionRef.generation && !spec.suspend ? 'later' : undefined;
}
