/**
 * Which of several controllers acts on an object: pure. Its labels say who should, an annotation who does; an object goes from one to the other only
 * after the one has let go, or its Lease has expired.
 */

/** A source, definition or pool. */
export interface Claimable {
  matches: boolean;
  /** The annotation: the Lease of the controller that acts on it, '' when it has let go, undefined when there is none. */
  holder: string | undefined;
  /** Somebody has acted on it: it has a status. */
  begun: boolean;
  /** Something of it is at work that only this process can end well. */
  atWork: boolean;
}

/** The controllers, by their Leases. */
export interface Claimant {
  own: string;
  /** The one without a selector, which writes no annotation. */
  unsharded: string;
}

export type ClaimStep =
  /** It is ours: work. */
  | 'Act'
  /** It should be another's: end what runs, begin nothing. */
  | 'Finish'
  /** It should be another's, and nothing runs: let go. */
  | 'Release'
  /** It should be ours, and nobody has it: take it. */
  | 'Take'
  /** It should be ours, and another has it: wait until that one lets go, or is no more. */
  | 'Wait'
  /** It is none of our business. */
  | 'Leave';

/** Who acts on it now; '' for nobody. */
export function holderOf({ holder, begun }: Pick<Claimable, 'holder' | 'begun'>, { own, unsharded }: Claimant): string {
  if (holder !== undefined) return holder;
  // What nobody has acted on anyone may take; the one without a selector need not even say so.
  return begun || own === unsharded ? unsharded : '';
}

export function claimStep(object: Claimable, claimant: Claimant): ClaimStep {
  const holder = holderOf(object, claimant);
  if (object.matches) return holder === claimant.own ? 'Act' : holder === '' ? 'Take' : 'Wait';
  if (holder !== claimant.own || (object.holder === undefined && !object.begun)) return 'Leave';
  return object.atWork ? 'Finish' : 'Release';
}
