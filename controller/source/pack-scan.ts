/**
 * A first look at a pack (gitformat-pack(5)) before anything keeps what it holds: every object is inflated once, into nothing, with its
 * declared size as the bound. A pack that would inflate beyond the caps is refused here; isomorphic-git, which reads it after, has no caps.
 */
import { inflateSync } from 'node:zlib';
import { StallingError } from '../api/errors.ts';
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import { createBreather } from './breather.ts';
import { invalid } from './git-object.ts';
import type { SourceReason } from './reasons.ts';

/** All objects of a pack together may inflate to this many times limits.packBytes. */
const mostInflation = 16;

/** Objects in the pack, by its header. */
export function packObjects(pack: Buffer): number {
  if (pack.length < 12 || pack.toString('latin1', 0, 4) !== 'PACK' || pack.readUInt32BE(4) !== 2) {
    throw invalid('(pack)', 'what the server sent is no pack of version 2');
  }
  return pack.readUInt32BE(8);
}

/** Throws StallingError `LimitExceeded` naming the cap, or `InvalidGitObject` when the pack is not one. */
export async function scanPack(pack: Buffer, limits: SystemSourceSpecLimits): Promise<void> {
  const count = packObjects(pack);
  const breathe = createBreather();
  let [at, inflated] = [12, 0];
  for (let i = 0; i < count; i++) {
    const object = scanObject(pack, at, limits.fileBytes);
    at = object.end;
    inflated += object.size;
    if (inflated > limits.packBytes * mostInflation)
      throw exceeded('packBytes', limits.packBytes, `the pack inflates to over ${mostInflation} times that`);
    await breathe();
  }
  if (at !== pack.length - 20) throw invalid('(pack)', 'the pack holds bytes beyond its objects');
}

export function exceeded(cap: keyof SystemSourceSpecLimits, value: number, what: string): StallingError {
  return new StallingError('LimitExceeded' satisfies SourceReason, `spec.limits.${cap} is ${value}: ${what}`);
}

function scanObject(pack: Buffer, start: number, fileBytes: number): { end: number; size: number } {
  if (start >= pack.length - 20) throw invalid('(pack)', 'the pack holds fewer objects than it says');
  const header = readHeader(pack, start);
  const most = header.delta ? Math.max(fileBytes, 1024) : fileBytes;
  if (header.size > most) throw exceeded('fileBytes', fileBytes, `an object has ${header.size} bytes`);
  const { bytes, consumed } = inflate(pack.subarray(header.at, -20), header.size);
  if (bytes.length !== header.size) throw invalid('(pack)', `an object is ${bytes.length} bytes long and says ${header.size}`);
  const size = header.delta ? resultSize(bytes) : header.size;
  if (size > fileBytes) throw exceeded('fileBytes', fileBytes, `an object has ${size} bytes`);
  return { end: header.at + consumed, size: size + header.size };
}

/** Type and size, and for a delta the reference to its base, before the deflated data. */
function readHeader(pack: Buffer, start: number): { at: number; size: number; delta: boolean } {
  let at = start;
  let byte = byteAt(pack, at++);
  const type = (byte >> 4) & 7;
  let [size, factor] = [byte & 15, 16];
  while (byte & 0x80) {
    byte = byteAt(pack, at++);
    size += (byte & 0x7f) * factor;
    factor *= 128;
    if (size > Number.MAX_SAFE_INTEGER) throw invalid('(pack)', 'an object claims an impossible size');
  }
  if (type === 0 || type === 5) throw invalid('(pack)', `an object has the unknown type ${type}`);
  if (type === 7) at += 20;
  if (type === 6) while (byteAt(pack, at++) & 0x80);
  return { at, size, delta: type >= 6 };
}

/** A delta starts with the sizes of its base and of its result, seven bits a byte, least first. */
function resultSize(delta: Buffer): number {
  let at = 0;
  while (byteAt(delta, at++) & 0x80);
  let [size, factor] = [0, 1];
  for (;;) {
    const byte = byteAt(delta, at++);
    size += (byte & 0x7f) * factor;
    factor *= 128;
    if (!(byte & 0x80)) return size;
  }
}

function inflate(deflated: Buffer, size: number): { bytes: Buffer; consumed: number } {
  try {
    // One byte more than declared, so that a longer object is an error and not a truncation.
    const result: unknown = inflateSync(deflated, {
      info: true,
      maxOutputLength: size + 1,
      chunkSize: Math.max(64, Math.min(size + 1, 65_536)),
    });
    if (isInflated(result)) return { bytes: result.buffer, consumed: result.engine.bytesWritten };
  } catch (error) {
    throw invalid(
      '(pack)',
      `an object cannot be inflated to ${size} bytes (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  throw new Error('zlib gave no info');
}

function isInflated(value: unknown): value is { buffer: Buffer; engine: { bytesWritten: number } } {
  return typeof value === 'object' && value !== null && 'buffer' in value && 'engine' in value;
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw invalid('(pack)', 'the pack is cut short');
  return byte;
}
