/** What a document asks to be applied, and whether what is stored is already that (pure). */
import { appliedMark } from '../api/applied-mark.ts';
import type { KubeObject } from '../api/meta.ts';
import { documentAnnotation, inputsAnnotation, sourceLabel } from '../api/names.ts';
import type { SourceDocument, Json } from './document.ts';
import { directoryOf, readsRepository } from './inputs.ts';
import { parseRevision } from './revision.ts';

/** A stored object of a kind that documents can have. */
export interface Stored extends KubeObject {
  spec?: { [key: string]: Json };
}

export interface Desired extends KubeObject {
  spec: { [key: string]: Json };
}

export interface DesiredOptions {
  source: string;
  /** Revision being applied. */
  revision: string;
  /** Digest of the document and its inputs. */
  digest: string;
  stored: Stored | undefined;
  /** Stored revisions may be gone from the repository (rewritten history), so they are not kept. */
  rewound: boolean;
  /** What the source has noted of the stored object (see appliedMark); undefined where it has not. */
  noted: string | undefined;
  /** Commits are verified, so that a revision counts only when it is noted. */
  strict: boolean;
}

/**
 * The object as the source owns it. A definition or an addon is pinned to the commit that last changed it or its inputs: while their digest stays,
 * so does the revision, and a commit that touches one of a thousand definitions writes one.
 */
export function desiredObject(document: SourceDocument, o: DesiredOptions): Desired {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: document.kind,
    metadata: {
      name: document.name,
      labels: { ...document.labels, [sourceLabel]: o.source },
      annotations: { ...document.annotations, [documentAnnotation]: document.file, [inputsAnnotation]: o.digest },
    },
    spec: {
      ...document.spec,
      ...(readsRepository(document.kind)
        ? { sourceRef: { name: o.source, path: directoryOf(document.file), revision: pinned(o) } }
        : {}),
    },
  };
}

/** What a person has made of the stored object is not taken over: they may have named another commit. */
function pinned({ stored, digest, revision, rewound, noted, strict }: DesiredOptions): string {
  const ref = stored?.spec?.['sourceRef'];
  const before = typeof ref === 'object' && ref !== null && !Array.isArray(ref) ? ref['revision'] : undefined;
  const same = stored?.metadata.annotations?.[inputsAnnotation] === digest;
  const genuine = noted === undefined ? !strict : stored !== undefined && noted === appliedMark(stored.metadata);
  return same && genuine && !rewound && typeof before === 'string' && parseRevision(before) ? before : revision;
}

/** True when applying would change nothing: all that is desired is there, and nothing that the digest covers went away. */
export function isApplied(desired: Desired, stored: Stored | undefined): boolean {
  if (!stored || stored.metadata.deletionTimestamp !== undefined) return false;
  const { labels = {}, annotations = {} } = stored.metadata;
  return (
    covers(labels, desired.metadata.labels) &&
    covers(annotations, desired.metadata.annotations) &&
    covers(stored.spec, desired.spec)
  );
}

/** Every field of `wanted` is in `there` with the same value; `there` may have more (defaults, other managers' fields). */
function covers(there: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return Array.isArray(there) && there.length === wanted.length && wanted.every((w, i) => covers(there[i], w));
  if (typeof wanted !== 'object' || wanted === null) return there === wanted;
  if (typeof there !== 'object' || there === null) return false;
  const values = new Map<string, unknown>(Object.entries(there));
  return Object.entries(wanted).every(([key, value]) => covers(values.get(key), value));
}
