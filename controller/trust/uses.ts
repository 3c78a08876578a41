/** When each authority last accepted something, as this process has seen it. What is shown of it comes seldom, so that it costs no storm of writes. */
import type { Signer } from './judgement.ts';

/** How old what is shown may be before it is written again. */
const shownMs = 600_000;

export class Uses {
  readonly #uses = new Map<string, number>();

  /** `now` is epoch ms. */
  note(signers: readonly Pick<Signer, 'authority'>[], now: number): void {
    for (const { authority } of signers) this.#uses.set(authority, now);
  }

  /** What `lastUsed` of an authority (`policy/name`) is to say, given what it says. */
  shown(authority: string, before: string | undefined): string | undefined {
    const used = this.#uses.get(authority);
    if (used === undefined) return before;
    const known = before === undefined ? Number.NEGATIVE_INFINITY : Date.parse(before);
    return used - known < shownMs ? before : new Date(used).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}
