/**
 * What a Job's pod says of its end: JSON in the termination message of its container, of which Kubernetes keeps 4096 bytes. What must go to make
 * room is the beginning of the log, which can be read from the pod itself.
 */
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import { isDigest } from '../registry/digest.ts';
import { BuildError } from './build-error.ts';
import type { FoundationResult } from './foundation-task.ts';

/** Of a terminated container, in bytes of UTF-8 (Kubernetes, "Determine the reason for pod failure"). */
export const maxTerminationBytes = 4096;
const version = 1;
/** So that these always leave room for some of the log. */
const longest = { step: 512, message: 1024, reason: 64 };

export interface FoundationFailure {
  /** step: of the definition's own doing. transient: may pass by itself. stalling: cannot pass unless a person changes something. */
  kind: 'step' | 'transient' | 'stalling';
  reason?: string;
  step: string;
  stepNumber?: number;
  exitCode?: number;
  message: string;
  /** Last lines of output, secrets masked. */
  log: string[];
}

export type FoundationOutcome = { result: FoundationResult } | { failure: FoundationFailure };

/** At most 4096 bytes. Of warnings and log only as much as fits; long texts are cut. */
export function encodeTermination(outcome: FoundationOutcome): string {
  if ('result' in outcome) {
    const { digest, warnings } = outcome.result;
    return longestThatFits(warnings, kept => ({ version, result: { digest, warnings: kept } }), 'head');
  }
  const { kind, reason, step, stepNumber, exitCode, message, log } = outcome.failure;
  const failure = {
    kind,
    ...(reason === undefined ? {} : { reason: cut(reason, longest.reason) }),
    step: cut(step, longest.step),
    ...(stepNumber === undefined ? {} : { stepNumber }),
    ...(exitCode === undefined ? {} : { exitCode }),
    message: cut(message, longest.message),
  };
  return longestThatFits(log, kept => ({ version, failure: { ...failure, log: kept } }), 'tail');
}

/** What encodeTermination wrote; undefined for anything else, such as the last lines of a log. */
export function parseTermination(text: string): FoundationOutcome | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const { version: of, result, failure } = record(parsed);
  if (of !== version) return undefined;
  if (result !== undefined) return parseResult(record(result));
  return parseFailure(record(failure));
}

/** A thrown value as what a termination message says; `doing` is what was done in place of a step. */
export function failureOf(error: unknown, doing: string): FoundationFailure {
  if (error instanceof BuildError) {
    const { step, stepNumber, exitCode, message, log } = error;
    return {
      kind: 'step',
      step,
      ...(stepNumber === undefined ? {} : { stepNumber }),
      ...(exitCode === undefined ? {} : { exitCode }),
      message,
      log: [...log],
    };
  }
  const kind = error instanceof StallingError ? 'stalling' : 'transient';
  const reason = error instanceof StallingError || error instanceof TransientError ? error.reason : 'Error';
  return { kind, reason, step: doing, message: messageOf(error), log: [] };
}

/** The error that the failure was made from. */
export function errorOf(failure: FoundationFailure, platform?: string): BuildError | StallingError | TransientError {
  const { kind, reason = 'Error', step, stepNumber, exitCode, message, log } = failure;
  switch (kind) {
    case 'step':
      return new BuildError(message, { step, stepNumber, exitCode, log, platform });
    case 'stalling':
      return new StallingError(reason, message);
    case 'transient':
      return new TransientError(reason, message);
  }
}

/** The text with as many of the lines as fit, from the head or the tail; the line at the cut is shortened where some of it fits. */
function longestThatFits(lines: readonly string[], textOf: (kept: string[]) => object, from: 'head' | 'tail'): string {
  const encode = (kept: string[]): string => JSON.stringify(textOf(kept));
  const fits = (kept: string[]): boolean => Buffer.byteLength(encode(kept)) <= maxTerminationBytes;
  const part = (count: number): string[] => (from === 'head' ? lines.slice(0, count) : lines.slice(lines.length - count));
  const count = greatest(lines.length, n => fits(part(n)));
  const next = from === 'head' ? lines[count] : lines[lines.length - count - 1];
  if (next === undefined) return encode(part(count));
  const withPart = (length: number): string[] =>
    from === 'head' ? [...part(count), `${next.slice(0, length)}…`] : [`…${next.slice(next.length - length)}`, ...part(count)];
  const length = greatest(next.length, n => fits(withPart(n)));
  return encode(length > 0 ? withPart(length).map(line => line.toWellFormed()) : part(count));
}

/** The greatest n up to `limit` with `test(n)`, where test holds up to some n and not beyond. */
function greatest(limit: number, test: (n: number) => boolean): number {
  let [low, high] = [0, limit];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (test(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Bounded by the bytes it takes in JSON. */
function cut(text: string, bytes: number): string {
  if (sizeInJson(text) <= bytes) return text;
  const length = greatest(text.length, n => sizeInJson(`${text.slice(0, n)}…`) <= bytes);
  return `${text.slice(0, length)}…`.toWellFormed();
}

function sizeInJson(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}

function parseResult({ digest, warnings }: Record<string, unknown>): FoundationOutcome | undefined {
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
  return { result: { digest, warnings: strings(warnings) } };
}

function parseFailure(failure: Record<string, unknown>): FoundationOutcome | undefined {
  const { kind, reason, step, stepNumber, exitCode, message, log } = failure;
  if (kind !== 'step' && kind !== 'transient' && kind !== 'stalling') return undefined;
  if (typeof step !== 'string' || typeof message !== 'string') return undefined;
  return {
    failure: {
      kind,
      ...(isReason(reason) ? { reason } : {}),
      step,
      ...(isCount(stepNumber) ? { stepNumber } : {}),
      ...(isCount(exitCode) ? { exitCode } : {}),
      message,
      log: strings(log),
    },
  };
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : [];
}

/** A step can write the message in the worker's place: it must not hold what the API server refuses in a status, which then nobody could write. */
function isReason(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longest.reason && /^[A-Za-z][A-Za-z0-9]*$/.test(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
