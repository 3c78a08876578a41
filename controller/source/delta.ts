/** Git's binary deltas (gitformat-pack(5), "Deltified representation"): pure. */

export class DeltaError extends Error {}

/** The size of what a delta makes, from its head. */
export function resultSize(delta: Buffer): number {
  return readSize(delta, readSize(delta, 0).at).size;
}

/** Applies a delta to its base. Throws DeltaError when it does not fit. */
export function applyDelta(delta: Buffer, base: Buffer): Buffer {
  const from = readSize(delta, 0);
  const to = readSize(delta, from.at);
  if (from.size !== base.length) throw new DeltaError(`a delta is for ${from.size} bytes and its base has ${base.length}`);
  const out = Buffer.allocUnsafe(to.size);
  let [at, written] = [to.at, 0];
  while (at < delta.length) {
    const op = byteAt(delta, at++);
    let piece: Buffer;
    if (op & 0x80) {
      const copy = readCopy(delta, at, op);
      at = copy.at;
      piece = slice(base, copy.offset, copy.size);
    } else {
      if (op === 0) throw new DeltaError('a delta has an unknown instruction');
      piece = slice(delta, at, op);
      at += op;
    }
    if (written + piece.length > to.size) throw new DeltaError('a delta makes more than it says');
    written += piece.copy(out, written);
  }
  if (written !== to.size) throw new DeltaError('a delta makes less than it says');
  return out;
}

/** Offset and size of a copy: seven bits of the instruction say which of their bytes are written. */
function readCopy(delta: Buffer, start: number, op: number): { at: number; offset: number; size: number } {
  let at = start;
  const read = (bits: readonly number[]): number =>
    bits.reduce((value, bit, i) => (op & bit ? value + byteAt(delta, at++) * 2 ** (8 * i) : value), 0);
  const offset = read([0x01, 0x02, 0x04, 0x08]);
  const size = read([0x10, 0x20, 0x40]);
  return { at, offset, size: size || 0x10000 };
}

/** Seven bits a byte, least first. */
function readSize(delta: Buffer, start: number): { at: number; size: number } {
  let [at, size, factor] = [start, 0, 1];
  for (;;) {
    const byte = byteAt(delta, at++);
    size += (byte & 0x7f) * factor;
    factor *= 128;
    if (!(byte & 0x80)) return { at, size };
  }
}

function slice(bytes: Buffer, at: number, size: number): Buffer {
  if (at + size > bytes.length) throw new DeltaError('a delta reaches beyond its base');
  return bytes.subarray(at, at + size);
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new DeltaError('a delta is cut short');
  return byte;
}
