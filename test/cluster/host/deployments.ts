/** The state machine of a bootc host on the ostree backend, as pure transitions. */
import { createHash } from 'node:crypto';
import type { ImageFiles } from './image-files.ts';
import type { Deployment, HostState, ImageReference } from './state.ts';

/** What a pull found out about an image. */
export interface PulledImage {
  /** Digest of the platform's manifest. */
  digest: string;
  version: string | null;
  timestamp: string | null;
  /** What of it the host gets when it boots it. */
  files?: ImageFiles;
}

/** A boot entry made of an image. */
export function deploymentOf(reference: ImageReference, image: PulledImage, serial: number): Deployment {
  const checksum = createHash('sha256').update(`ostree ${image.digest}`).digest('hex');
  return { reference, ...image, checksum, serial, locked: false, incompatible: false };
}

/** The specification a host follows: the staged image's, else the booted one's. */
export function specification(state: HostState): ImageReference | undefined {
  return (state.staged ?? state.booted)?.reference;
}

export function sameReference(a: ImageReference | undefined, b: ImageReference): boolean {
  return a?.image === b.image && a.transport === b.transport && a.signature === b.signature;
}

/** Replaces what is staged; a queued rollback goes with it. An image that is already deployed gets the next serial: a second copy. */
export function stage(state: HostState, reference: ImageReference, image: PulledImage, locked: boolean): HostState {
  const copies = [state.booted, state.rollback].filter(d => d?.digest === image.digest);
  return { ...state, staged: { ...deploymentOf(reference, image, copies.length), locked }, rollbackQueued: false };
}

export function setLock(state: HostState, locked: boolean): HostState {
  return state.staged ? { ...state, staged: { ...state.staged, locked } } : state;
}

/** `bootc rollback`: a toggle that also drops what is staged. */
export function toggleRollback(state: HostState): HostState {
  return { ...state, staged: null, rollbackQueued: !state.rollbackQueued };
}

export type BootOutcome = 'Unchanged' | 'Applied' | 'RolledBack' | 'Discarded' | 'FellBack' | 'FinalizeFailed';

/**
 * Shutdown and boot. Staged and unlocked becomes booted, staged and locked is discarded. With `finalizeFails` the staged deployment
 * is lost at shutdown; with `fallsBack` the new one does not come up and the boot loader takes the old one, which leaves the new
 * one in the rollback slot and first in the boot order.
 */
export function boot(
  state: HostState,
  o: { finalizeFails: boolean; fallsBack: boolean },
): { state: HostState; outcome: BootOutcome } {
  const after = { ...state, boots: state.boots + 1, staged: null, usrOverlay: false };
  const { staged, booted, rollback } = state;
  if (staged && !staged.locked) {
    if (o.finalizeFails) return { state: after, outcome: 'FinalizeFailed' };
    if (o.fallsBack) return { state: { ...after, rollback: staged, rollbackQueued: true }, outcome: 'FellBack' };
    return { state: { ...after, booted: staged, rollback: booted, rollbackQueued: false }, outcome: 'Applied' };
  }
  if (staged) return { state: after, outcome: 'Discarded' };
  if (state.rollbackQueued && rollback) {
    if (o.fallsBack) return { state: after, outcome: 'FellBack' };
    return { state: { ...after, booted: rollback, rollback: booted, rollbackQueued: false }, outcome: 'RolledBack' };
  }
  return { state: after, outcome: 'Unchanged' };
}
