/**
 * Decompresses one block of LZ4 (lz4_Block_format.md of the LZ4 project), as squashfs holds them: without a frame, so that its end is the end of
 * the bytes. torcx allows two compressions, gzip and this one, and Node has only the first.
 */

/** @throws RangeError for bytes that are no such block, or hold more than `limit` */
export function decompressLz4Block(bytes: Uint8Array, limit: number): Buffer {
  const out = Buffer.allocUnsafe(limit);
  let [from, to] = [0, 0];
  /** Lengths of 15 go on in further bytes, as long as these are 255. */
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255;) {
      more = byteAt(bytes, from++);
      length += more;
    }
    return length;
  };
  while (from < bytes.length) {
    const token = byteAt(bytes, from++);
    const literals = lengthFrom(token >> 4);
    if (literals > bytes.length - from || literals > limit - to) throw new RangeError('literals lead out of the block');
    out.set(bytes.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    // The last sequence has literals only.
    if (from === bytes.length) return out.subarray(0, to);
    const offset = byteAt(bytes, from) | (byteAt(bytes, from + 1) << 8);
    from += 2;
    const match = lengthFrom(token & 15) + 4;
    if (offset === 0 || offset > to || match > limit - to) throw new RangeError('a match leads out of the block');
    // A match may overlap what it makes, so bytes are copied one by one where it does.
    if (offset >= match) out.copyWithin(to, to - offset, to - offset + match);
    else for (let i = 0; i < match; i++) out[to + i] = out[to + i - offset] ?? 0;
    to += match;
  }
  throw new RangeError('the block is cut off');
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new RangeError('the block is cut off');
  return byte;
}
