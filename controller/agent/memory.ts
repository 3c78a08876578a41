/**
 * What the agent must know after it was killed or the host rebooted, and how it changes: pure. The file is in memory-file.ts.
 * Everything here is small and bounded; a host that loses it asks the NodeTarget's status (`recall`).
 */
import type {
  NodeTargetSpec,
  NodeTargetStatus,
  NodeTargetStatusHostFailed,
  NodeTargetStatusVerdict,
} from '../api/node-target.ts';
import type { TargetView } from './target-watch.ts';
import { approvalOf, digestOf, digestsOf } from './target.ts';

/** An approved boot on its way. */
export interface Intent {
  approval: string;
  /** Digest in the target's image, which the approval names. */
  digest: string;
  /** Every digest that counts as it. */
  digests: string[];
  /** The boot in which it was approved; another boot ID means that the host rebooted. */
  bootID: string;
  /** What was booted then. */
  before?: string;
  /** Digest of the set of addons that is to run over it; absent for none. */
  set?: string;
  /** The image runs already, and only its addons change: the deployment whose record that is. */
  addonsOf?: string;
  /** They change on the running host, by the boot script's live verb. */
  live?: LiveIntent;
  /** Epoch ms when we first told the host to reboot, and last; set before telling, so that it is never told and not known. */
  rebootAt?: number;
  toldAt?: number;
}

/** A change on the running host on its way. It is not broken off once it was begun, whatever becomes of its go-ahead. */
export interface LiveIntent {
  /** When the last one had ended before, as the seal says it: another time means that this one has ended. */
  before: number | null;
  /** How often the script was begun. */
  begun: number;
  /** It never came to its end, and the former set is to be merged again. */
  back?: true;
}

export interface Memory {
  version: 1;
  intent?: Intent;
  /** The last approved boot's. */
  verdict?: NodeTargetStatusVerdict;
  /** Oldest first. */
  failed: NodeTargetStatusHostFailed[];
  /** Approvals that had their boot; none gets a second. Oldest first. */
  spent: string[];
  /** Which commit a digest is from. Oldest first. */
  revisions: { digest: string; revision: string }[];
}

const limits = { failed: 20, spent: 64, revisions: 64 };

export function emptyMemory(): Memory {
  return { version: 1, failed: [], spent: [], revisions: [] };
}

/** A text that is not a memory. */
export class MemoryFormatError extends Error {}

/** Parses the file. Throws MemoryFormatError: what cannot be read must not be taken for "nothing ever failed". */
export function parseMemory(text: string): Memory {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MemoryFormatError('is no JSON', { cause: error });
  }
  const m = value as Partial<Memory> | null;
  if (m?.version !== 1) throw new MemoryFormatError('is not of version 1');
  const { failed, spent, revisions, intent } = m;
  if (!Array.isArray(failed) || !Array.isArray(spent) || !Array.isArray(revisions)) throw new MemoryFormatError('lacks a list');
  const whole = failed.every(f => areTexts(f?.digest, f?.time)) && spent.every(s => areTexts(s));
  if (!whole || !revisions.every(r => areTexts(r?.digest, r?.revision))) throw new MemoryFormatError('has an incomplete entry');
  if (intent !== undefined && !isWhole(intent)) throw new MemoryFormatError('has an incomplete intent');
  return m as Memory;
}

/** The types say what a whole file holds; this one was read from a disk. */
function isWhole(intent: Partial<Intent> | null): boolean {
  const { approval, digest, bootID, digests } = intent ?? {};
  return areTexts(approval, digest, bootID) && Array.isArray(digests) && areTexts(...digests);
}

function areTexts(...values: readonly unknown[]): boolean {
  return values.every(v => typeof v === 'string');
}

/** Notes which commit the target's digests are from. The same object when it is known already. */
export function withRevision(memory: Memory, spec: NodeTargetSpec): Memory {
  const { revision } = spec;
  if (revision === undefined) return memory;
  const known = new Map(memory.revisions.map(r => [r.digest, r.revision]));
  const digests = digestsOf(spec);
  if (digests.every(d => known.get(d) === revision)) return memory;
  const others = memory.revisions.filter(r => !digests.includes(r.digest));
  return { ...memory, revisions: [...others, ...digests.map(digest => ({ digest, revision }))].slice(-limits.revisions) };
}

export function revisionOf(memory: Memory, digest: string | undefined): string | undefined {
  return memory.revisions.find(r => r.digest === digest)?.revision;
}

/** Notes that a digest failed; an earlier failure of it is replaced. */
export function withFailure(memory: Memory, failure: NodeTargetStatusHostFailed): Memory {
  return { ...memory, failed: [...memory.failed.filter(f => f.digest !== failure.digest), failure].slice(-limits.failed) };
}

