/** From when to when a key counts: pure, and the same for who judges, for what is shown and for what hosts are told. */

/** Epoch ms, both inclusive, as certificates and allowed_signers have them; absent: without a bound. */
export interface Validity {
  notBefore?: number;
  notAfter?: number;
}

/** What keeps a key from counting at a time (epoch ms); undefined when it counts. */
export function outside({ notBefore, notAfter }: Validity, time: number): 'NotYetValid' | 'Expired' | undefined {
  if (notBefore !== undefined && time < notBefore) return 'NotYetValid';
  return notAfter !== undefined && time > notAfter ? 'Expired' : undefined;
}

/** The first times (epoch ms) at which that is another one. */
export function changesOf({ notBefore, notAfter }: Validity): number[] {
  return [...(notBefore === undefined ? [] : [notBefore]), ...(notAfter === undefined ? [] : [notAfter + 1])];
}
