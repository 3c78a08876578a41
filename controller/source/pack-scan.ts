/**
 * The first pass over a pack (gitformat-pack(5)): every object is inflated once, with its declared size as the bound, and nothing is
 * kept of it but where it is. A pack that would inflate beyond the caps is refused here, before anything is made of it.
 */
import { inflateSync } from 'node:zlib';
import { StallingError } from '../api/errors.ts';
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import { createBreather } from './breather.ts';
import { DeltaError, resultSize } from './delta.ts';
import { type ObjectType, invalid } from './git-object.ts';
import type { SourceReason } from './reasons.ts';

/** All objects of a pack together may inflate to this many times limits.packBytes. */
export const mostInflation = 16;

const objectTypes: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };

/** An object of a pack: whole, or a delta to another by its offset or id. */
export interface PackEntry {
  /** Where it starts, and where its deflated bytes do. */
  offset: number;
  dataAt: number;
  /** Inflated bytes. */
  size: number;
  content: { type: ObjectType } | { baseOffset: number } | { baseOid: string };
}

/** Objects in the pack, by its header. */
export function packObjects(pack: Buffer): number {
  if (pack.length < 12 || pack.toString('latin1', 0, 4) !== 'PACK' || pack.readUInt32BE(4) !== 2) {
    throw invalid('(pack)', 'what the server sent is no pack of version 2');
  }
  return pack.readUInt32BE(8);
}

/**
 * Every object of the pack in order, given to `onEntry` with its inflated bytes. Throws StallingError `LimitExceeded` naming the cap,
 * or `InvalidGitObject` when the pack is not one.
 */
export async function scanPack(
  pack: Buffer,
  limits: SystemSourceSpecLimits,
  onEntry: (entry: PackEntry, bytes: Buffer) => void,
): Promise<void> {
  const count = packObjects(pack);
  if (count > limits.objects) throw exceeded('objects', limits.objects, `the pack holds ${count} objects`);
  const breathe = createBreather();
  let [at, inflated] = [12, 0];
  for (let i = 0; i < count; i++) {
    if (at >= pack.length - 20) throw invalid('(pack)', 'the pack holds fewer objects than it says');
    const entry = readHeader(pack, at);
    if (entry.size > limits.fileBytes) throw tooLarge(entry.size, limits);
    const { bytes, consumed } = inflateEntry(pack, entry);
    const size = 'type' in entry.content ? entry.size : sizeOfResult(bytes);
    if (size > limits.fileBytes) throw tooLarge(size, limits);
    inflated += size;
    if (inflated > limits.packBytes * mostInflation) {
      throw exceeded('packBytes', limits.packBytes, `the pack inflates to over ${mostInflation} times that`);
    }
    onEntry(entry, bytes);
    at = entry.dataAt + consumed;
    await breathe();
  }
  if (at !== pack.length - 20) throw invalid('(pack)', 'the pack holds bytes beyond its objects');
}

/** The inflated bytes of an object, and how many deflated ones they took. */
export function inflateEntry(pack: Buffer, { dataAt, size }: PackEntry): { bytes: Buffer; consumed: number } {
  const { bytes, consumed } = inflate(pack.subarray(dataAt, -20), size);
  if (bytes.length !== size) throw invalid('(pack)', `an object is ${bytes.length} bytes long and says ${size}`);
  return { bytes, consumed };
}

export function exceeded(cap: keyof SystemSourceSpecLimits, value: number, what: string): StallingError {
  return new StallingError(
    'LimitExceeded' satisfies SourceReason,
    `spec.limits.${cap} is ${value}: ${what}; raise it, or make the commit smaller`,
  );
}

function tooLarge(size: number, limits: SystemSourceSpecLimits): StallingError {
  return exceeded('fileBytes', limits.fileBytes, `an object has ${size} bytes`);
}

/** Type and size, and for a delta the reference to its base, before the deflated data. */
function readHeader(pack: Buffer, offset: number): PackEntry {
  let at = offset;
  let byte = byteAt(pack, at++);
  const code = (byte >> 4) & 7;
  let [size, factor] = [byte & 15, 16];
  while (byte & 0x80) {
    byte = byteAt(pack, at++);
    size += (byte & 0x7f) * factor;
    factor *= 128;
    if (size > Number.MAX_SAFE_INTEGER) throw invalid('(pack)', 'an object claims an impossible size');
  }
  if (code === 7) return { offset, dataAt: at + 20, size, content: { baseOid: pack.toString('hex', at, at + 20) } };
  if (code === 6) {
    const base = readBaseDistance(pack, at);
    return { offset, dataAt: base.at, size, content: { baseOffset: offset - base.distance } };
  }
  const type = objectTypes[code];
  if (!type) throw invalid('(pack)', `an object has the unknown type ${code}`);
  return { offset, dataAt: at, size, content: { type } };
}

/** Distance back to a delta's base: seven bits a byte, most first, one added for each further byte. */
function readBaseDistance(pack: Buffer, start: number): { at: number; distance: number } {
  let at = start;
  let byte = byteAt(pack, at++);
  let distance = byte & 0x7f;
  while (byte & 0x80) {
    byte = byteAt(pack, at++);
    distance = (distance + 1) * 128 + (byte & 0x7f);
    if (distance > pack.length) throw invalid('(pack)', 'a delta has its base outside the pack');
  }
  return { at, distance };
}

function sizeOfResult(delta: Buffer): number {
  try {
    return resultSize(delta);
  } catch (error) {
    if (error instanceof DeltaError) throw invalid('(pack)', error.message);
    throw error;
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
    const why = error instanceof Error ? error.message : String(error);
    throw invalid('(pack)', `an object cannot be inflated to ${size} bytes (${why})`);
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
