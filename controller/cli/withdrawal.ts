/** Takes Scantling away, look by look: what is left, what to do about it, until nothing is. All state is in the API. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TransientError, messageOf } from '../api/errors.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isConflict, isNotFound } from '../kube/errors.ts';
import { type Leftover, leftOf, type Step, type Wait, withdraw, wordsOf } from '../rollout/withdraw.ts';
import { type Places, readRemains } from './remains.ts';
import { carryOut } from './withdraw-step.ts';

export interface WithdrawalOptions {
  client: Client;
  places: Places;
  /** How long nodes and pods are waited for, ms. */
  timeoutMs: number;
  /** Renews the Lease when due; throws when it is lost. */
  keep: () => Promise<void>;
  /** What happens, as it happens. */
  say: (line: string) => void;
  signal: AbortSignal;
  /** Epoch ms; throws when this clock is not to be decided by. */
  now: () => number;
}

export interface Withdrawn {
  steps: Step[];
  /** What the API server does not allow. */
  refused: { what: string; message: string }[];
  left: Leftover[];
}

const leastMs = 1_000;
/** What takes a quarter of the time to look at may be looked at all the time. */
const restFactor = 3;

/** Resolves when nothing is left that goes by itself, or the time is over. Throws what the Lease, the clock or reading throws. */
export async function runWithdrawal(o: WithdrawalOptions): Promise<Withdrawn> {
  const { now } = o;
  const deadline = now() + o.timeoutMs;
  const done: Withdrawn = { steps: [], refused: [], left: [] };
  const refused = new Set<string>();
  const refuse = (what: string, message: string): void => {
    if (refused.has(what)) return;
    refused.add(what);
    done.refused.push({ what, message });
    o.say(`${what} was refused: ${message}`);
  };
  let said = '';
  for (;;) {
    o.signal.throwIfAborted();
    await o.keep();
    const began = performance.now();
    const { remains, unread } = await patiently(() => readRemains(o.client, o.places), { ...o, past: () => now() > deadline });
    const { steps, waits } = withdraw(remains, { now: now(), deadline });
    const open = steps.filter(step => !refused.has(keyOf(step)));
    let troubled = false;
    for (const step of open) {
      o.signal.throwIfAborted();
      try {
        await carryOut(o.client, step, { remains, places: o.places, now: now() });
        done.steps.push(step);
        o.say(wordsOf(step));
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) continue;
        if (!isRefused(error)) {
          if (!(error instanceof TransientError) || now() > deadline) throw error;
          o.say(`${keyOf(step)}: ${messageOf(error)}; trying again`);
          troubled = true;
          break;
        }
        refuse(keyOf(step), error.message);
      }
    }
    if (open.length > 0 && !troubled) continue;
    for (const { what, error } of unread)
      if (isRefused(error) || now() > deadline) refuse(what, error.message);
      else troubled = true;
    if (waits.length === 0 && !troubled) return { ...done, left: leftOf(remains) };
    const words = waitingFor(waits, deadline);
    if (words !== said && words !== '') o.say(words);
    said = words;
    await sleep(Math.max(leastMs, restFactor * (performance.now() - began)), undefined, { signal: o.signal });
  }
}

/** Reads until there is an answer, as long as there is time. */
async function patiently<T>(
  read: () => Promise<T>,
  o: Pick<WithdrawalOptions, 'keep' | 'say' | 'signal'> & { past: () => boolean },
): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof TransientError) || isRefused(error) || o.past()) throw error;
      o.say(`${messageOf(error)}; trying again`);
    }
    await sleep(leastMs, undefined, { signal: o.signal });
    await o.keep();
  }
}

/** What does not pass by itself. */
export function isRefused(error: unknown): error is ApiError {
  return error instanceof ApiError && [400, 401, 403, 405, 422].includes(error.status);
}

function keyOf(step: Step): string {
  switch (step.do) {
    case 'TakeBack':
      return `taking the go-ahead of ${step.node} back`;
    case 'Uncordon':
      return `uncordoning ${step.node}`;
    case 'Release':
      return `taking the finalizer off ${step.kind} ${step.name}`;
    case 'DeleteJob':
      return `deleting Job ${step.name}`;
    case 'DeleteSecret':
      return `deleting Secret ${step.name}`;
  }
}

function waitingFor(waits: readonly Wait[], deadline: number): string {
  const of = (kind: Wait['kind']): string[] => waits.filter(w => w.kind === kind).map(w => w.name);
  const [nodes, pods] = [of('Node'), of('Pod')];
  const parts = [
    nodes.length > 0 ? `${list(nodes)} to come back from a reboot that we asked for` : '',
    pods.length > 0 ? `pods of builds to go (${list(pods)})` : '',
  ].filter(Boolean);
  return parts.length === 0 ? '' : `waiting for ${parts.join(', and for ')}; until ${new Date(deadline).toISOString()} at most`;
}

function list(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}