/** Ends the intent: its approval is spent, and the digest failed or is cleared by what it came to. */
export function withVerdict(memory: Memory, verdict: NodeTargetStatusVerdict, digests: readonly string[]): Memory {
  const { intent: _, ...rest } = memory;
  const spent = verdict.approval === undefined ? rest.spent : [...rest.spent, verdict.approval].slice(-limits.spent);
  const after = { ...rest, verdict, spent };
  if (verdict.type === 'Succeeded') return { ...after, failed: after.failed.filter(f => !digests.includes(f.digest)) };
  const { digest, type, time, message, approval } = verdict;
  return withFailure(after, {
    digest,
    reason: type,
    time,
    ...(message === undefined ? {} : { message }),
    ...(approval === undefined ? {} : { approval }),
  });
}

/** The memory with which the host is told to reboot. */
export function withRebootTold(memory: Memory, intent: Intent, now: number): Memory {
  return { ...memory, intent: { ...intent, rebootAt: intent.rebootAt ?? now, toldAt: now } };
}

/** The host refused to reboot: it was not told. */
export function withRebootRefused(memory: Memory): Memory {
  if (!memory.intent) return memory;
  const { rebootAt: _, toldAt: __, ...intent } = memory.intent;
  return { ...memory, intent };
}

export function withIntent(memory: Memory, intent: Intent): Memory {
  return { ...memory, intent };
}

export function withoutIntent(memory: Memory): Memory {
  const { intent: _, ...rest } = memory;
  return rest;
}

/** What the target asks for, and which version of it that is. */
export type Order = Pick<TargetView, 'spec' | 'generation'>;

/**
 * Fills an empty memory from what the agent itself once reported: neither a new disk nor a host that keeps nothing over a boot makes a bad
 * image good.
 */
export function recall(memory: Memory, status: NodeTargetStatus | undefined, order?: Order): Memory {
  if (memory.verdict || memory.failed.length > 0 || memory.intent) return memory;
  const { verdict, host } = status ?? {};
  const intent = order && recalledIntent(status, order);
  const approvals = [verdict?.approval, ...(host?.failed ?? []).map(f => f.approval)].filter(a => a !== undefined);
  return {
    ...memory,
    ...(intent ? { intent } : {}),
    ...(verdict ? { verdict } : {}),
    failed: host?.failed ?? [],
    spent: [...new Set([...memory.spent, ...approvals])].slice(-limits.spent),
  };
}

/**
 * The boot that was to come next by the last report. Where its go-ahead was taken back since, what was staged then tells the digest, and
 * the time of the report stands for the go-ahead.
 */
function recalledIntent(status: NodeTargetStatus | undefined, { spec, generation }: Order): Intent | undefined {
  const { host, verdict, observedGeneration } = status ?? {};
  if (host?.phase !== 'Rebooting' || host.bootID === undefined) return undefined;
  const standing = observedGeneration === generation ? approvalOf(spec) : undefined;
  const digest = standing === undefined ? host.staged?.digest : digestOf(spec.image);
  if (digest === undefined || (standing !== undefined && verdict?.approval === standing)) return undefined;
  const before = host.booted?.digest;
  const at = Date.parse(host.reportedAt ?? '') || 0;
  return {
    approval: standing ?? `${host.reportedAt}/${digest}`,
    digest,
    digests: standing === undefined ? [digest] : digestsOf(spec),
    bootID: host.bootID,
    ...(before === undefined ? {} : { before }),
    ...setIn(standing === undefined ? host.prepared?.set : spec.addonSet),
    rebootAt: at,
    toldAt: at,
  };
}

function setIn(set: string | undefined): Pick<Intent, 'set'> {
  return set === undefined ? {} : { set };
}

/** Names one failure, as the annotation that allows another try does. */
export function failureKey(failure: Pick<NodeTargetStatusHostFailed, 'digest' | 'time'>): string {
  return `${failure.digest}/${failure.time}`;
}

/**
 * The failure that bars these digests, if any. A bad digest never comes back by itself: only a go-ahead that is neither the failed
 * one nor spent lifts it, or a person's word (`retried`, keys of failures).
 */
export function barredBy(
  memory: Memory,
  { digests, approval, retried }: { digests: readonly string[]; approval: string | undefined; retried: readonly string[] },
): NodeTargetStatusHostFailed | undefined {
  const failure = memory.failed.find(f => digests.includes(f.digest));
  if (!failure || retried.includes(failureKey(failure))) return undefined;
  const fresh = approval !== undefined && approval !== failure.approval && !memory.spent.includes(approval);
  return fresh ? undefined : failure;
}
