/** A commit or tag of the corpus: how it is made, what we say of it and what git says. */
import type { CommitReason } from '../../../controller/trust/reasons.ts';
import type { CorpusScene } from './corpus-scene.ts';
import type { ObjectFormat } from './signing-tools.ts';

export interface CorpusCase {
  name: string;
  /** The raw object. */
  make: (scene: CorpusScene) => Buffer;
  type?: 'tag';
  /** Default: sha1. */
  format?: ObjectFormat;
  ours: CommitReason;
  git: 'good' | 'bad';
  /** Why we refuse what git takes. */
  stricter?: string;
  /** Of a tag: the name that the ref has; default v1. */
  ref?: string;
}
