/** A link of the chain that `scantling why` shows. Pure. */
import type { Standing, State } from './state.ts';
import type { SubjectKind } from './subject.ts';

/** One link of the chain, and how it stands. */
export interface Link {
  kind: SubjectKind;
  name: string;
  state: State;
  /** What it is, in a sentence without its subject. */
  says: string;
}

/** As it is found, with all that is to be said of how it stands. */
export interface Found extends Link {
  standing: Standing & { until?: string };
  /** The name of what it is made from. */
  follows?: string;
}

/** What is referred to, and is not there. */
export function gone(kind: SubjectKind, name: string): Found {
  return link(kind, name, 'does not exist', { state: 'Stalled', reason: 'Gone', message: `there is no ${kind} ${name}` });
}

export function link(kind: SubjectKind, name: string, says: string, standing: Found['standing']): Found {
  return { kind, name, state: standing.state, says, standing };
}
