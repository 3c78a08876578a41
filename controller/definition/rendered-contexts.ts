import { isDeepStrictEqual } from 'node:util';
import type { SystemDefinition } from '../api/system-definition.ts';
import type { StageImage } from './authored-containerfile.ts';

/** What a render came to, as far as it is needed later. */
export interface KnownContext {
  contextDigest: string;
  /** What is to be said of it; undefined when nobody remembers. */
  findings?: readonly string[];
  /** The images besides the base; undefined when nobody remembers. */
  stageImages?: readonly StageImage[];
}

/** What a render depends on, beside the spec. */
export interface RenderedFrom {
  revision: string | undefined;
  workloads: ReadonlyMap<string, string>;
  /** Digest of what the host is told of trust. */
  hostTrust: string | undefined;
}

interface Entry {
  uid: string | undefined;
  generation: number | undefined;
  revision: string | undefined;
  workloads: ReadonlyMap<string, string>;
  hostTrust: string | undefined;
}

/** What definitions rendered to last. Only saves work: without it the same is rendered again. */
export class RenderedContexts {
  readonly #byName = new Map<string, { of: Entry; rendered: KnownContext }>();

  remember(definition: SystemDefinition, from: RenderedFrom, rendered: KnownContext): void {
    this.#byName.set(definition.metadata.name, { of: entryOf(definition, from), rendered });
  }

  /** What equal inputs rendered to, when they were the last. */
  recall(definition: SystemDefinition, from: RenderedFrom): KnownContext | undefined {
    const last = this.#byName.get(definition.metadata.name);
    return last && isDeepStrictEqual(last.of, entryOf(definition, from)) ? last.rendered : undefined;
  }

  forget(name: string): void {
    this.#byName.delete(name);
  }
}

function entryOf({ metadata }: SystemDefinition, { revision, workloads, hostTrust }: RenderedFrom): Entry {
  return { uid: metadata.uid, generation: metadata.generation, revision, workloads, hostTrust };
}
