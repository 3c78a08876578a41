/** What on the host keeps the agent from its work, and what to say of it: pure. */
import { StallingError, TransientError, WaitingError } from '../api/errors.ts';
import type { Phase, Situation } from './decide.ts';
import { HostError } from './host.ts';
import { MemoryReadError, MemoryWriteError } from './mind.ts';
import { PullSecretError } from './pull-secret.ts';

export interface Hindrance {
  /** For the log. */
  words: string;
  /** Absent while there is nothing to say of it. */
  situation?: Situation;
  retryMs: number;
}

const hostRetryMs = 10_000;
const memoryRetryMs = 60_000;
const pullSecretRetryMs = 60_000;

/** The hindrance behind an error, undefined for any other. `times`: how often in a row the host could not be read, this time included. */
export function hindranceOf(
  error: unknown,
  { phase, times }: { phase: Phase | undefined; times: number },
): Hindrance | undefined {
  // Without its memory the agent cannot know what failed here before; what is not sure to be remembered is not begun.
  if (error instanceof MemoryReadError) {
    const words = 'the memory cannot be read; nothing is staged or booted';
    return { words, situation: failed(new StallingError('MemoryUnreadable', error.message), phase), retryMs: memoryRetryMs };
  }
  if (error instanceof MemoryWriteError) {
    const words = 'the memory cannot be written; nothing more is staged or booted';
    return { words, situation: failed(new TransientError('MemoryUnwritable', error.message), phase), retryMs: memoryRetryMs };
  }
  if (error instanceof PullSecretError) {
    const said = new TransientError(error.reason, error.message);
    return { words: 'the pull Secret is not on the host', situation: failed(said, phase), retryMs: pullSecretRetryMs };
  }
  if (!(error instanceof HostError)) return undefined;
  const words = 'the host could not be read; trying again';
  // A first failure is waited out, as another program may hold the lock for a moment.
  if (times < 2) return { words, retryMs: hostRetryMs };
  return { words, situation: unreadable(error, phase), retryMs: hostRetryMs };
}

/** Of an operation whose end cannot be seen. */
export function silenceOf(trouble: string, phase: Phase | undefined): Situation {
  return failed(new TransientError('ServiceManagerSilent', trouble), phase);
}

/** A host that only waits for a lock is what it was before. */
function unreadable({ kind, message }: HostError, phase: Phase | undefined): Situation {
  if (kind === 'Failed') return failed(new TransientError('StatusUnreadable', message), phase);
  return { phase: phase ?? 'Idle', condition: { kind: 'Failed', error: new WaitingError('HostBusy', message, hostRetryMs) } };
}

/** A host that was told to reboot, or changes its addons, does so whatever becomes of its agent: while that is said of it, it stays cordoned. */
function failed(error: StallingError | TransientError, phase: Phase | undefined): Situation {
  return { phase: phase === 'Rebooting' || phase === 'Applying' ? phase : 'Failed', condition: { kind: 'Failed', error } };
}
